"""Seeds that part in two: some runs of a model learned and others did not, so that no mean describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from ..records.kinds import NOT_COUNTED, RunRecord, TaskFacts
from ..stats import shares
from ..stats.over_seeds import holm
from ..write import settings, words
from .order import title_of
from .way import learned

HALFWAY = 0.5
RULE = (
    "Seeds part in two where some runs come at least halfway from chance to the task's target (to a perfect score, "
    "where it has none), that is, learned, and others do not"
)


def has_learned(run: RunRecord, facts: TaskFacts) -> bool:
    """Did it come at least halfway from a known chance to the task's target? A run without a result did not."""
    if run.test_metric is None:
        return False
    goal = 1.0 if facts.target is None else learned(facts.target, facts)
    return learned(run.test_metric, facts) >= HALFWAY * goal


def counted_runs(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Those of which something can be said."""
    return [run for run in runs if run.status not in NOT_COUNTED]


def untuned(run: RunRecord) -> bool:
    """Did it train as its source says, though its protocol is of a track of tuning?"""
    return settings.tuned(run) and not run.point and run.status not in NOT_COUNTED


def shown_runs(runs: Sequence[RunRecord], facts: TaskFacts) -> list[RunRecord]:
    """The runs whose mean a table shows: those with a result, and where seeds part in two those that learned."""
    known = [run for run in runs if run.test_metric is not None]
    good = [run for run in known if facts.chance is not None and has_learned(run, facts)]
    return good or known


def parted(runs: Sequence[RunRecord], facts: TaskFacts) -> bool:
    """Did some of the runs with a result learn and others not?"""
    return len(shown_runs(runs, facts)) < sum(run.test_metric is not None for run in runs)


def share(runs: Sequence[RunRecord], facts: TaskFacts) -> tuple[int, int]:
    """How many learned, and of how many."""
    ran = counted_runs(runs)
    return sum(has_learned(run, facts) for run in ran), len(ran)


def remark(
    by_model: Mapping[str, Sequence[RunRecord]], names: Sequence[str], facts: TaskFacts, best: str | None
) -> list[str]:
    """Of the models whose seeds part in two: the share that learned, every seed, and the share beside the best's."""
    apart = [name for name in names if parted(by_model[name], facts)]
    if not apart or best is None:
        return []
    shared = {name: share(runs, facts) for name, runs in by_model.items() if counted_runs(runs)}
    pairs = list(combinations(shared, 2))
    adjusted = holm([shares.boschloo_p(shared[a], shared[b]) for a, b in pairs])
    p = dict(zip(pairs, adjusted, strict=True))
    said = []
    for name in apart:
        seeds = ", ".join(
            "none" if run.test_metric is None else words.score(run.test_metric, facts.metric)
            for run in counted_runs(by_model[name])
        )
        text = f"{title_of(by_model[name], name)} {percent(*shared[name])}: {seeds}"
        if name != best:
            pair = (name, best) if (name, best) in p else (best, name)
            text += f" ({against(shared[name], shared[best])}, p = {p[pair]:.3g})"
        said.append(text)
    return [
        f"{RULE}: then the mean is of those that learned, and says of how many runs. The share that learned, with "
        "Wilson's 95 % interval, each seed, and in brackets how far the share lies from that of "
        f"{title_of(by_model[best], best)}, with Newcombe's 95 % interval and the p of Boschloo's exact test, with "
        f"Holm's correction for all pairs: {'; '.join(said)}."
    ]


def percent(good: int, runs: int) -> str:
    """'1/3 (6% to 79%)', by Wilson."""
    found = shares.success_interval(good, runs)
    return f"{good}/{runs} ({found.low:.0%} to {found.high:.0%})"


def against(mine: tuple[int, int], other: tuple[int, int]) -> str:
    """'-67% (-94% to 5%)', by Newcombe."""
    found = shares.risk_difference(mine, other)
    return f"{found.mean:+.0%}, {found.low:+.0%} to {found.high:+.0%}"
