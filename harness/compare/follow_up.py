"""What would settle what these runs cannot tell: fresh seeds alone, their command and how long they take.

Adding seeds to those that are here until something is significant would err in 12 % of the cases, where 5 are promised.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from ..plan import Cell, Group
from ..protocol import find_protocol
from ..records.claims import Claim
from ..records.kinds import RunRecord
from ..stats import power
from ..stats.contrasts import half_p
from ..stats.shares import boschloo_p
from ..stats.verdicts import ALPHA
from ..write import origin

LARGEST = 1e6  # difference, in standard deviations: of runs without any spread
REACH = 100  # more seeds of each model than these are out of reach
FOLDER = "results/follow-up"  # where they lie apart from those that are here


def seeds_for(size: float | None, alpha: float = ALPHA) -> int | None:
    """How many fresh seeds of each of two models find such a difference, in standard deviations of a run, with 80 %;
    None where no number in reach does."""
    if size is None:
        return None
    size = min(abs(size), LARGEST)
    if power.power(size, REACH, rng=np.random.default_rng(0), alpha=alpha) < power.LIKELY:
        return None
    return power.seeds_needed(size, rng=np.random.default_rng(0), alpha=alpha, studies=power.STUDIES // 4)


def seeds_for_shares(arrived: Sequence[tuple[int, int]]) -> int | None:
    """How many fresh seeds of each of two models show, with 80 %, that more than half of the first's runs come to the
    target and fewer of the second's, where their true shares are those of `arrived`, (runs that came, runs) each; None
    where no number in reach does, or nothing is known of them."""
    if not arrived:
        return None
    (first, second) = (good / of for good, of in arrived)
    for seeds in range(1, REACH + 1):
        enough = int(stats.binom.isf(ALPHA, seeds, 0.5)) + 1  # the least whose one-sided p is at most ALPHA
        if stats.binom.sf(enough - 1, seeds, first) * stats.binom.cdf(seeds - enough, seeds, second) >= power.LIKELY:
            return seeds
    return None


def size_of(first: ArrayLike, second: ArrayLike) -> float | None:
    """The difference of the means of runs (seeds,) and (seeds,) in standard deviations of a run; infinite where only
    the means differ, None where nothing does."""
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    spread, difference = (
        np.sqrt((x.var(ddof=1) + y.var(ddof=1)) / 2) if min(x.size, y.size) > 1 else 0.0,
        x.mean() - y.mean(),
    )
    if difference == 0 or min(x.size, y.size) < 2:
        return None
    return float(difference / spread) if spread else float(np.copysign(np.inf, difference))


def commands(cells: Iterable[Cell], results: str = "") -> str:
    """The commands that run these cells, in code quotes: one for all models that lack the same seeds on the same tasks.

    results: the folder of the records, where it is another than `bench run` takes.
    """
    every = list(cells)
    lacking: dict[tuple[str, ...], dict[str, list[int]]] = {}
    for cell in every:
        lacking.setdefault(_of(cell), {}).setdefault(cell.task, []).append(cell.seed)
    alike: dict[tuple[str, ...], dict[str, None]] = {}
    for (protocol, budget, model), seeds in lacking.items():
        for wanted in seeds.values():
            tasks = ",".join(task for task in seeds if seeds[task] == wanted)
            alike.setdefault((protocol, budget, tasks, _listed(wanted)), {})[model] = None
    option = f" --results {shlex.quote(results)}" if results else ""
    return "; ".join(
        f"`{origin.command('run', [tasks], models, protocol, _unusual(budget, protocol), seeds)}{option}`"
        for (protocol, budget, tasks, seeds), models in alike.items()
    )


def _of(cell: Cell) -> tuple[str, str, str]:
    return cell.protocol, cell.budget, cell.model


def _unusual(budget: str, protocol: str) -> str:
    return "" if budget == find_protocol(protocol).budget else budget


def _listed(seeds: Sequence[int]) -> str:
    """'5-12', which a single seed must be written as too, since a number alone is a count."""
    whole = list(range(seeds[0], seeds[-1] + 1)) == list(seeds)
    return f"{seeds[0]}-{seeds[-1]}" if whole else ",".join(map(str, seeds))


def settling(undecided: Sequence[tuple[float | None, Sequence[RunRecord]]], alpha: float) -> list[str]:
    """A sentence: what would settle the differences of which nobody can tell, each a size with its runs."""
    if not undecided:
        return []
    wanted = [seeds_for(size, alpha) for size, _ in undecided]
    known = [seeds for seeds in wanted if seeds is not None]
    if len(known) < len(wanted):
        return [
            f"No number of seeds in reach ({REACH} of each) would find {'each difference' if undecided[1:] else 'it'} "
            f"with {power.LIKELY:.0%}, as small as seen here."
        ]
    runs = [run for _, mine in undecided for run in mine]
    first = 1 + max(run.cell.seed for run in runs)
    groups = dict.fromkeys(run.cell.group for run in runs)
    cells = [Cell(*group, seed) for group in groups for seed in range(first, first + max(known))]
    return [
        "Fresh seeds alone may settle it, as adding to these until something is significant errs in 12 % of the cases: "
        f"{commands(cells, FOLDER)}, compared in that folder, find differences as large as seen here with "
        f"{power.LIKELY:.0%} each."
    ]


def seconds(cells: Iterable[Cell], runs: Iterable[RunRecord]) -> float | None:
    """How long these cells take on one core, as other seeds did; None where one of them has none."""
    took: dict[Group, list[float]] = {}
    for run in runs:
        if run.status == "ok" and run.train_seconds is not None:
            took.setdefault(run.cell.group, []).append(run.seconds)
    return _sum(cells, took)


def _sum(cells: Iterable[Cell], took: Mapping[Group, Sequence[float]]) -> float | None:
    every = list(cells)
    if any(cell.group not in took for cell in every):
        return None
    return sum(float(np.mean(took[cell.group])) for cell in every)


def promise(claim: Claim) -> str:
    """When a claim will be supported, in words, before anything has run."""
    contrasts, n = len(claim.contrasts), claim.seeds
    every = claim.outcome == "every"
    alpha = ALPHA if every else ALPHA / contrasts  # Holm's first step
    likely = 1 - (1 - power.LIKELY) / contrasts if every else power.LIKELY
    of_all = "it" if contrasts == 1 else f"{'each' if every else 'one'} of its {contrasts} contrasts"
    shown = f"supported with {power.LIKELY:.0%} where"
    if claim.kind in ("equivalent", "not-better"):
        spread = claim.margin * power.widest_spread(n, 2 if claim.kind == "equivalent" else 1, likely)
        return f"{shown} the means are one and the runs of each model spread by {spread:.2g} % of the way at most"
    if claim.test in ("metric", "steps"):
        effect = power.declared_effect(n, claim.test, alpha, likely)
        if effect is None:
            return f"no difference is found with {n} seeds"
        return f"{shown} {of_all} differs by {effect:.1f} standard deviations of a run" + (
            "'s steps" if claim.test == "steps" else ""
        )
    if claim.test == "solved":
        most = [other for other in range(n) if boschloo_p((n, n), (other, n)) <= alpha]
        both = f"supported where all {n} runs of each a come to the target and at most {max(most, default=0)} of each b"
        return both if most else f"nothing is shown with {n} seeds"
    enough = next((good for good in range(n + 1) if half_p(good, n)[0] <= ALPHA), None)
    if enough is None:
        return f"nothing is shown with {n} seeds"
    return f"supported where {enough} of {n} runs of each a come to the target, and {n - enough} of each b"
