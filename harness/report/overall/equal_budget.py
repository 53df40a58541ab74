"""The models' ranks at each budget of parameters, over the tasks that all budgets share."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ...compare.selection import Results, Selection, all_facts, scores_of, select, titles_of
from ...errors import BenchError, counted
from ...plan import find_budget
from ...records.kinds import RunRecord
from ...stats import ranks
from ...write import tables

HEADING = "## Ranking at equal parameters"


def section(budgets: Mapping[str, Results], order: Sequence[str]) -> str:
    """Mean ranks at each budget that gives all models as many parameters; "" where there is none."""
    equal = {budget: budgets[budget] for budget in sorted(filter(parameters, budgets), key=parameters)}
    if not equal:
        return ""
    common = _common(list(equal.values()))
    chosen = select(common, order)
    if chosen is None:
        return f"{HEADING}\n\n{_nothing(list(equal))}"
    rows: dict[str, list[str]] = {"Model": titles_of(common, chosen)}
    means, said = [], []
    for budget, results in equal.items():
        scores = scores_of(results, chosen, all_facts(results, chosen))
        means.append(ranks.mean_ranks(scores.mean(axis=2)))
        rows[budget] = [f"{rank:.1f}" for rank in means[-1]]
        said.append(f"- {budget}: {_parameters(results, chosen)}")
    places = np.argsort(np.mean(means, axis=0), kind="stable")
    size = (
        f"Mean ranks over {counted(len(chosen.tasks), 'task')} ({', '.join(chosen.tasks)}) of the means over "
        f"{counted(len(chosen.seeds), 'seed')}; 1 is best."
        + (" Tasks, models and seeds are those that all budgets have." if len(equal) > 1 else "")
        + " The models' parameters:"
    )
    table = tables.markdown(pd.DataFrame(rows).iloc[places])
    return "\n\n".join([HEADING, size, "\n".join(said), table])


def parameters(budget: str) -> int:
    """How many parameters every model gets, 0 for a budget that is each paper's width or unknown here."""
    try:
        return find_budget(budget).params or 0
    except BenchError:
        return 0


def _common(budgets: Sequence[Results]) -> Results:
    """The runs of the first budget of which every other budget has task, model and seed."""
    found: dict[tuple[str, str], dict[int, RunRecord]] = {}
    for place, runs in budgets[0].items():
        shared = {seed: run for seed, run in runs.items() if all(seed in other.get(place, {}) for other in budgets)}
        if shared:
            found[place] = shared
    return found


def _nothing(budgets: Sequence[str]) -> str:
    if len(budgets) == 1:
        return f"Not shown: under budget {budgets[0]} no two tasks share two models."
    return f"Not shown: the budgets {', '.join(budgets)} share no two tasks of two models; each has a section above."


def _parameters(results: Results, chosen: Selection) -> str:
    """'5,858 to 6,152, at most 2.5 % from the budget'."""
    runs = [results[task, model][seed] for task in chosen.tasks for model in chosen.models for seed in chosen.seeds]
    counts = [run.params for run in runs if run.params is not None]
    slacks = [abs(run.slack) for run in runs if run.slack is not None]
    if not counts or not slacks:
        return "not recorded"
    least, most = min(counts), max(counts)
    size = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"{size} parameters, at most {100 * max(slacks):.1f} % from the budget"
