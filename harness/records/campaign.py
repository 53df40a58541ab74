"""Whose records a results folder holds: those of a committed campaign, or a user's own.

A campaign is a folder in `results/` that has a campaign.toml; its pages are committed too, in `reports/`:

closed = true   # no run adds a record
pages = "zoo"   # they lie in `reports/zoo/`

Its folder `tuning`, the trials behind its tracks, is of the same campaign.

As its records are committed, a cell that is not finished leaves none in it; its checkpoint lies in the user's cache.
What somebody sends does not say where pages go: elsewhere such a file does the rest alone.

A plan is what a campaign wants to be run, in this order; each block has the words of `bench run`:

[[block]]
name = "signal lengths, as the sources say"
task = "sfc"
models = "tp-rnn-m,lstm-s"
protocol = "desk"
seeds = "5"

Its differences.toml has what was looked into where a result is another than a paper's, by the fields of Difference:

[[difference]]
task = "sfc"
model = "dilated-lstm"
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BenchError
from .typed import typed

FILE = "campaign.toml"
PLAN = "plan.toml"
DIFFERENCES = "differences.toml"
TRIALS = "tuning"  # the folder of trials in a results folder
COMMITTED = Path("reports")  # the pages of a campaign
OWN = COMMITTED / "own"  # those of a user's own records, which git ignores


@dataclass(frozen=True, slots=True)
class Campaign:
    """reports: the folder of the pages; closed: no run adds a record; name: "zoo" or "zoo/tuning", else ""."""

    reports: Path = OWN
    closed: bool = False
    name: str = ""

    @property
    def committed(self) -> bool:
        return self.reports != OWN

    @property
    def keeps_unfinished(self) -> bool:
        """Does a cell that is not finished leave a record and, beside it, its checkpoint?"""
        return not self.name


def campaign_of(results: Path) -> Campaign:
    """What a results folder is; without a campaign.toml it is a user's own.

    Raises BenchError for a campaign.toml that cannot be read or says anything else.
    """
    folder, path, name = results.resolve(), results / FILE, ""
    if folder.name == TRIALS and not os.path.lexists(path):
        folder, name = folder.parent, f"/{TRIALS}"
        path = (results.parent if results.name == TRIALS else folder) / FILE
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return Campaign()
    except (OSError, ValueError) as error:
        raise BenchError(f"{path} cannot be read ({' '.join(str(error).split())}); mend or delete it") from None
    closed, pages = said.pop("closed", False), said.pop("pages", "")
    if said or not isinstance(closed, bool) or not isinstance(pages, str) or not re.fullmatch(r"[a-z0-9-]*", pages):
        raise BenchError(
            f"{path} may say `closed = true`, `pages =` and a name in small letters, and no more; mend or delete it"
        )
    committed = folder.parent == Path("results").resolve()
    return Campaign(COMMITTED / pages if committed else OWN, closed, folder.name + name)


@dataclass(frozen=True, slots=True)
class Block:
    """Some cells of a plan, by the words of `bench run`."""

    name: str
    words: Mapping[str, str]


WORDS = {"task", "models", "protocol", "budget", "seeds"}


def _tables(path: Path, name: str, what: str) -> list[dict[str, Any]]:
    """The tables of this name in a file that has nothing else. Raises BenchError, which says what they are."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchError(f"{path} cannot be read ({' '.join(str(error).split())})") from None
    found = said.pop(name, None)
    if said or not isinstance(found, list) or not found or not all(isinstance(table, dict) for table in found):
        raise BenchError(f"{path} {what}")
    return found


@dataclass(frozen=True, slots=True)
class Difference:
    """Of a model on a task. supposed: what may explain it; tried: by which runs, of `models`; found: what follows."""

    task: str
    model: str
    models: tuple[str, ...]
    supposed: str
    tried: str
    found: str


def differences_of(folder: Path) -> tuple[Difference, ...]:
    """Those of a campaign, none without a file of them. Raises BenchError, a sentence, for what is none."""
    path = folder / DIFFERENCES
    if not path.is_file():
        return ()
    tables = _tables(path, "difference", "is no file of differences; it has [[difference]] tables and nothing else")
    try:
        found = [typed(Difference, table) for table in tables]
    except ValueError as error:
        raise BenchError(f"{path}: {error}") from None
    if lacking := [one for one in found if one.model not in one.models]:
        raise BenchError(f"{path}: {lacking[0].model} is not among the models that are to be shown")
    return tuple(found)


def blocks_of(path: Path) -> list[Block]:
    """The blocks of a plan, in its order. Raises BenchError, a sentence, for what is no plan."""
    found = _tables(path, "block", "is no plan; it has [[block]] tables, each with a name and a task, and nothing else")
    blocks = []
    for number, block in enumerate(found, 1):
        words = {key: block[key] for key in block if key != "name"}
        if odd := [key for key, value in block.items() if not isinstance(value, str) or key not in {"name", *WORDS}]:
            known = ", ".join(sorted(WORDS))
            raise BenchError(
                f"{path}, block {number}: '{odd[0]}' is no text of {known} or name, as `bench run` has them"
            )
        if lacking := [key for key in ("name", "task") if not block.get(key)]:
            raise BenchError(f"{path}, block {number} has no {lacking[0]}")
        blocks.append(Block(block["name"], words))
    return blocks
