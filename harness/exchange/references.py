"""BibTeX of what a report uses: the sources of its models and tasks, and what its pages name by author and year.

All entries stand in references.bib. A model or task names its papers by their titles, its code and data by addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tasks.data.sources import SOURCES

from ..catalog import MODELS, find_model, find_task, strange_task
from ..errors import BenchError
from ..plan import Cell, Group, split_options
from ..records.store import Loaded

FILE = "references.bib"


@dataclass(frozen=True, slots=True)
class Entry:
    """text: as it stands in the file. name: the first author's family name, without accents."""

    key: str
    text: str
    title: str
    name: str
    year: str
    url: str

    def is_in(self, cite: str) -> bool:
        """Does a model or task mean it, by its title, which follows the authors? Another's may have it inside."""
        return f": {self.title.lower()}" in cite.lower()

    def is_named(self, page: str) -> bool:
        """Does a page name it: 'Kaplan and Meier, 1958', 'Wilson's interval (1927)', 'Dodge et al., EMNLP 2019'?"""
        pattern = rf"\b{re.escape(self.name)}\b[^.;|]{{0,60}}(et al\.[^.;|]{{0,20}})?\b{self.year}\b"
        return bool(self.year) and re.search(pattern, page) is not None


@cache
def entries() -> tuple[Entry, ...]:
    """All of the file, in its order."""
    text = Path(__file__).with_name(FILE).read_text(encoding="utf-8")
    return tuple(map(_entry, re.findall(r"^@\w+\{.*?^\}$", text, flags=re.DOTALL | re.MULTILINE)))


def _entry(text: str) -> Entry:
    def value(name: str) -> str:
        found = re.search(rf"\b{name} = \{{(.*?)\}},?(?= \w+ =|\n)", text)
        return "" if found is None else found[1]

    key = re.match(r"@\w+\{([\w-]+),", text)
    name = re.sub(r"\\.|[{}]", "", value("author").partition(",")[0])
    return Entry(key[1] if key else "", text, value("title"), name, value("year"), value("url"))


def cited(models: Iterable[str], tasks: Iterable[str]) -> tuple[list[str], set[str]]:
    """What these models and tasks of ours say where they are from, and the addresses of their code and data."""
    cites, urls = [], set()
    for name in models:
        if split_options(name)[0] in MODELS:
            spec = find_model(split_options(name)[0])
            cites.append(spec.cite)
            urls.add(spec.source)
    for name in tasks:
        if not strange_task(name):
            try:
                task = find_task(split_options(name)[0])
            except BenchError:  # a record of a task that there is no more
                continue
            cites.append(task.cite)
            urls |= {SOURCES[task.data].home} if task.data else set()
    return cites, urls - {""}


def of(loaded: Loaded, pages: Iterable[str]) -> str:
    """The references of a report of these records and claims, which has these pages."""
    named: set[Group | Cell] = {run.cell for run in loaded.runs}
    named |= {one.group for one in loaded.measurements}
    named |= {cell for claim in loaded.declared.claims for cell in claim.cells}
    return bibtex({one.model for one in named}, {one.task for one in named}, pages)


def bibtex(models: Iterable[str], tasks: Iterable[str], pages: Iterable[str]) -> str:
    """The entries that records of these models and tasks, and these pages, use, in the order of their keys."""
    cites, urls = cited(models, tasks)
    read = list(pages)
    used = [
        entry
        for entry in entries()
        if entry.url in urls or any(map(entry.is_in, cites)) or any(map(entry.is_named, read))
    ]
    return "\n\n".join(entry.text for entry in sorted(used, key=lambda entry: entry.key)) + "\n" * bool(used)
