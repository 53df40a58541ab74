"""Which cells a command stands for. Pure: words in, cells out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from .errors import BenchError


class Group(NamedTuple):
    """What cells that differ in the seed alone share, and what a measurement is of."""

    protocol: str
    task: str
    model: str
    budget: str

    def __str__(self) -> str:
        return f"{self.task} {self.model} {self.budget}"


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One training run. Its fields are names; together they are its identity and its path."""

    protocol: str
    task: str
    model: str
    budget: str
    seed: int

    @property
    def group(self) -> Group:
        return Group(self.protocol, self.task, self.model, self.budget)

    def __str__(self) -> str:
        return f"{self.group} seed {self.seed}"


def plan(protocol: str, tasks: Iterable[str], models: Iterable[str], budget: str, seeds: Iterable[int]) -> list[Cell]:
    """Every task with every model and seed; all models get their first seed before any gets its second."""
    return [
        Cell(protocol, task, model, budget, seed)
        for task, seed, model in product(list(tasks), list(seeds), list(models))
    ]


def parse_seeds(text: str) -> list[int]:
    """'3' -> seeds 0, 1, 2; '0,4,7' and '5-7' are lists of seeds. Raises ValueError."""
    if "," not in text and "-" not in text:
        count = int(text)
        if count < 1:
            raise ValueError(text)
        return list(range(count))
    seeds: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        seeds.extend(range(int(first), int(last or first) + 1))
    if not seeds:
        raise ValueError(text)
    return list(dict.fromkeys(seeds))


def split_words(text: str) -> list[str]:
    """'a, b@k=(1,2), a' -> ['a', 'b@k=(1,2)']: commas inside brackets belong to a word.

    Raises BenchError for a word that cannot be printed in one line or quoted on a page, as no record could bear it.
    """
    if not text.isprintable() or "`" in text:
        raise BenchError(f"the name {text!a} has a letter that no page can show; rename what it names")
    words = re.split(r",(?![^(\[]*[)\]])", text)
    return list(dict.fromkeys(filter(None, (word.strip() for word in words))))


def split_options(name: str) -> tuple[str, str]:
    """'me@home/net.py:Net@a=1' -> ('me@home/net.py:Net', 'a=1'): an @ before the ending of a file is its path's."""
    file = re.match(r"[^=]*?\.py:", name)
    base, _, options = name[file.end() if file else 0 :].partition("@")
    return (file[0] if file else "") + base, options
