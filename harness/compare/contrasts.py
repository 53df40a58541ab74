"""How one contrast of a claim ends: one a and one b on one task, by the test that was declared with the claim.

    a better, b better   p <= 0.05, two-sided, and the estimate says which
    equivalent           the whole interval of the difference within the margin, neither side without spread, and as
                         many runs of a learned as of b, not none
    open                 none of these; or won against a model, or as good as one, that is not shown alive

A difference that is significant and lies within the margin is no win.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..records.claims import Claim
from ..records.kinds import RunRecord, TaskFacts
from ..stats import contrasts as tests
from ..stats import equivalence, shares, survival
from ..stats.across import with_failures
from ..stats.over_seeds import Interval
from ..stats.verdicts import ALPHA, EQUIVALENT
from .alive import Sign, proven
from .order import facts_of
from .parted import share
from .way import way_of_run

A, B, OPEN = "a better", "b better", "open"
NOT_ALIVE = "not shown alive"
UNREACHED = "no run of either comes to the target"
Runs = Sequence[RunRecord]
Alive = tuple[bool, bool]  # have a and b shown that they learn?


@dataclass(frozen=True, slots=True)
class Contrast:
    """One a against one b on one task.

    effect: of a less b, in `unit`; size: the same in standard deviations of a run, where the metric is tested; arrived:
    how many runs of a and of b came to the target, and of how many, where shares are tested; p: of the declared test,
    two-sided, but of *share* the larger of two one-sided ones. holds, fails: p that what the claim says of it is shown,
    and that the contrary is, before any correction; 1 where neither can be said.
    """

    a: str
    b: str
    task: str
    end: str = OPEN
    effect: Interval | None = None
    unit: str = ""
    p: float = 1.0
    holds: float = 1.0
    fails: float = 1.0
    reason: str = ""
    size: float | None = None
    arrived: tuple[tuple[int, int], ...] = ()


def contrast(claim: Claim, names: tuple[str, str, str], a: Runs, b: Runs, vitals: Sequence[Sign] | None) -> Contrast:
    """The end of a contrast (a, b, task), all of whose runs are there. vitals: which models are alive; None: all."""
    found, facts = Contrast(*names), facts_of([*a, *b])
    if facts is None or all(run.test_metric is None for run in (*a, *b)):
        return replace(found, reason="no run has a result")
    if claim.test != "metric" and facts.target is None:
        return replace(found, reason="the task has no target")
    alive = proven(vitals, a), proven(vitals, b)
    found = {"metric": _metric, "solved": _solved, "steps": _steps, "share": _share}[claim.test](
        claim, found, a, b, facts, alive
    )
    if found.end == OPEN and not found.reason and not all(alive):
        lacking = [name for name, shown in zip(names[:2], alive, strict=True) if not shown]
        found = replace(found, reason=f"{NOT_ALIVE}: {', '.join(lacking)}")
    return found


def _metric(claim: Claim, found: Contrast, a: Runs, b: Runs, facts: TaskFacts, alive: Alive) -> Contrast:
    x, y = _ways(a, b, facts)
    margin, effect, side = claim.margin / 100, equivalence.mean_difference(x, y), tests.brunner_munzel(x, y)
    p, beyond, learned = (
        tests.brunner_munzel_p(x, y),
        equivalence.unpaired(x, y, margin),
        (share(a, facts)[0], share(b, facts)[0]),
    )
    within = facts.chance is not None and -margin <= effect.low and effect.high <= margin
    if min(np.ptp(x), np.ptp(y)) == 0:
        why = "a side has no spread"
    elif learned == (0, 0):
        why = "no run of either learned"
    else:
        why = "" if learned[0] == learned[1] else f"{learned[0]} and {learned[1]} runs learned"
    # each at the 95 % interval that is shown, so that of each of its ends only 2.5 % is wrong
    equal = min(1.0, 2 * beyond.p) if within and not why and all(alive) else 1.0
    better = p if side > 0 and not within and alive[1] else 1.0
    worse = p if side < 0 and not within and alive[0] else 1.0
    end = EQUIVALENT if equal <= ALPHA else A if better <= ALPHA else B if worse <= ALPHA else OPEN
    holds, fails = better, min(worse, equal)
    if claim.kind == "equivalent":
        holds, fails = equal, max(min(better, worse), min(1.0, 2 * beyond.outside))
    elif claim.kind == "not-better":
        no_more = beyond.not_better if alive[0] and learned[0] <= learned[1] > 0 and np.ptp(x) > 0 < np.ptp(y) else 0.5
        holds, fails = min(worse, 2 * no_more, 1.0), max(better, min(1.0, 2 - 2 * beyond.not_better))
    spread = float(np.sqrt((x.var(ddof=1) + y.var(ddof=1)) / 2)) if min(x.size, y.size) > 1 else 0.0
    return replace(
        found,
        end=end,
        effect=Interval(100 * effect.mean, 100 * effect.low, 100 * effect.high),
        unit="% of the way" if facts.chance is not None else f"{facts.metric} x 100",
        p=p,
        holds=holds,
        fails=fails,
        reason=f"within the margin, but {why}" if within and why else "",
        size=effect.mean / spread if spread else None,
    )


def _solved(_: Claim, found: Contrast, a: Runs, b: Runs, facts: TaskFacts, alive: Alive) -> Contrast:
    good, other = arrived(a, facts), arrived(b, facts)
    effect = shares.risk_difference(good, other)
    nobody = f"{UNREACHED}, {facts.target:.4g}" if good[0] == other[0] == 0 else ""
    shown = replace(found, effect=_percent(effect), unit="% of the runs", reason=nobody)
    return _ended(shown, shares.boschloo_p(good, other), effect.mean, alive)


def _steps(_: Claim, found: Contrast, a: Runs, b: Runs, facts: TaskFacts, alive: Alive) -> Contrast:
    x, y = _times(a, facts), _times(b, facts)
    if np.isnan(x).all() and np.isnan(y).all():
        return replace(found, reason=f"{UNREACHED}, {facts.target:.4g}")
    watched = _watched(a), _watched(b)
    horizon = max((run.curve[-1].step for run in (*a, *b) if run.curve), default=1)
    sooner, p = tests.log_rank_p(x, y, watched)
    effect = equivalence.mean_difference(survival.capped(x, horizon), survival.capped(y, horizon))
    return _ended(replace(found, effect=effect, unit="steps"), p, sooner, alive)


def _share(_: Claim, found: Contrast, a: Runs, b: Runs, facts: TaskFacts, alive: Alive) -> Contrast:
    good, other = arrived(a, facts), arrived(b, facts)
    (lives, dead), (other_lives, other_dead) = tests.half_p(*good), tests.half_p(*other)
    holds = max(lives, other_dead if alive[1] else 1.0)
    fails = min(1.0, 2 * min(dead if alive[0] else 1.0, other_lives))  # either refutes it
    end = A if holds <= ALPHA else B if max(dead, other_lives) <= ALPHA and alive[0] else OPEN
    return replace(
        found,
        end=end,
        effect=_percent(shares.risk_difference(good, other)),
        unit="% of the runs",
        p=max(lives, other_dead),
        arrived=(good, other),
        holds=holds,
        fails=fails,
        reason="" if end != OPEN else f"{good[0]} of {good[1]} and {other[0]} of {other[1]} come to the target",
    )


def _ended(found: Contrast, p: float, side: float, alive: Alive) -> Contrast:
    """The contrast by a test that knows no margin. side: above 0 where a is the better one."""
    better, worse = p if side > 0 and alive[1] else 1.0, p if side < 0 and alive[0] else 1.0
    end = A if better <= ALPHA else B if worse <= ALPHA else OPEN
    return replace(found, p=p, end=end, holds=better, fails=worse)


def _ways(a: Runs, b: Runs, facts: TaskFacts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far the runs came, (seeds,) each; one without a result as far as the worst of both, or as chance."""
    found = [[way_of_run(run, facts) for run in runs] for runs in (a, b)]
    worst = with_failures(np.array([[[*found[0], *found[1]]]]), [np.nan if facts.chance is None else 0.0])[0, 0]
    return worst[: len(a)], worst[len(a) :]


def _times(runs: Runs, facts: TaskFacts) -> NDArray[np.float64]:
    """The step from which each stays at the target, (seeds,), NaN for never."""
    assert facts.target is not None
    return np.array([survival.arrivals(run, facts.target)[0] for run in runs])


def _watched(runs: Runs) -> NDArray[np.float64]:
    """Until which step each was watched; one that broke off never arrives."""
    return np.array([float(run.curve[-1].step) if run.status == "ok" and run.curve else np.inf for run in runs])


def arrived(runs: Runs, facts: TaskFacts) -> tuple[int, int]:
    """How many came to the target of their task, which it must have, and of how many."""
    return int(np.isfinite(_times(runs, facts)).sum()), len(runs)


def _percent(share: Interval) -> Interval:
    return Interval(100 * share.mean, 100 * share.low, 100 * share.high)
