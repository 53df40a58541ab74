"""What a campaign claims before its runs: `claims.toml` in its folder, a [[claim]] table each.

id = "sfc-pyramid"
says = "On counting signal lengths the three-layer pyramid is above every other model."
where = "TP-RNN, Table 2"                    # whose claim it is
kind = "better"                              # one of KINDS
a = ["tp-rnn-m"]                             # a contrast is one of a against one of b on one task;
b = ["lstm-s", "@head=normal"]               # the second is the model of a with that option
tasks = ["sfc"]                              # or `pairs = [["lstm-m", "lstm-s"]]` instead of a and b
protocol = "desk"
budget = "paper"                             # the protocol's where nothing is said
seeds = 5                                    # from first_seed on, which is 0 but for a follow-up with fresh seeds
test = "metric"                              # one of TESTS, which no data choose
outcome = "every"                            # of the contrasts must hold; or "any"
margin = 2.0                                 # percent of the way from chance to a perfect score

A record keeps a digest of each claim that it serves, so a claim that is changed is another one.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import product
from pathlib import Path
from typing import Any

from ..errors import BenchError, nearest
from ..plan import Cell, find_budget
from ..protocol import find_protocol
from .campaign import Block, Difference
from .kinds import RunRecord
from .typed import typed

FILE = "claims.toml"
KINDS = {
    "better": "a has the better test metric",
    "order": "the first of each pair has the better test metric",
    "faster": "a needs fewer steps to the task's target; a run that never comes to it is censored",
    "alive": "more than half of the runs of a come to the task's target, and of b fewer than half",
    "not-better": "a is not above b by more than the margin",
    "equivalent": "the difference lies within the margin",
}
TESTS = {
    "metric": "Brunner and Munzel's test over all labellings: is a run of a above one of b as often as below?",
    "solved": "Boschloo's exact test of the shares of runs that come to the task's target",
    "steps": "the log-rank test over all labellings of the steps to the task's target, with censoring",
    "share": "the exact binomial test: do more than half of all runs of a come to the task's target, and fewer of b?",
}
TESTS_OF = dict.fromkeys(KINDS, ("metric",)) | {
    "better": ("metric", "solved", "steps"),
    "order": ("metric", "solved", "steps"),
    "faster": ("steps",),
    "alive": ("share",),
}
OUTCOMES = ("every", "any")
WORDS = ("id", "says", "where", "paper")  # what is read, not tested


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence that runs can show or refute; the fields are those of its table."""

    id: str
    says: str
    kind: str
    tasks: tuple[str, ...]
    protocol: str
    seeds: int  # so many, from first_seed on
    test: str
    budget: str = ""
    where: str = ""
    a: tuple[str, ...] = ()
    b: tuple[str, ...] = ()
    pairs: tuple[tuple[str, ...], ...] = ()
    outcome: str = "every"
    margin: float = 2.0
    measure: str = ""  # what is compared, where it is no test metric
    paper: str = ""  # what the source's own table shows
    first_seed: int = 0

    @property
    def digest(self) -> str:
        """A SHA-256 of all that decides its outcome; a field of later that says nothing does not change it."""
        usual = {field.name: field.default for field in fields(self)}
        facts = {key: value for key, value in asdict(self).items() if key not in WORDS and value != usual[key]}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    @property
    def contrasts(self) -> list[tuple[str, str, str]]:
        """(a, b, task) of each contrast, in the order of the table."""
        sides = [(a, f"{a}{b}" if b.startswith("@") else b) for a, b in product(self.a, self.b)]
        return [(a, b, task) for task in self.tasks for a, b in (*sides, *((p[0], p[1]) for p in self.pairs))]

    @property
    def numbers(self) -> range:
        """Its seeds."""
        return range(self.first_seed, self.first_seed + self.seeds)

    @property
    def cells(self) -> list[Cell]:
        """The runs that decide it."""
        served = dict.fromkeys((task, model) for a, b, task in self.contrasts for model in (a, b))
        budget = find_budget(self.budget or find_protocol(self.protocol).budget).name
        return [Cell(self.protocol, task, model, budget, seed) for task, model in served for seed in self.numbers]

    def is_served_by(self, cell: Cell) -> bool:
        """Is this run one that decides it?"""
        return cell in self.cells


@dataclass(frozen=True, slots=True)
class Declared:
    """What a results folder asks of its records. blocks: of its plan; folder: of `bench run`, empty for the usual;
    differences: of its results and the papers'; longer: its runs at the papers' length, which say whether what sleeps
    in less time wakes."""

    claims: tuple[Claim, ...] = ()
    blocks: tuple[Block, ...] = ()
    folder: str = ""
    differences: tuple[Difference, ...] = ()
    longer: tuple[RunRecord, ...] = ()

    def of(self, protocol: str) -> Declared:
        """The claims of one protocol."""
        return replace(self, claims=tuple(claim for claim in self.claims if claim.protocol == protocol))


def claims_of(path: Path) -> list[Claim]:
    """The claims of a file, in its order; none where there is no such file.

    Raises BenchError, a sentence, for what is no claim, and where two have one id.
    """
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError) as error:
        raise BenchError(f"{path} cannot be read ({' '.join(str(error).split())}); mend it") from None
    tables = said.pop("claim", [])
    if said or not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise BenchError(f"{path} is no file of claims; it has [[claim]] tables and nothing else")
    claims: dict[str, Claim] = {}
    for number, table in enumerate(tables, 1):
        claim = _claim(f"{path}, claim {table.get('id', number)}", table)
        if claim.id in claims:
            raise BenchError(f"{path} has two claims called '{claim.id}'")
        claims[claim.id] = claim
    return list(claims.values())


def _claim(where: str, table: Mapping[str, Any]) -> Claim:
    known = [field.name for field in fields(Claim)]
    if unknown := [key for key in table if key not in known]:
        raise BenchError(f"{where}: {nearest('field of a claim', unknown[0], known, 'docs/extending.md')}")
    try:
        claim: Claim = typed(Claim, table)
        find_budget(claim.budget or find_protocol(claim.protocol).budget)
    except (ValueError, BenchError) as error:
        raise BenchError(f"{where}: {error}") from None
    for word, value, choices in (
        ("kind", claim.kind, tuple(KINDS)),
        ("test", claim.test, tuple(TESTS)),
        ("outcome", claim.outcome, OUTCOMES),
    ):
        if value not in choices:
            raise BenchError(f"{where}: {word} is '{value}', but must be one of {', '.join(choices)}")
    if any(len(pair) != 2 for pair in claim.pairs) or not claim.contrasts:
        raise BenchError(f"{where} has no contrast; it needs a and b, or pairs of two, and tasks")
    if alike := [a for a, b, _ in claim.contrasts if a == b]:
        raise BenchError(f"{where} has a contrast of {alike[0]} with itself; name two models")
    if claim.seeds < 2 or not 0 < claim.margin < 100 or claim.first_seed < 0:
        raise BenchError(f"{where}: seeds must be at least 2, margin between 0 and 100, and first_seed at least 0")
    if claim.test not in TESTS_OF[claim.kind]:
        by = " or ".join(TESTS_OF[claim.kind])
        raise BenchError(f"{where}: test is '{claim.test}', but a claim of kind {claim.kind} is tested by {by}")
    return claim


def served(claims: Sequence[Claim], cell: Cell) -> dict[str, str]:
    """The id of each claim that a run serves -> the claim's digest."""
    return {claim.id: claim.digest for claim in claims if claim.is_served_by(cell)}
