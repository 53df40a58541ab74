"""What a reader must know beside the numbers of a table, a sentence each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..catalog import needs_memory
from ..records.baselines import Baselines
from ..records.kinds import RunRecord, TaskFacts
from ..write import words
from .order import title_of
from .parted import counted_runs, percent, untuned
from .way import learned

LEARNED = 0.1  # of the way from chance to a perfect score; below it a model is named
WAITED = 0.01  # of the training time
Runs = Mapping[str, Sequence[RunRecord]]  # model -> its runs


def remarks(by_model: Runs, names: Sequence[str], facts: TaskFacts) -> list[str]:
    """Remarks on the models of one task and budget, in the order of `names`."""
    return [
        *_near_chance(by_model, names, facts),
        *_outside(by_model),
        *_untuned(by_model, names),
        *_waiting(by_model),
        *_success(by_model, names),
        *_ends(by_model, names),
    ]


def _untuned(by_model: Runs, names: Sequence[str]) -> list[str]:
    """Which trained as their sources say where others have a point of tuning."""
    found = [title_of(by_model[name], name) for name in names if any(map(untuned, by_model[name]))]
    if not found:
        return []
    return [
        f"Not tuned, but trained as their sources say: {', '.join(found)}; `bench tune` gives each the same search."
    ]


def without_memory(baselines: Iterable[Baselines], runs: Sequence[RunRecord]) -> list[str]:
    """How far one comes on the data of these runs without a memory, and whether the task counts with others."""
    found = next((one for one in baselines if any(map(one.of, runs))), None)
    said = []
    if found is not None:
        values = ", ".join(f"{what} {words.score(value, found.metric)}" for what, value in found.values.items())
        how = "logistic regression or nearest neighbours, whichever is better in validation"
        how = how if found.metric == "accuracy" else "counts of pairs of tokens"
        said = [f"Without a memory, {words.heading(found.metric)}: {values}; by {how}."]
    if not needs_memory(runs[0].cell.task):
        said.append("No memory is needed here, so that this task does not count where all tasks stand together.")
    return said


def _near_chance(by_model: Runs, names: Sequence[str], facts: TaskFacts) -> list[str]:
    """The models that hardly learned, each with the training loss at its first and last evaluation."""
    if facts.chance is None:
        return []
    found = []
    for name in names:
        ran = [run for run in by_model[name] if run.test_metric is not None]
        if not ran or learned(float(np.mean([run.test_metric for run in ran])), facts) >= LEARNED:
            continue
        ends = [[run.curve[place].train_loss for run in ran if run.curve] for place in (0, -1)]
        known = [[loss for loss in losses if loss is not None] for losses in ends]
        seen = all(known) and any(len(run.curve) > 1 for run in ran)  # a model may be fitted at once
        fell = f" (training loss {np.mean(known[0]):.3g} at first, {np.mean(known[1]):.3g} at last)" if seen else ""
        found.append(f"{title_of(ran, name)}{fell}")
    if not found:
        return []
    return [
        f"Hardly better than chance, less than {LEARNED:.0%} of the way from it to a perfect score: "
        f"{', '.join(found)}. A training loss that stays where it began says that the model did not begin to learn "
        "within these steps."
    ]


def _outside(by_model: Runs) -> list[str]:
    counts = sorted({run.outside for runs in by_model.values() for run in runs if run.outside})
    if not counts:
        return []
    return [
        f"Apart from the parameters shown, {' or '.join(f'{count:,}' for count in counts)} stand around every model "
        "(embedding and softmax) and are trained with it; the budget does not count them."
    ]


def _waiting(by_model: Runs) -> list[str]:
    """How long training stood still for data that do not lie on the device."""
    fed = [run for runs in by_model.values() for run in runs if run.waited_seconds is not None and run.train_seconds]
    if not fed:
        return []
    waited = sum(run.waited_seconds or 0.0 for run in fed) / sum(run.train_seconds or 0.0 for run in fed)
    if waited < WAITED:
        return [f"Training waited for its data {waited:.2%} of the time."]
    return [f"Training waited for its data {waited:.0%} of the time; the training times of these runs include that."]


def _success(by_model: Runs, names: Sequence[str]) -> list[str]:
    """How likely a run of a model comes to a result, where some did not."""
    found = []
    for name in names:
        ran = counted_runs(by_model[name])
        good = sum(run.test_metric is not None for run in ran)
        if good < len(ran):
            found.append(f"{title_of(ran, name)} {percent(good, len(ran))}")
    if not found:
        return []
    return [
        "A run that diverged or failed is not in the mean, which says of how many runs it is; p, Beats the best and "
        "Shift count it as the worst result of the task, or as chance where that is worse. Runs with a result, with "
        f"Wilson's 95 % interval of their share: {', '.join(found)}."
    ]


def _ends(by_model: Runs, names: Sequence[str]) -> list[str]:
    """How runs ended that did not end well."""
    found = []
    for name in names:
        reasons: dict[tuple[str, str], list[int]] = defaultdict(list)
        for run in by_model[name]:
            if run.status != "ok":
                reasons[(run.status, run.reason)].append(run.cell.seed)
        for (status, reason), seeds in reasons.items():
            which = "seed " + ", ".join(map(str, seeds)) if len(seeds) < len(by_model[name]) else "all seeds"
            found.append(f"{name}: {status} ({which}): {reason}.")
    return found
