"""Records flat, one row a run. The table of columns is what the files have and what docs/exchange.md says of them."""

from __future__ import annotations

import csv
import importlib
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import BenchError
from ..records.kinds import RunRecord

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Column:
    """kind: str, int, float or bool, or None in a row where nothing is known; what: of the run, in a clause."""

    kind: type
    what: str
    read: Callable[[RunRecord], Value]


def _cell(name: str) -> Callable[[RunRecord], Value]:
    return lambda run: getattr(run.cell, name)


def _own(name: str) -> Callable[[RunRecord], Value]:
    return lambda run: getattr(run, name)


def _task(name: str) -> Callable[[RunRecord], Value]:
    return lambda run: None if run.task is None else getattr(run.task, name)


def _machine(name: str, kind: type) -> Callable[[RunRecord], Value]:
    def read(run: RunRecord) -> Value:
        value = run.machine.get(name)
        return kind(value) if isinstance(value, str | int | float) else None

    return read


def _json(name: str) -> Callable[[RunRecord], Value]:
    return lambda run: json.dumps(getattr(run, name), sort_keys=True) if getattr(run, name) else None


COLUMNS: dict[str, Column] = {
    "protocol": Column(str, "name, with the settings that were changed", _cell("protocol")),
    "protocol_version": Column(int, "rows of two versions are not comparable", _own("protocol_version")),
    "task": Column(str, "name, with its options", _cell("task")),
    "task_title": Column(str, "what tables call the task", _task("title")),
    "task_detail": Column(str, "what its data are, in a clause", _task("detail")),
    "length": Column(int, "time steps of a sequence", _task("length")),
    "model": Column(str, "name, with its options", _cell("model")),
    "model_title": Column(str, "what tables call the model", _own("title")),
    "budget": Column(str, "trainable parameters asked for, as 6k, or paper", _cell("budget")),
    "seed": Column(int, "of weights, order and noise", _cell("seed")),
    "status": Column(str, "ok, diverged, out-of-memory, timed-out, skipped, failed or interrupted", _own("status")),
    "reason": Column(str, "why it is not ok", _own("reason")),
    "metric": Column(str, "accuracy (0 to 1), mse, cross_entropy, bits_per_character or perplexity", _task("metric")),
    "higher_is_better": Column(bool, "of the metric", _task("higher_is_better")),
    "chance": Column(float, "test metric of the best answer that looks at no input", _task("chance")),
    "target": Column(float, "validation metric that time-to-target waits for", _task("target")),
    "reference": Column(float, "a good published value", _task("reference")),
    "test_metric": Column(float, "of the checkpoint that was best in validation; once", _own("test_metric")),
    "more_metrics": Column(str, "JSON object: further test set -> its metric", _json("more_metrics")),
    "valid_metric": Column(float, "the best on the learning curve", _own("valid_metric")),
    "best_step": Column(int, "training step of that", _own("best_step")),
    "steps": Column(int, "of the last evaluation", lambda run: run.curve[-1].step if run.curve else None),
    "evaluations": Column(int, "points on the learning curve", lambda run: len(run.curve)),
    "params": Column(int, "trainable parameters that count", _own("params")),
    "slack": Column(float, "(params - budget) / budget", _own("slack")),
    "outside": Column(int, "trained parameters apart from the budget, as embedding and softmax", _own("outside")),
    "width": Column(float, "mean hidden units of a layer", _own("width")),
    "train_seconds": Column(float, "wall time of training, of all seeds that trained together", _own("train_seconds")),
    "evaluation_seconds": Column(float, "wall time of evaluation, the same", _own("evaluation_seconds")),
    "waited_seconds": Column(float, "of training, for data", _own("waited_seconds")),
    "replicas": Column(int, "seeds that trained together", _own("replicas")),
    "backend": Column(str, "what ran the recurrences", _own("backend")),
    "recompute": Column(int, "steps a stretch computed again on the way back; 0: none", _own("recompute")),
    "settings": Column(str, "JSON object: the protocol in full", _json("settings")),
    "point": Column(str, "JSON object: the tuned point, where it trains at one", _json("point")),
    "notes": Column(str, "what could not be had, a sentence a line", _own("notes")),
    "claims": Column(str, "JSON object: claim that it serves -> its digest", _json("claims")),
    "source": Column(str, "revision or SHA-256 of the model; empty: the first revision of ours", _own("source")),
    "task_source": Column(str, "the same of the task", _own("task_source")),
    "data": Column(str, "checksum of a stranger's data", _own("data")),
    "cpu": Column(str, "processor", _machine("cpu", str)),
    "cores": Column(int, "of that processor", _machine("cores", int)),
    "threads": Column(int, "that torch used", _machine("threads", int)),
    "gpu": Column(str, "graphics processor, where it ran on one", _machine("gpu", str)),
    "torch": Column(str, "version", _machine("torch", str)),
    "commit": Column(str, "of this program", _machine("commit", str)),
    "dirty": Column(bool, "were there uncommitted changes?", _machine("dirty", bool)),
    "finished": Column(str, "when, ISO 8601, UTC", _own("finished")),
}


def rows(runs: Iterable[RunRecord]) -> list[dict[str, Value]]:
    """A row a run, each with all columns in their order."""
    return [{name: column.read(run) for name, column in COLUMNS.items()} for run in runs]


def documented() -> str:
    """The columns as a table in Markdown."""
    lines = [f"| `{name}` | {column.kind.__name__} | {column.what} |" for name, column in COLUMNS.items()]
    return "\n".join(["| column | type | what |", "| --- | --- | --- |", *lines])


def as_csv(found: Sequence[Mapping[str, Value]]) -> str:
    """A heading and a line each, as RFC 4180 but with plain line ends; None is empty, a yes or no true or false."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in found:
        writer.writerow([str(value).lower() if isinstance(value, bool) else value for value in row.values()])
    return text.getvalue()


def as_json(found: Sequence[Mapping[str, Value]]) -> str:
    """A list of objects; what is not known is null."""
    lines = ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in found)
    return f"[\n{lines}\n]\n"


def as_parquet(found: Sequence[Mapping[str, Value]]) -> bytes:
    """The bytes of a file with a typed column each. Raises BenchError where pyarrow is missing."""
    arrow, parquet = pyarrow()
    kinds = {str: arrow.string(), int: arrow.int64(), float: arrow.float64(), bool: arrow.bool_()}
    fields = [
        arrow.field(name, kinds[column.kind], metadata={"description": column.what}) for name, column in COLUMNS.items()
    ]
    table = arrow.Table.from_pylist(list(found), schema=arrow.schema(fields))
    file = arrow.BufferOutputStream()
    parquet.write_table(table, file)
    return bytes(file.getvalue())


def pyarrow() -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.parquet. Raises BenchError where they are missing."""
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise BenchError("Parquet needs the package pyarrow; `pip install pyarrow` adds it") from None
