"""The ranking at equal parameters."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import rankdata
from support.pages import rows_of
from support.records import made_run

from harness.compare.selection import by_budget
from harness.report.overall.equal_budget import section

ORDER = ["lstm-s", "gru", "aslstm"]


def runs_of(budget: str, tasks=("a", "b", "c"), seeds=2, models=ORDER, **changes):
    rng = np.random.default_rng(len(budget) + len(tasks))
    return [
        made_run(model, seed, float(rng.uniform(0.5, 1)), task_name=task, budget=budget, **changes)
        for task in tasks
        for model in models
        for seed in range(seeds)
    ]


def text(runs) -> str:
    return section(by_budget(runs), ORDER)


def expected(runs, budget, tasks) -> dict[str, float]:
    means = [
        [np.mean([run.test_metric for run in runs if run.cell.group[1:] == (task, model, budget)]) for model in ORDER]
        for task in tasks
    ]
    return dict(zip(["LSTM-S", "GRU", "ASLSTM"], rankdata(-np.array(means), axis=1).mean(axis=0), strict=True))


def test_one_budget_is_a_ranking_from_the_best_on():
    runs = runs_of("3k")
    table = rows_of(text(runs))
    assert table.pop("Model") == ["3k"]
    found = {model: float(rank) for model, (rank,) in table.items()}
    assert found == pytest.approx(expected(runs, "3k", "abc"), abs=0.05)
    assert list(found.values()) == sorted(found.values())
    assert "Mean ranks over 3 tasks (a, b, c) of the means over 2 seeds; 1 is best. The models' parameters:" in text(
        runs
    )


def test_budgets_are_ranked_on_what_all_of_them_have():
    runs = [*runs_of("12k", ("b", "c", "d"), 3), *runs_of("3k"), *runs_of("paper")]
    table = rows_of(text(runs))
    assert table["Model"] == ["3k", "12k"]  # by size, without the paper's widths
    assert "over 2 tasks (b, c) of the means over 2 seeds; 1 is best. Tasks, models and seeds are those" in text(runs)
    small = expected(runs, "3k", "bc")
    assert {model: float(row[0]) for model, row in table.items() if model != "Model"} == pytest.approx(small, abs=0.05)


def test_it_says_how_far_parameters_are_from_the_budget():
    runs = runs_of("3k")
    runs[3] = replace(runs[3], params=2_950, slack=-0.0167)
    assert "- 3k: 2,950 to 3,004 parameters, at most 1.7 % from the budget" in text(runs)
    assert "- 3k: not recorded" in text([replace(run, params=None, slack=None) for run in runs])


@pytest.mark.parametrize("runs", [[], runs_of("paper"), runs_of("no budget")])
def test_without_an_equal_budget_there_is_no_section(runs):
    assert text(runs) == ""


def test_too_little_in_common_is_said():
    assert "under budget 3k no two tasks share two models" in text(runs_of("3k", ("a",)))
    apart = [*runs_of("3k", ("a", "b")), *runs_of("12k", ("c", "d"))]
    assert "the budgets 3k, 12k share no two tasks of two models; each has a section above" in text(apart)
