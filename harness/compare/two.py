"""Two models, or two folders of records, side by side: is B better than A, worse, as good, or can nobody tell?

Each pair of rows shares task, budget, protocol version and seeds. All differences are of B less A on one scale,
the way from chance (0) to a perfect score (1), where a margin means the same for every task:

    equivalent    two one-sided t-tests over seeds find the mean within the margin, each with p <= 0.05
    better        the test that the number of seeds chooses says so, Holm's correction for all rows included
    worse         the same on the other side
    cannot tell   none of these

Over all rows the permutation test within blocks of (task, seed) takes the place of the one over seeds. A row
that is worse makes the whole worse, whatever the others gain: nothing is to hide behind an average.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import BenchError, counted, nearest
from ..records.kinds import NOT_COUNTED, RunRecord, TaskFacts
from ..records.store import Loaded, Store
from ..stats import across, equivalence, power
from ..stats import over_seeds as stats
from ..stats.verdicts import ALPHA, BETTER, CANNOT_TELL, EQUIVALENT, WORSE
from ..write import words
from .order import facts_of
from .pairwise import NAMES
from .way import learned

Place = tuple[str, ...]  # protocol, task, budget, and of two folders the model
Side = Mapping[Place, Mapping[int, RunRecord]]
Sample = tuple[Place, TaskFacts, NDArray[np.float64], NDArray[np.float64]]  # of A and of B (seeds,), on the way


@dataclass(frozen=True, slots=True)
class Row:
    """One task, or of two folders one task and model. Metrics are means over the common seeds; difference: B less A
    on the way from chance; p: two-sided, corrected; equal_p: that they are not equivalent."""

    place: Place
    metric: str
    seeds: int
    first: float | None
    second: float | None
    difference: stats.Interval
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


def sides(
    first: str, second: str, results: Path, protocol: str | None, tasks: Sequence[str]
) -> tuple[Side, Side, list[str]]:
    """The records of A and B by what they share: two folders of records, or two models in `results`.

    Third a sentence for each record that cannot be read. Raises BenchError where a word is neither, or one is a
    folder and the other is not.
    """
    folders = [Path(word).is_dir() for word in (first, second)]
    if all(folders):
        loaded = [_loaded(Path(word), protocol, tasks) for word in (first, second)]
        found = [_by_place(one, None) for one in loaded]
    elif any(folders):
        raise BenchError(f"of '{first}' and '{second}' only one is a folder; give two folders of records or two models")
    else:
        loaded = [_loaded(results, protocol, tasks)]
        known = sorted({run.cell.model for run in loaded[0].runs})
        for word in (first, second):
            if word not in known:
                raise nearest("model with records, or folder,", word, known, f"`bench status --results {results}`")
        found = [_by_place(loaded[0], word) for word in (first, second)]
    if not set(found[0]) & set(found[1]):
        raise BenchError(
            f"'{first}' and '{second}' have no task, budget and protocol in common; `bench status` shows what there is"
        )
    return found[0], found[1], [sentence for one in loaded for sentence in one.left_out]


def _loaded(folder: Path, protocol: str | None, tasks: Sequence[str]) -> Loaded:
    loaded = Store(folder).load(protocol, tasks or None)
    if not loaded.runs:
        asked = [f"protocol {protocol}"] * (protocol is not None) + [f"task {', '.join(tasks)}"] * bool(tasks)
        raise BenchError(
            f"there is no record{' of ' if asked else ''}{' and '.join(asked)} in {folder} to compare; "
            f"`bench status --results {folder}` shows what there is"
        )
    return loaded


def _by_place(loaded: Loaded, model: str | None) -> Side:
    result: dict[Place, dict[int, RunRecord]] = defaultdict(dict)
    for run in loaded.runs:
        cell = run.cell
        if model is None:
            result[cell.protocol, cell.task, cell.budget, cell.model][cell.seed] = run
        elif cell.model == model:
            result[cell.protocol, cell.task, cell.budget][cell.seed] = run
    return result


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
    test = power.chosen_test(seeds, 2)
    adjusted = stats.holm([stats.difference_p(y, x, test, rng=rng) for _, _, x, y in samples])
    rows = [
        _row(place, (first[place], second[place]), facts, x, y, float(p), test, margin)
        for (place, facts, x, y), p in zip(samples, adjusted, strict=True)
    ]
    verdict, said = _together(samples, rows, margin, rng)
    alone = power.smallest_alone(seeds, test)
    notes = [
        said,
        "Difference: B less A in % of the way from chance to a perfect score, mean and Student-t 95 % interval over "
        f"the common seeds; equivalent means within {100 * margin:g} %. p: {NAMES[test]}, which "
        f"follows from {counted(seeds, 'seed')} alone, with Holm's correction for {counted(len(rows), 'row')}; it "
        f"cannot be below {alone:.3g} before the correction, nor below {min(1.0, len(rows) * alone):.3g} after it.",
        "A run that diverged or failed counts as the worst result of the two, or as chance where that is worse.",
        *_left_out(first, second, left_out),
    ]
    return Compared(tuple(rows), verdict, tuple(notes))


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
    found = [[_way(run, facts) for run in pair] for pair in pairs]
    if np.isnan(found).all():
        return None
    x, y = across.with_failures(np.array(found).T[None], [np.nan if facts.chance is None else 0.0])[0]
    return facts, x, y


def _way(run: RunRecord, facts: TaskFacts) -> float:
    """How far a run came, NaN without a result; without a known chance the metric itself, higher being better."""
    if run.test_metric is None:
        return math.nan
    if facts.chance is None:
        return run.test_metric if facts.higher_is_better else -run.test_metric
    return learned(run.test_metric, facts)


def _row(
    place: Place,
    both: tuple[Mapping[int, RunRecord], Mapping[int, RunRecord]],
    facts: TaskFacts,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    p: float,
    test: stats.Test,
    margin: float,
) -> Row:
    shared = set(both[0]) & set(both[1])
    means = []
    for runs in both:
        values = [metric for seed in sorted(shared) if (metric := runs[seed].test_metric) is not None]
        means.append(float(np.mean(values)) if values else None)
    difference, shift = stats.mean_interval(y - x), stats.shift(y, x, test)
    equal = equivalence.two_one_sided(y - x, margin).p
    verdict = _verdict(difference.mean, p, equal)
    return Row(place, facts.metric, x.size, means[0], means[1], difference, shift, p, equal, verdict)


def _verdict(difference: float, p: float, equal: float) -> str:
    if equal <= ALPHA:
        return EQUIVALENT
    if p <= ALPHA:
        return BETTER if difference > 0 else WORSE
    return CANNOT_TELL


def _together(
    samples: Sequence[Sample],
    rows: Sequence[Row],
    margin: float,
    rng: np.random.Generator,
) -> tuple[str, str]:
    """The verdict on all rows and a sentence of how it came about."""
    worse = [row for row in rows if row.verdict == WORSE]
    seeds = min(row.seeds for row in rows)
    scores = np.array([[x[:seeds], y[:seeds]] for _, _, x, y in samples])
    pooled = (scores[:, 1] - scores[:, 0]).ravel()
    pairs = across.stratified_pairs(scores, rng=rng)
    p, equal = float(pairs.p[0]), equivalence.two_one_sided(pooled, margin).p
    if len(rows) == 1:
        p, equal = rows[0].p, rows[0].equal_p
    verdict = WORSE if worse else _verdict(float(pooled.mean()), p, equal)
    text = (
        f"B is {verdict} than A"
        if verdict in (BETTER, WORSE)
        else "B and A are equivalent"
        if verdict == EQUIVALENT
        else "Which of A and B is better, nobody can tell from these records"
    )
    text += (
        f": {counted(len(rows), 'row')} x {counted(seeds, 'seed')}, mean difference {100 * pooled.mean():+.2f} % "
        f"of the way, p = {p:.3g}, p of no equivalence = {equal:.3g}"
    )
    if worse:
        text += "; worse on " + ", ".join(" ".join(row.place[1:]) for row in worse)
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
        "A": _metric(row.first, row.metric),
        "B": _metric(row.second, row.metric),
        "Difference, %": words.spread(100 * row.difference.mean, 100 * row.difference.half, "+.1f"),
        "Shift, %": f"{100 * row.shift:+.1f}",
        "p": f"{row.p:.3g}",
        "p, equivalence": f"{row.equal_p:.3g}",
        "Verdict": row.verdict,
    }


def _metric(value: float | None, metric: str) -> str:
    return "no result" if value is None else words.score(value, metric)
