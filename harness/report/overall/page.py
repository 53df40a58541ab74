"""All tasks together: which models can be told apart, and how far each comes from chance to a perfect score."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ...compare.material import Material
from ...compare.selection import Results, Selection, by_budget
from ...compare.way import way_of
from ...draw.chart import labels_of
from ...draw.curves import ends
from ...draw.picture import Picture
from ...draw.ranks import diagram
from ...errors import counted
from ...stats import aggregates, power, ranks
from ...stats.across import Pairs
from ...stats.verdicts import ALPHA
from ...write import tables, words
from ...write.sheet import Sheet
from ...write.words import DASH
from . import equal_budget, practical
from .tested import tested

HOW_TO_READ = """\
*Mean rank*: over tasks, of the means over seeds; 1 is best, and the best is bold. *Way from chance*: interquartile
mean over tasks and seeds of how far a run comes from chance (0) to a perfect score (100), a perplexity counted in
nats, with a bootstrap interval. *Better than the best*: the probability that a run of the model beats one of the model
with the best mean rank on a task, the mean over tasks with Student's interval over them, and none where all of them
agree; tasks that share data count as one. *p, tasks and seeds*: against the best mean rank, permutation of the two
models' labels within each block, one seed on all tasks that share data, corrected for all pairs of models by step-down
max-T (Westfall and Young, 1993); it speaks of these tasks. *p, tasks*: the same by Wilcoxon's signed-rank test over
tasks, whose signs change together where they share data, with Holm's correction for all pairs; it speaks of tasks like
these. Runs that diverged or failed count as the worst result of their task, or as chance where that is worse."""
MANY = 16  # models; a diagram of more has more bars than anybody reads
TOO_MANY = "No critical-difference diagram is drawn of so many models: its bars would be more than anybody reads."


def sheet(material: Material) -> Sheet | None:
    """A section on each budget, or None where no two tasks share two models."""
    budgets = by_budget(material.runs)
    pictures: dict[str, Picture] = {}
    known = [section for name in budgets if (section := _section(name, material, pictures))]
    if not known:
        return None
    parts = ["# All tasks together", *known, equal_budget.section(budgets, material.order), HOW_TO_READ]
    return Sheet("\n\n".join(filter(None, parts)) + "\n", pictures)


def _section(budget: str, material: Material, pictures: dict[str, Picture]) -> str:
    found = tested(material, budget)
    if found is None:
        return ""
    results, chosen, facts, scores, titles = found.results, found.chosen, found.facts, found.scores, found.titles
    friedman, pairs, rng = found.friedman, found.pairs, found.rng()
    means = scores.mean(axis=2)
    smallest = ranks.smallest_wilcoxon_p(len(set(chosen.data)), len(chosen.models))
    wilcoxon = ranks.wilcoxon_pairs(means, chosen.data) if smallest <= ALPHA else None
    way = way_of(scores, facts)
    known = [word for word, fact in zip(chosen.data, facts, strict=True) if fact.chance is not None]
    best = int(friedman.ranks.argmin())
    rows = []
    for place, title in enumerate(titles):
        row = {"Model": title, "Mean rank": tables.bold(f"{friedman.ranks[place]:.1f}", place == best)}
        row |= dict.fromkeys(("Way from chance, %", "Better than the best", "p, tasks and seeds"), DASH)
        row |= {} if wilcoxon is None else {"p, tasks": DASH}
        if len(way):
            aggregate = aggregates.bootstrap(100 * way[:, place], rng=rng)
            row["Way from chance, %"] = f"{aggregate.mean:.1f} ({aggregate.low:.1f} to {aggregate.high:.1f})"
        if place != best:
            better = aggregates.probability_of_improvement(scores[:, place], scores[:, best], chosen.data)
            row["Better than the best"] = words.share(better.mean, better.low, better.high)
            row["p, tasks and seeds"] = f"{pairs.matrix[place, best]:.3g}"
            row |= {} if wilcoxon is None else {"p, tasks": f"{wilcoxon.matrix[place, best]:.3g}"}
        rows.append(row)
    alike = ranks.groups(pairs.matrix, friedman.p, ALPHA)
    few = len(titles) <= MANY
    name = f"overall-{budget}-ranks.svg"
    if alike is not None and few:
        distance = ranks.critical_difference(len(chosen.tasks), len(titles), ALPHA)
        labels = labels_of(zip(chosen.models, titles, strict=True))
        places = material.places()
        shown = {label: places[model] for model, label in labels.items()}
        pictures[name] = Picture(diagram, friedman.ranks.tolist(), shown, [list(map(int, g)) for g in alike], distance)
    lines = [
        f"## Budget: {budget}",
        f"{counted(len(chosen.tasks), 'task')} ({', '.join(chosen.tasks)}) x {counted(len(chosen.models), 'model')} x "
        f"{counted(len(chosen.seeds), 'seed')}." + _left_out(results, chosen),
        tables.markdown(pd.DataFrame(rows)),
        _said(friedman, pairs, titles, chosen, alike),
        *_no_wilcoxon(smallest, chosen),
        *(_diagram(name, budget, titles, alike, friedman) if few or alike is None else [TOO_MANY]),
        f"The intervals of the way from chance are of a bootstrap that redraws seeds within tasks. {_coverage(chosen)}",
        practical.section(way, titles, best, material.rng(), known),
    ]
    return "\n\n".join(lines)


def _left_out(results: Results, chosen: Selection) -> str:
    lacking = [task for task in chosen.left_out if any((task, model) not in results for model in chosen.models)]
    empty = [task for task in chosen.left_out if task not in lacking]
    models = dict.fromkeys(model for _, model in results)
    without = [model for model in models if model not in chosen.models]
    return (
        (f" Left out, as not all of these models were run there: {', '.join(lacking)}." if lacking else "")
        + (f" Left out, as none of their runs has a result there: {', '.join(empty)}." if empty else "")
        + (f" Models left out, as they were not run on all of these: {', '.join(without)}." if without else "")
        + (f" Left out, as no memory is needed there: {', '.join(chosen.memoryless)}." if chosen.memoryless else "")
    )


def _diagram(
    name: str, budget: str, titles: Sequence[str], alike: Sequence[Sequence[int]] | None, found: ranks.Friedman
) -> list[str]:
    """The critical-difference diagram and what it is made from, or why there is none."""
    if alike is None:
        return [
            f"No critical-difference diagram is drawn: Friedman's test does not reject that all models are alike "
            f"(p = {found.p:.2g}), so that there are no differences to show."
        ]
    bars = f"{counted(len(alike), 'bar')} over models that cannot be told apart" if alike else "no bar"
    return [
        f"![Critical-difference diagram for budget {budget}: the {len(titles)} models at their mean ranks, "
        f"{ends(dict(zip(titles, found.ranks, strict=True)), form='.1f')}, with {bars}.]({name})",
        "Each model stands at its mean rank, best on top. A bar beside them joins models of which no two can be "
        f"told apart by the corrected p over tasks and seeds (max-T, p > {ALPHA:g}); its dots are its models, and a "
        "model that it passes over without a dot is not one of them. The bars do not come from distances on the "
        "axis: Nemenyi's critical distance, in the last row, belongs to a test of mean ranks that is not used here.",
    ]


def _no_wilcoxon(smallest: float, chosen: Selection) -> list[str]:
    """Why there is no test over tasks, where it can find nothing."""
    if smallest <= ALPHA:
        return []
    models, families = len(chosen.models), len(set(chosen.data))
    enough = families
    while ranks.smallest_wilcoxon_p(enough, models) > ALPHA:
        enough += 1
    return [
        f"A test over tasks alone, which would speak of tasks like these (Wilcoxon's signed ranks), is not shown: over "
        f"{len(chosen.tasks)} tasks in {counted(families, 'group')} that share no data its p cannot be below "
        f"{smallest:.3g} after Holm's correction for all pairs of {models} models. {enough} groups are the fewest that "
        "could."
    ]


def _said(
    friedman: ranks.Friedman,
    pairs: Pairs,
    titles: Sequence[str],
    chosen: Selection,
    alike: Sequence[Sequence[int]] | None,
) -> str:
    """What the tests allow to say, in words."""
    blocks = len(set(chosen.data)) * len(chosen.seeds)
    smallest = power.smallest_p(blocks, "blocks")
    told = [
        f"{titles[i]} above {titles[j]}" if s > 0 else f"{titles[j]} above {titles[i]}"
        for i, j, s, p in zip(pairs.first, pairs.second, pairs.statistic, pairs.adjusted, strict=True)
        if p <= ALPHA
    ]
    apart = (
        f"{len(told)} of {len(pairs.first)} pairs can be told apart on these tasks (corrected p <= {ALPHA:g})"
        + (f": {'; '.join(told)}" if 0 < len(told) <= 12 else "")
        if told
        else f"No pair of models can be told apart on these tasks (corrected p <= {ALPHA:g})"
    )
    size = f"= {friedman.F:.3g}" if np.isfinite(friedman.F) else "is infinite"
    ranked = "reject" if alike is not None else "do not reject"
    text = (
        f"{apart}. {counted(blocks, 'block')} of one seed and the tasks that share data ({_shared(chosen)}) "
        f"cannot give a p below {smallest:.2g} before "
        f"the correction. Friedman's test over tasks: the ranks {ranked} that all models are alike (permutation "
        f"p = {friedman.p:.2g}; Iman and Davenport's F {size}, p = {friedman.F_p:.2g}, as if no tasks shared data)."
    )
    if alike and len(titles) <= MANY:
        text += " Sets of models that cannot be told apart: " + "; ".join(
            " / ".join(titles[i] for i in group) for group in alike
        )
        text += "."
    return text


def _shared(chosen: Selection) -> str:
    """'sfc + sti; sdigits'."""
    groups: dict[str, list[str]] = {}
    for task, data in zip(chosen.tasks, chosen.data, strict=True):
        groups.setdefault(data, []).append(task)
    return "; ".join(" + ".join(group) for group in groups.values())


def _coverage(chosen: Selection) -> str:
    """What a 95 % interval of this kind truly covers."""
    known = aggregates.COVERAGE["interquartile mean"]
    fitting = [key for key in known if key[0] <= len(chosen.tasks) and key[1] <= len(chosen.seeds)]
    if not fitting:
        return "With so few seeds it is not known what they cover."
    return (
        f"They are called 95 % intervals, and cover about {100 * known[max(fitting)]:.0f} % at so many tasks and seeds."
    )
