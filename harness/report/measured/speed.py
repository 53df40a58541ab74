"""The findings of `bench speed` as a page and as rows: speed.md and speed.csv, of a GPU speed-cuda.md and .csv."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import floor, log10
from typing import Any

import pandas as pd

from ...records.findings import RECOMPUTE, Case, Findings, Sizes, SpeedRecord, Timing
from ...write import origin, tables
from ...write.sheet import Sheet
from ...write.words import DASH, mib, number
from .targets import DEVICES, verdicts

HOW_TO_READ = """\
A step is forward, loss, backward, clipping by norm and Adam on one batch. Each ratio is the median over rounds A B B A
in one process, in brackets its 99 % interval where there were eight rounds or more; *of minima* is the shortest sample
of the best back end over the yardstick's shortest, which noise moves least. *Eager / best*: what the fast code gains
over the plain loop. † marks cells that `eager` does not run as a loop but on torch's own kernel. *FLOPs* are those of
matrix products, forward and backward, counted on the plain loop. *Share of peak*: FLOPs a second of the best back end's
shortest step over the most that a large float32 matrix product reached in the same process. *Peak*: what one step on
the best back end holds beyond weights and optimizer state. speed.csv has every number."""


def sheets(records: Iterable[SpeedRecord]) -> dict[str, Sheet]:
    """speed.md of a CPU and speed-cuda.md of a GPU; of several machines of a kind the latest counts."""
    made = {}
    for record in sorted(records, key=lambda record: record.finished):
        name = "speed" if record.sizes.device == "cpu" else f"speed-{record.sizes.device}"
        numbers = rows(record.findings, record.sizes).to_csv(index=False, lineterminator="\n")
        made[f"{name}.md"] = Sheet(page(record), files={f"{name}.csv": numbers})
    return made


def page(record: SpeedRecord) -> str:
    findings, sizes, backends = record.findings, record.sizes, record.backends
    width = "its paper's width" if sizes.width is None else f"{sizes.width} units a layer"
    parts = [
        "# A training step of every model beside nn.LSTM",
        f"Sequences of {sizes.length:,} steps, batch {sizes.batch}, one feature, 10 classes, float32; each model with "
        f"{width}. The yardstick is torch's `nn.LSTM(1, {sizes.yardstick_width})` with a linear classifier on its last "
        f"state{_magnitude(findings, sizes)}.",
        f"    {record.command}",
        _machine(record.machine),
        _control(findings.control),
        "## Step / yardstick's step",
        tables.markdown(_steps(findings, sizes, backends)),
    ]
    if max(sizes.replicas) > 1:
        text = "Step of several replicas, stacked weights under vmap, over the step of one; in brackets for each seed."
        parts += ["## Replicas", text, tables.markdown(_replicas(findings, sizes, backends))]
    parts += ["## Work and memory", tables.markdown(_work(findings, sizes)), "## Targets"]
    if not sizes.standard:
        parts.append("The targets speak of 1,000 steps, batch 50 and 100 units a layer; **this page has other sizes**.")
    parts += [tables.markdown(_targets(findings, sizes)), "## How to read this", HOW_TO_READ]
    if findings.notes:
        parts += ["## Notes", "\n".join(f"- {line}" for line in dict.fromkeys(findings.notes))]
    if findings.missing:
        parts += ["## Missing", "\n".join(f"- {line}" for line in findings.missing)]
    return "\n\n".join(parts) + "\n"


def rows(findings: Findings, sizes: Sizes) -> pd.DataFrame:
    """One row for each case that was timed; of one replica the FLOPs and bytes stand in every row."""
    table = []
    for case, timing in findings.timings.items():
        work = findings.work.get(case.model)
        row = {
            "model": case.model,
            "backend": case.backend,
            "replicas": case.replicas,
            "used": "+".join(timing.used) or "library",
            "ratio": timing.ratio,
            "low": timing.compared.low,
            "high": timing.compared.high,
            "ratio_of_minima": timing.least,
            "rounds": timing.compared.rounds,
            "flops": work.flops if work else None,
            "flop_ratio": findings.flop_ratio(case.model),
            "share_of_peak": _share(findings, case),
            "peak_bytes": work.peak_bytes if work else None,
            f"peak_bytes_recompute_{RECOMPUTE}": work.recomputed_bytes if work else None,
        }
        if sizes.device != "cpu":
            row["step_ms"] = timing.step_ms
        table.append(row)
    return pd.DataFrame(table)


def _steps(findings: Findings, sizes: Sizes, backends: Sequence[str]) -> pd.DataFrame:
    table = []
    for model in sizes.models:
        row = {"Model": _title(findings, model)}
        for backend in backends:
            timing = findings.timings.get(Case(model, backend, 1))
            loop = timing is None or backend != "eager" or "eager" in timing.used
            row[backend] = _ratio(timing) + ("" if loop else " †")
        best = findings.best(model)
        row["of minima"] = number(findings.timings[best].least if best else None, ".2f")
        row["eager / best"] = _number(findings.gain(model))
        if sizes.device != "cpu":
            row["best, ms"] = _number(findings.timings[best].step_ms if best else None)
        table.append(row)
    return pd.DataFrame(table)


def _replicas(findings: Findings, sizes: Sizes, backends: Sequence[str]) -> pd.DataFrame:
    table = []
    for model in sizes.models:
        row = {"Model": _title(findings, model)}
        for count in (count for count in sizes.replicas if count > 1):
            for backend in backends:
                price = findings.price(model, backend, count)
                row[f"{count}, {backend}"] = DASH if price is None else f"{price:.2f} ({price / count:.2f})"
        table.append(row)
    return pd.DataFrame(table)


def _work(findings: Findings, sizes: Sizes) -> pd.DataFrame:
    table = []
    for model in sizes.models:
        work, share, best = findings.work.get(model), findings.flop_ratio(model), findings.best(model)
        ratio = findings.timings[best].ratio if best else None
        used = _share(findings, best) if best else None
        table.append(
            {
                "Model": _title(findings, model),
                "GFLOP a step": _number(work.flops / 1e9 if work else None),
                "FLOPs / yardstick's": _number(share),
                "step / yardstick per FLOP": _number(ratio / share if ratio is not None and share else None),
                "share of peak": number(used, ".0%"),
                "peak, MiB": number(mib(work.peak_bytes if work else None), ",.0f"),
                f"peak with --recompute {RECOMPUTE}": number(mib(work.recomputed_bytes if work else None), ",.0f"),
            }
        )
    return pd.DataFrame(table)


def _targets(findings: Findings, sizes: Sizes) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Target": verdict.title,
            "on": DEVICES[verdict.device],
            "limit": verdict.limit,
            "measured": _number(verdict.measured),
            "result": verdict.status,
            "Note": verdict.why,
        }
        for verdict in verdicts(findings, sizes.device)
    )


def _magnitude(findings: Findings, sizes: Sizes) -> str:
    if findings.control is None:
        return ""
    milliseconds = findings.control.yardstick_ms
    if sizes.device != "cpu":
        return f"; its step takes {milliseconds:.2f} ms"
    digits = -floor(log10(milliseconds))
    return f"; its step takes about {round(milliseconds, digits):g} ms here"


def _machine(known: Mapping[str, Any]) -> str:
    facts = defaultdict(lambda: "unknown", known)
    return (
        f"{origin.whole_machine(facts)}; {facts['system']}; torch {facts['torch']}, Python {facts['python']}, "
        f"bench {facts['bench']}, commit {origin.commits([facts])}."
    )


def _control(control: Timing | None) -> str:
    if control is None:
        return "The control, the yardstick beside a second yardstick, was not measured."
    return (
        f"Control: the yardstick beside a second yardstick has the ratio {_ratio(control, '.3f')}, "
        f"of minima {control.least:.3f}. Differences below "
        f"{max(control.spread, abs(control.least - 1)):.1%} mean nothing here."
    )


def _share(findings: Findings, case: Case) -> float | None:
    """Part of the machine's measured peak that a step reaches."""
    work, timing = findings.work.get(case.model), findings.timings[case]
    if work is None or not findings.peak_rate:
        return None
    return case.replicas * work.flops / (timing.fastest_ms / 1000) / findings.peak_rate


def _title(findings: Findings, model: str) -> str:
    return findings.titles.get(model, model)


def _ratio(timing: Timing | None, form: str = ".2f") -> str:
    if timing is None:
        return DASH
    low, high = timing.compared.low, timing.compared.high
    interval = "" if low is None or high is None else f" ({low:{form}} to {high:{form}})"
    return f"{timing.ratio:{form}}{interval}"


def _number(value: float | None) -> str:
    return number(value, ".3f" if value is not None and abs(value) < 0.1 else ".2f")
