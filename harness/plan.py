"""Which cells a command stands for, and their budgets. Pure: words in, cells out."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from .errors import BenchError

MOST_SEEDS = 10_000  # of one command
LAST_SEED = 2**32 - 1
MOST_PARAMETERS = 10**10
MOST_UNITS = 10**5


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
    """'3' -> seeds 0, 1, 2; '0' -> seed 0; '0,4,7', '5-7' and '5..7' are lists of seeds.

    Raises BenchError for anything else, and for seeds that are too many or too large.
    """
    seeds: dict[int, None] = {}
    for first, last in _ranges(text):
        if first > last:
            raise BenchError(f"'{text}' counts backwards; write {last}-{first}")
        if last > LAST_SEED:
            raise BenchError(f"'{text[:40]}' has a seed above the largest, {LAST_SEED}")
        if last - first >= MOST_SEEDS or len(seeds) > MOST_SEEDS:
            raise BenchError(f"'{text[:40]}' are more than {MOST_SEEDS:,} seeds; write a count such as 5, or a list")
        seeds |= dict.fromkeys(range(first, last + 1))
    return list(seeds)


def _ranges(text: str) -> list[tuple[int, int]]:
    """The first and the last seed of each part. Raises BenchError where there is none."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    found = [re.fullmatch(r"([0-9]{1,20})(?:\s*(?:-|\.\.+|:)\s*([0-9]{1,20}))?", part) for part in parts]
    if not parts or not all(found):
        raise BenchError(f"'{text[:40]}' are no seeds; write a count such as 5, or a list such as 0,3,5-7")
    ranges = [(int(part[1]), int(part[2] or part[1])) for part in found if part]
    if re.fullmatch(r"\s*[0-9]+\s*", text):  # a count; nobody asks for none, so 0 is the seed
        return [(0, max(0, ranges[0][0] - 1))]
    return ranges


def whole(word: str, most: int = 10**6) -> int | None:
    """'5' -> 5: a whole number from 1 to `most`, or None for anything else."""
    return int(word) if re.fullmatch("[0-9]{1,20}", word) and 1 <= int(word) <= most else None


def split_words(text: str) -> list[str]:
    """'a, b@k=(1,2), a' -> ['a', 'b@k=(1,2)']: commas inside brackets belong to a word, a leading ./ to none.

    Raises BenchError for a word that cannot be printed in one line or quoted on a page, as no record could bear it.
    """
    if not text.isprintable() or "`" in text:
        raise BenchError(f"the name {text!a} has a letter that no page can show; rename what it names")
    words = (word.strip() for word in re.split(r",(?![^(\[]*[)\]])", text))
    return list(dict.fromkeys(re.sub(r"^(\./+)+(?=.)", "", word) for word in words if word))


def split_options(name: str) -> tuple[str, str]:
    """'me@home/net.py:Net@a=1' -> ('me@home/net.py:Net', 'a=1'): an @ before the ending of a file is its path's."""
    file = re.match(r"[^=]*?\.py:", name)
    base, _, options = name[file.end() if file else 0 :].partition("@")
    return (file[0] if file else "") + base, options


@dataclass(frozen=True, slots=True)
class Budget:
    """A number of trainable parameters; without one each model has the width given, or its paper's."""

    name: str
    params: int | None
    tolerance: float = 0.01  # a model that cannot come closer than this is skipped
    width: float | None = None  # units of every layer


def find_budget(text: str, tolerance: float = 0.01) -> Budget:
    """'10k', '42k', '1.5M', '41810', 'paper', or 'width-100' for models of equal width."""
    word = text.strip().lower().replace(",", "").replace("_", "")
    if word == "paper":
        return Budget("paper", None, tolerance)
    if word.startswith("width-"):
        return _wide(text, word.removeprefix("width-"), tolerance)
    factor = {"k": 1_000, "m": 1_000_000}.get(word[-1:], 1)
    try:
        params = round(float(word if factor == 1 else word[:-1]) * factor)
    except (ValueError, OverflowError):
        raise BenchError(
            f"'{text}' is no budget; write a number of parameters such as 42k or 41810, or paper"
        ) from None
    if params > MOST_PARAMETERS:
        raise BenchError(f"the budget '{text}' is above {MOST_PARAMETERS:,} parameters; write a number such as 42k")
    if params < 1:
        raise BenchError(f"the budget '{text}' is below one parameter; write a number such as 42k, or paper")
    return Budget(f"{params // 1000}k" if params % 1000 == 0 else str(params), params, tolerance)


def _wide(text: str, units: str, tolerance: float) -> Budget:
    try:
        width = float(units)
    except ValueError:
        width = math.nan
    if not 0 < width <= MOST_UNITS:
        raise BenchError(f"'{text}' is no width; write a number from 1 to {MOST_UNITS:,}, such as width-100")
    return Budget(f"width-{width:g}", None, tolerance, width)
