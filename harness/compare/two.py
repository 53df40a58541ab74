"""Two models, or two folders of records, side by side: is B better than A, worse, as good, or can nobody tell?

Each pair of rows shares task, budget, protocol version and seeds. All differences are of B less A on one scale,
the way from chance (0) to a perfect score (1), where a margin means the same for every task:

    same          of two folders: every seed's curve and result are equal, bit by bit
    equivalent    two one-sided t-tests over seeds find the mean within the margin, each with p <= 0.05, and neither
                  side's runs all ended alike, which proves nothing
    better        the exact test of the runs' labels says so, Holm's correction for all rows included
    worse         the same on the other side
    cannot tell   none of these

The whole is worse where any row is, whatever the others gain, else cannot tell where any row is: nothing is to hide
behind an average. So it is equivalent only where every row is, which needs no correction (intersection-union).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..catalog import shared_data
from ..errors import BenchError, counted
from ..records.kinds import NOT_COUNTED, RunRecord, TaskFacts
from ..stats import across, equivalence, power, shares
from ..stats import over_seeds as stats
from ..stats.verdicts import ALPHA, BETTER, CANNOT_TELL, EQUIVALENT, SAME, WORSE
from ..write import words
from . import follow_up
from .order import facts_of
from .pairwise import TEST
from .parted import RULE, against, parted, share, shown_runs
from .sides import FOLDERS, Place, Side
from .way import way_of_run

NAMED = 6  # rows in a sentence
Sample = tuple[Place, TaskFacts, NDArray[np.float64], NDArray[np.float64]]  # of A and of B (seeds,), on the way


@dataclass(frozen=True, slots=True)
class Row:
    """One task, or of two folders one task and model. Metrics are means of runs of the common seeds, of so many of
    them as `runs` says (A, B; see parted); learned: of those of A and of B, where either parts in two; difference:
    B less A on the way from chance; beats: how likely a run of B is better than one of A; p: two-sided, corrected;
    equal_p: that they are not equivalent.
    """

    place: Place
    metric: str
    seeds: int
    means: tuple[float | None, float | None]
    runs: tuple[int, int]
    learned: tuple[int, int] | None
    difference: stats.Interval
    beats: float
    shift: float
    p: float
    equal_p: float
    verdict: str


@dataclass(frozen=True, slots=True)
class Compared:
    """All rows, the verdict on all of them together, and what a reader must know, a sentence each."""

    rows: tuple[Row, ...]
    verdict: str
    notes: tuple[str, ...]


def compare(first: Side, second: Side, *, margin: float, rng: np.random.Generator) -> Compared:
    """B (second) against A (first). Raises BenchError where nothing can be compared."""
    if not margin > 0:
        raise BenchError(f"the margin is {margin:g}, but must be above 0: a difference that does not matter")
    common = sorted(set(first) & set(second))
    samples, left_out = [], []
    for place in common:
        sample = _sample(first[place], second[place])
        if sample is None:
            left_out.append(place)
        else:
            samples.append((place, *sample))
    if not samples:
        raise BenchError("no task has a run of both with the same seed that came to an end; run more seeds or tasks")
    seeds = max(x.size for _, _, x, _ in samples)
    adjusted = stats.holm([stats.unpaired_p(y, x) for _, _, x, y in samples])
    rows = [
        _row(place, (first[place], second[place]), facts, x, y, float(p), margin)
        for (place, facts, x, y), p in zip(samples, adjusted, strict=True)
    ]
    verdict, said = _together(samples, rows, rng)
    alone = power.smallest_p(seeds)
    undecided = [
        (follow_up.size_of(y, x), [*first[place].values(), *second[place].values()])
        for (place, _, x, y), row in zip(samples, rows, strict=True)
        if row.verdict == CANNOT_TELL
    ]
    notes = [
        said,
        *follow_up.settling(undecided, ALPHA / len(rows)),
        "Difference: B less A in % of the way from chance to a perfect score, mean and Student-t 95 % interval over "
        f"the common seeds; equivalent means within {100 * margin:g} %, each row at 5 % of its own. B beats A: how "
        f"likely a run of B is better than one of A. p: {TEST} (exchangeable), with Holm's correction for "
        f"{counted(len(rows), 'row')}; of {counted(seeds, 'seed')} it cannot be below {alone:.3g} before the "
        f"correction, nor below {min(1.0, len(rows) * alone):.3g} after it.",
        *_alike(rows),
        *_parted(rows),
        "A run that diverged or failed counts as the worst result of the two, or as chance where that is worse, but "
        "not in the means A and B, which then say of how many runs they are.",
        *_left_out(first, second, left_out),
    ]
    return Compared(tuple(rows), verdict, tuple(notes))


def _alike(rows: Sequence[Row]) -> list[str]:
    """What so few seeds leave open where they found no difference."""
    seeds = [row.seeds for row in rows if row.verdict == EQUIVALENT]
    if not seeds:
        return []
    return [
        f"Equivalent is said of the runs seen: {counted(min(seeds), 'run')} of a kind leave it open (5 %) that up to "
        f"{shares.unseen(min(seeds)):.0%} of further runs end otherwise."
    ]


def _parted(rows: Sequence[Row]) -> list[str]:
    """How far the shares that learned lie apart, where seeds part in two."""
    found = [(row, [(good, row.seeds) for good in row.learned]) for row in rows if row.learned]
    adjusted = stats.holm([shares.boschloo_p(b, a) for _, (a, b) in found])
    said = [
        f"{' '.join(row.place[1:])}: {a[0]} and {b[0]} of {row.seeds} ({against(b, a)}, p = {p:.3g})"
        for (row, (a, b)), p in zip(found, adjusted, strict=True)
    ]
    if not said:
        return []
    return [
        f"{RULE}: then A and B are means of those that learned. How many did, of A and of B, and in brackets B's share "
        "less A's, with Newcombe's 95 % interval and the p of Boschloo's exact test, with Holm's correction for these "
        f"rows: {'; '.join(said)}."
    ]


def _sample(
    first: Mapping[int, RunRecord], second: Mapping[int, RunRecord]
) -> tuple[TaskFacts, NDArray[np.float64], NDArray[np.float64]] | None:
    """How far the runs of both came, (seeds,) each; None where there is no common seed with something to say."""
    shared = sorted(set(first) & set(second))
    pairs = [(first[s], second[s]) for s in shared if not {first[s].status, second[s].status} & set(NOT_COUNTED)]
    facts = facts_of(run for pair in pairs for run in pair)
    versions = {run.protocol_version for pair in pairs for run in pair}
    if len(versions) > 1:
        cell = pairs[0][0].cell
        raise BenchError(
            f"the records of {cell.task} are of versions {sorted(versions)} of protocol {cell.protocol}; "
            "only records of one version can be compared"
        )
    if len({(run.task_source, run.data) for pair in pairs for run in pair}) > 1:
        raise BenchError(
            f"the task {pairs[0][0].cell.task} has changed between the records of A and those of B, which cannot be "
            "compared so; run those that are older again"
        )
    if facts is None:
        return None
    found = [[way_of_run(run, facts) for run in pair] for pair in pairs]
    if np.isnan(found).all():
        return None
    x, y = across.with_failures(np.array(found).T[None], [np.nan if facts.chance is None else 0.0])[0]
    return facts, x, y


def _row(
    place: Place,
    both: tuple[Mapping[int, RunRecord], Mapping[int, RunRecord]],
    facts: TaskFacts,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    p: float,
    margin: float,
) -> Row:
    shared = sorted(set(both[0]) & set(both[1]))
    sides = [[runs[seed] for seed in shared] for runs in both]
    shown = [[run.test_metric for run in shown_runs(runs, facts) if run.test_metric is not None] for runs in sides]
    means = [float(np.mean(values)) if values else None for values in shown]
    apart = any(parted(runs, facts) for runs in sides)
    difference = stats.mean_interval(y - x)
    equal = 1.0 if min(np.ptp(x), np.ptp(y)) == 0 else equivalence.two_one_sided(y - x, margin).p
    if len(place) > FOLDERS and all(_bits(both[0][seed]) == _bits(both[1][seed]) for seed in shared):
        verdict = SAME
    elif equal <= ALPHA:
        verdict = EQUIVALENT
    elif p <= ALPHA:
        verdict = BETTER if stats.beats(y, x) > 0.5 else WORSE
    else:
        verdict = CANNOT_TELL
    return Row(
        place,
        facts.metric,
        x.size,
        (means[0], means[1]),
        (len(shown[0]), len(shown[1])),
        (share(sides[0], facts)[0], share(sides[1], facts)[0]) if apart else None,
        difference,
        stats.beats(y, x),
        stats.shift(y, x),
        p,
        equal,
        verdict,
    )


def _bits(run: RunRecord) -> object:
    """What two runs of one seed that are deterministic by design have in common."""
    curve = [(point.step, point.train_loss, point.valid_metric) for point in run.curve]
    return run.status, run.test_metric, run.valid_metric, run.more_metrics, curve


def _together(samples: Sequence[Sample], rows: Sequence[Row], rng: np.random.Generator) -> tuple[str, str]:
    """The verdict on all rows and a sentence of how it came about."""
    found = {row.verdict for row in rows}
    verdict = next(word for word in (WORSE, CANNOT_TELL, BETTER, EQUIVALENT, SAME) if word in found)
    seeds = min(row.seeds for row in rows)
    scores = np.array([[x[:seeds], y[:seeds]] for _, _, x, y in samples])
    mean = float((scores[:, 1] - scores[:, 0]).mean())
    text = {
        EQUIVALENT: "B and A are equivalent",
        SAME: "B and A are the same, bit by bit",
        CANNOT_TELL: f"{'Of some rows' if rows[1:] else 'From these records'} nobody can tell whether A or B is better",
    }.get(verdict, f"B is {verdict} than A")
    text += f": {counted(len(rows), 'row')} x {counted(seeds, 'seed')}, mean difference {100 * mean:+.2f} % of the way"
    if len(rows) > 1:
        data = [" ".join([shared_data(row.place[1]), *row.place[FOLDERS:]]) for row in rows]
        together = across.stratified_pairs(scores, data, rng=rng)
        text += f" (p = {float(together.p[0]):.3g} over all rows together)"
    named = [" ".join(row.place[1:]) for row in rows if row.verdict == verdict]
    if verdict in (WORSE, CANNOT_TELL) and len(rows) > 1:
        text += f"; {verdict} on {', '.join(named[:NAMED])}"
        text += f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return verdict, text + "."


def _left_out(first: Side, second: Side, no_result: Sequence[Place]) -> list[str]:
    notes = []
    for name, mine, other in (("A", first, second), ("B", second, first)):
        if alone := sorted(set(mine) - set(other)):
            notes.append(f"Only in {name}, left out: {', '.join(' '.join(place) for place in alone)}.")
    if no_result:
        notes.append(f"Without a common seed that has a result, left out: {', '.join(map(' '.join, no_result))}.")
    return notes


def table(compared: Compared) -> pd.DataFrame:
    """The rows as people read them."""
    return pd.DataFrame([_shown(row) for row in compared.rows])


def _shown(row: Row) -> dict[str, str]:
    protocol, task, budget, *model = row.place
    return {
        "Task": task,
        **({"Model": model[0]} if model else {}),
        "Protocol": protocol,
        "Budget": budget,
        "Seeds": str(row.seeds),
        "Metric": words.heading(row.metric),
        "A": _metric(row, 0),
        "B": _metric(row, 1),
        "Difference, %": words.spread(100 * row.difference.mean, 100 * row.difference.half, "+.1f"),
        "B beats A": f"{row.beats:.2f}",
        "Shift, %": f"{100 * row.shift:+.1f}",
        "p": f"{row.p:.3g}",
        "p, equivalence": f"{row.equal_p:.3g}",
        "Verdict": row.verdict,
    }


def _metric(row: Row, side: int) -> str:
    mean, runs = row.means[side], row.runs[side]
    if mean is None:
        return "no result"
    return words.score(mean, row.metric) + ("" if runs == row.seeds else f" ({runs} of {row.seeds})")
