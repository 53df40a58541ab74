"""Pages in memory become files: Markdown with its pictures, one HTML file, CSV, LaTeX."""

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from ..errors import BenchError
from . import markdown
from .sheet import Sheet

FORMATS = ("md", "html", "csv", "tex")
HTML = "report.html"
TABLES: dict[str, Callable[[markdown.Table], str]] = {"csv": markdown.as_csv, "tex": markdown.as_latex}


def chosen(words: str) -> tuple[str, ...]:
    """'md,html' as formats, in the order of FORMATS. Raises BenchError on any other word."""
    asked = [word.strip() for word in words.split(",") if word.strip()]
    if strange := [word for word in asked if word not in FORMATS]:
        raise BenchError(f"there is no format '{strange[0]}' of a report; there are {', '.join(FORMATS)}")
    if not asked:
        raise BenchError(f"no format of the report is named; there are {', '.join(FORMATS)}")
    return tuple(word for word in FORMATS if word in asked)


def files(sheets: Mapping[str, Sheet], formats: Collection[str]) -> dict[str, str | bytes]:
    """File name -> content, of the formats that are files beside a page."""
    found: dict[str, str | bytes] = {}
    for name, sheet in sheets.items():
        if "md" in formats:
            found |= {name: sheet.text, **sheet.pictures}
        for kind, written in TABLES.items():
            if kind in formats:
                own = {file: text for file, text in sheet.files.items() if file.endswith(f".{kind}")}
                found |= own or {
                    f"{name.removesuffix('.md')}{f'-{place}' * (place > 1)}.{kind}": written(table)
                    for place, table in enumerate(markdown.tables(markdown.parse(sheet.text)), 1)
                }
    return found


def contents(sheets: Mapping[str, Sheet], formats: Collection[str]) -> dict[str, str | bytes]:
    """File name -> content, of all these formats."""
    found = files(sheets, formats)
    if "html" in formats:
        from . import html

        found[HTML] = html.document(sheets)
    return found


def save(made: Mapping[str, str | bytes], folder: Path) -> list[Path]:
    """Write these files to a folder; their paths. Nothing there is deleted.

    Raises BenchError where one would lie elsewhere, through a link, or cannot be written.
    """
    path = folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in made.items():
            path = folder / name
            if path.resolve() != folder.resolve() / name:
                raise BenchError(f"the page {path} would be written to {path.resolve()}; remove the link")
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise BenchError(f"{path} cannot be written ({error.strerror}); choose another folder with --reports") from None
    return [folder / name for name in made]


def differences(made: Mapping[str, str | bytes], folder: Path) -> list[str]:
    """How the files of a folder differ from what was made of the records, a sentence each.

    A figure only has to be there: its bytes depend on the version of matplotlib, also inside the HTML file.
    """
    found = []
    for name, content in sorted(made.items()):
        path = folder / name
        if not path.is_file():
            found.append(f"{path} is missing")
        elif not name.endswith(".svg"):
            here, there = (_without_figures(text) for text in (content, path.read_bytes()))
            if here != there:
                lines = zip(here.splitlines(), there.splitlines(), strict=False)
                first = next((n for n, (a, b) in enumerate(lines, 1) if a != b), min(map(_lines, (here, there))) + 1)
                found.append(f"{path} differs from what the records give, from line {first} on")
    return found


def _without_figures(content: str | bytes) -> str:
    text = content if isinstance(content, str) else content.decode(errors="replace")
    return re.sub(r"<svg .*?</svg>", "", text, flags=re.DOTALL)


def _lines(text: str) -> int:
    return len(text.splitlines())
