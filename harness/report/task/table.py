"""Records become rows, and rows become the strings of a table."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...compare.claims import Judged, separated
from ...compare.order import facts_of, ordered, title_of
from ...compare.pairwise import against_best, scored
from ...compare.parted import counted_runs, remark, share, shown_runs
from ...compare.remarks import remarks, without_memory
from ...errors import BenchError
from ...plan import Group
from ...records.baselines import Baselines
from ...records.kinds import Measurement, RunRecord, TaskFacts
from ...stats import over_seeds as stats
from ...stats import survival
from ...write.tables import bold
from ...write.words import DASH, count, heading, mib, missing, number, restricted, score

SEPARATED = "†"  # from the best mean
HEADINGS = {
    "model": "Model",
    "params": "Parameters",
    "metric": "Metric",
    "seeds": "Seeds",
    "target": "Steps to target",
    "step": "Step, ms",
    "ratio": "Step / yardstick",
    "memory": "Peak, MiB",
    "beats": "Beats the best",
    "shift": "Shift",
    "p": "p against best",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """All models on one task under one budget of one protocol version.

    `frame`: one row a model, numbers as numbers, in the order of `order`; `notes`: what a reader
    must know, one sentence each; `further`: the metric on further test sets, one row a model, if there are any.
    """

    task: str
    budget: str
    facts: TaskFacts
    frame: pd.DataFrame
    notes: tuple[str, ...]
    further: pd.DataFrame | None = None


def compare(
    runs: Sequence[RunRecord],
    measurements: Sequence[Measurement],
    order: Sequence[str],
    baselines: Iterable[Baselines] = (),
    judged: Iterable[Judged] = (),
    wanted: Mapping[Group, int] | None = None,
) -> Comparison:
    """Build the comparison of the records of one task and budget; baselines, judged claims, seeds that are wanted by a
    plan: of any tasks.

    Raises BenchError where records of different protocols or versions are mixed.
    """
    identities = {(run.cell.protocol, run.protocol_version, run.cell.task, run.cell.budget) for run in runs}
    if len(identities) != 1:
        raise BenchError(f"records of different protocols cannot share a table: {sorted(identities)}")
    ((_, _, task, budget),) = identities
    facts = facts_of(runs)
    if facts is None:
        raise BenchError(f"no record of {task} says what it measures; run it again")
    by_model: dict[str, list[RunRecord]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.cell.seed):
        by_model[run.cell.model].append(run)
    measured = {m.model: m for m in measurements}
    names = ordered(by_model, order)
    horizon = max((run.curve[-1].step for run in runs if run.curve), default=0)
    every = scored(by_model, facts)
    rows = [row_of(by_model[name], measured.get(name), facts, horizon, every.get(name)) for name in names]
    for row, name in zip(rows, names, strict=True):
        row["planned"] = max(len(by_model[name]), (wanted or {}).get(by_model[name][0].cell.group, 0))
    frame = pd.DataFrame(rows)
    found = against_best({name: by_model[name] for name in names}, facts)
    for column, known in (("beats", found.beats), ("shift", found.shift), ("p", found.p)):
        frame[column] = [known.get(name) for name in names]
    frame["best"] = [name == found.best and bool(found.p) for name in names]
    apart = separated(judged, by_model[found.best][0].cell.group) if found.best else {}
    frame["separated"] = [name in apart for name in names]
    notes = (
        *without_memory(baselines, runs),
        found.note,
        *_separation(title_of(by_model[found.best], found.best) if found.best else "", apart),
        *remark(by_model, names, facts, found.best),
        *remarks(by_model, names, facts),
    )
    return Comparison(task, budget, facts, frame, notes, _further(by_model, names, facts))


def _separation(best: str, apart: Mapping[str, Sequence[str]]) -> list[str]:
    """What the mark of the declared contrasts means."""
    if not apart:
        return []
    claims = dict.fromkeys(claim for mine in apart.values() for claim in mine)
    return [f"{SEPARATED} a contrast that was declared before its runs finds it below {best}: {', '.join(claims)}."]


def row_of(
    runs: list[RunRecord],
    measured: Measurement | None,
    facts: TaskFacts,
    horizon: int,
    every: Mapping[int, float] | None = None,
) -> dict[str, object]:
    """What is known of a model. every: the scores of all its runs (compare.pairwise.scored)."""
    scores = [run.test_metric for run in shown_runs(runs, facts) if run.test_metric is not None]
    known = next((run for run in runs if run.params is not None), runs[0])
    row: dict[str, object] = {
        "model": title_of(runs, runs[0].cell.model),
        "name": runs[0].cell.model,
        "width": known.width,
        "params": known.params,
        **dict(zip(("metric", "low", "high"), _interval(scores), strict=True)),
        "mean_of": len(scores),
        "mean_of_all": None if every is None else float(np.mean(list(every.values()))),
        "learned": None if facts.chance is None else share(runs, facts)[0],
        "counted": len(counted_runs(runs)),
        "seeds": sum(run.test_metric is not None for run in runs),
        "planned": len(runs),
        "status": ", ".join(f"{count} {status}" for status, count in Counter(run.status for run in runs).items()),
    }
    stepped = [run for run in runs if not run.is_fitted]
    steps = survival.steps_to_target(stepped, facts.target, horizon) if stepped else None
    row["steps_to_target"] = steps.mean if steps else None
    row["reached"] = steps.arrived if steps else None
    row["ran"] = steps.runs if steps else None
    row["horizon"] = horizon if steps else None
    row["step_ms"] = measured.step.median if measured and measured.step else None
    row["ratio"] = measured.ratio if measured else None
    row["peak_mib"] = mib(measured.peak_bytes) if measured else None
    return row


def _interval(scores: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    """Mean, low and high end, or none of them without a score."""
    found = stats.mean_interval(scores) if scores else None
    return (found.mean, found.low, found.high) if found else (None, None, None)


def _further(by_model: dict[str, list[RunRecord]], names: Sequence[str], facts: TaskFacts) -> pd.DataFrame | None:
    """Mean and interval over the same seeds on each further test set: columns model, <set>, <set> low, <set> high."""
    sets = list(dict.fromkeys(key for name in names for run in by_model[name] for key in run.more_metrics))
    rows = []
    for name in names:
        row: dict[str, object] = {"model": title_of(by_model[name], name)}
        for key in sets:
            scores = [s for run in shown_runs(by_model[name], facts) if (s := run.more_metrics.get(key)) is not None]
            row |= zip((key, f"{key} low", f"{key} high"), _interval(scores), strict=True)
        rows.append(row)
    return pd.DataFrame(rows) if sets else None


def shown_further(comparison: Comparison) -> pd.DataFrame | None:
    """The further test sets as people read them, beside the test set itself."""
    if comparison.further is None:
        return None
    metric = comparison.facts.metric
    table = {"Model": list(comparison.further["model"])}
    table["Test set"] = [score_of(row, metric) for row in _rows(comparison.frame)]
    for key in (key for key in comparison.further.columns[1:] if f"{key} low" in comparison.further):
        found = comparison.further[[key, f"{key} low", f"{key} high"]].set_axis(["metric", "low", "high"], axis=1)
        table[str(key)] = [score_of({**row, "status": DASH}, metric) for row in _rows(found)]
    return pd.DataFrame(table)


def shown(comparison: Comparison) -> pd.DataFrame:
    """The table as people read it: a string in every place, a dash where nothing is known."""
    facts, frame = comparison.facts, comparison.frame
    columns = {
        "model": list(frame["model"]),
        "params": [count(value) for value in frame["params"]],
        "metric": [
            bold(score_of(row, facts.metric), row["best"]) + (f" {SEPARATED}" if row["separated"] else "")
            for row in _rows(frame)
        ],
        "seeds": [f"{row['seeds']}/{row['planned']}" for row in _rows(frame)],
        "target": [steps_of(row) for row in _rows(frame)],
        "step": [number(value, ".1f") for value in frame["step_ms"]],
        "ratio": [number(value, ".2f") for value in frame["ratio"]],
        "memory": [number(value, ".1f") for value in frame["peak_mib"]],
        "beats": [number(value, ".2f") for value in frame["beats"]],
        "shift": [_signed(value, facts.metric) for value in frame["shift"]],
        "p": [number(value, ".3g") for value in frame["p"]],
    }
    named = {**HEADINGS, "metric": heading(facts.metric)}
    return pd.DataFrame({named[key]: values for key, values in columns.items()})


def _rows(frame: pd.DataFrame) -> Iterable[dict[str, object]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def score_of(row: dict[str, object], metric: str) -> str:
    """'71.3 ± 4.0', '71.3 ± 4.0 (2 of 3)' where it is not of all runs; the status where there is no result."""
    if missing(row["metric"]):
        return str(row["status"])
    mean, low, high = (float(row[key]) for key in ("metric", "low", "high"))  # type: ignore[arg-type]
    text = score(mean, metric, (high - low) / 2)
    return text if row.get("mean_of") == row.get("counted") else f"{text} ({row['mean_of']} of {row['counted']})"


def _signed(value: object, metric: str) -> str:
    """A difference in the unit in which the metric is shown: '-4.3'."""
    return DASH if missing(value) else score(float(value), metric, sign="+")  # type: ignore[arg-type]


def steps_of(row: dict[str, object]) -> str:
    """'1,200 (2/3)': of how many seeds that ran how many arrived."""
    if missing(row["steps_to_target"]):
        return DASH
    reached, ran = int(row["reached"]), int(row["ran"])  # type: ignore[call-overload]
    return f"{restricted(float(row['steps_to_target']), reached, ran)} ({reached}/{ran})"  # type: ignore[arg-type]
