"""How fast training ought to be, and whether it is. A target of another device is listed as not run."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...catalog import STEP_TARGETS
from ...errors import counted
from ...records.findings import Findings
from ...stats.verdicts import MISSED, NOT_RUN, REACHED

LEAST_GAIN = {"cpu": 3.0, "cuda": 10.0}  # plain eager loop / best back end, of any custom cell
MOST_FOR_REPLICAS = (5, 1.3)  # on a GPU: so many replicas cost at most so many steps of one
MOST_FOR_WORKERS = 1.15  # wall x workers / sum of the cells' times alone
MOST_BESIDE = 0.03  # of a run: neither training nor evaluation
DEVICES = {"cpu": "CPU, one thread", "cuda": "GPU"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target on one device. limit: as people read it. why: what a reader should know, or empty."""

    title: str
    device: str
    limit: str
    measured: float | None = None
    status: str = NOT_RUN
    why: str = ""


def verdicts(findings: Findings, device: str) -> list[Verdict]:
    """All targets of this device, then those of the other one."""
    other = "cuda" if device == "cpu" else "cpu"
    empty = Findings(missing=["no GPU" if device == "cpu" else "this page is a GPU's"])
    found = []
    for told, on in ((findings, device), (empty, other)):
        found += [*_steps(told, on), _gain(told, on), *(_runs(told) if on == "cpu" else _only_gpu(told))]
    return found


def _steps(findings: Findings, device: str) -> list[Verdict]:
    result = []
    for target in STEP_TARGETS:
        limit = target.cpu if device == "cpu" else target.cuda
        value, why, best = None, "", findings.best(target.model, own=target.own)
        if best is not None:
            value, share = findings.timings[best].ratio / target.yardsticks, findings.flop_ratio(target.model)
            if target.per_flop:
                value = value / share if share else None
            elif share and value > limit:
                share /= target.yardsticks
                why = f"it has {share:.2f} of the FLOPs; the ratio per FLOP is {value / share:.2f}"
        result.append(_at_most(target.title, device, limit, value, why or _reason(findings, value, f"{target.model},")))
    return result


def _gain(findings: Findings, device: str) -> Verdict:
    """Of the models whose eager back end is a plain loop the one that gains least."""
    limit, title = LEAST_GAIN[device], "every custom cell: plain eager loop / best back end"
    gains = {model: gain for model in findings.titles if (gain := findings.gain(model)) is not None}
    if not gains:
        return Verdict(title, device, f">= {limit:g}", why=_reason(findings, None))
    low = sorted((gain, model) for model, gain in gains.items() if gain < limit)
    why = f"the least of {counted(len(gains), 'model')}"
    if low:
        why += "; below: " + ", ".join(f"{model} {gain:.2f}" for gain, model in low)
    return Verdict(title, device, f">= {limit:g}", min(gains.values()), MISSED if low else REACHED, why)


def _runs(findings: Findings) -> list[Verdict]:
    runs, warm, rest = findings.runs, None, None
    why = beside = _reason(findings, None, "whole runs")
    if runs is not None:
        warm, rest = runs.warm, runs.rest
        why = (
            f"w = {runs.workers}, {runs.cells} cells; {runs.cold:.2f} with the start-up of the processes, which is "
            f"{runs.startup_seconds / runs.cell_seconds:.2f} of such a cell"
        )
        beside = f"{runs.rest_cold:.3f} of a short command, start-up included"
    workers = "`bench run` with w workers on w cores: wall x w / sum of the cells' times alone"
    return [
        _at_most(workers, "cpu", MOST_FOR_WORKERS, warm, why),
        _at_most("part of a run that is neither training nor evaluation", "cpu", MOST_BESIDE, rest, beside),
    ]


def _only_gpu(findings: Findings) -> list[Verdict]:
    replicas, limit = MOST_FOR_REPLICAS
    best = {model: found.backend for model in findings.titles if (found := findings.best(model, replicas))}
    prices = [price for model, name in best.items() if (price := findings.price(model, name, replicas)) is not None]
    value = max(prices, default=None)
    why = _reason(findings, value) if value is None else f"the most of {counted(len(prices), 'model')}"
    whole = _reason(findings, None) if not findings.titles else "a campaign of its own, not part of `bench speed`"
    return [
        _at_most(f"{replicas} replicas / 1 replica, one process", "cuda", limit, value, why),
        Verdict("SFC, paper protocol, six models, 5 seeds each", "cuda", "<= 45 minutes", why=whole),
    ]


def _at_most(title: str, device: str, limit: float, value: float | None, why: str) -> Verdict:
    status = NOT_RUN if value is None else REACHED if value <= limit else MISSED
    return Verdict(title, device, f"<= {limit:g}", value, status, why)


def _reason(findings: Findings, value: float | None, job: str = "") -> str:
    """Why there is no value: what is missing of a job, or, where nothing was timed, of any.

    job: with what its lines among the missing begin.
    """
    if value is not None:
        return ""
    found: Sequence[str] = [line for line in findings.missing if not findings.timings or (job and line.startswith(job))]
    return found[0] if found else "not asked for"
