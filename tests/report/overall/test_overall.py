"""The page on all tasks together."""

from dataclasses import replace

import numpy as np
import pytest
from support import charts, records
from support.pages import other_pages, rows_of
from support.records import FACTS, made_run

from harness.compare import selection
from harness.compare.material import Material
from harness.records.kinds import TaskFacts
from harness.records.store import Loaded
from harness.report.overall import page as overall

ORDER = ["lstm-s", "gru", "aslstm"]
ERRORS = TaskFacts("Errors", "mse", False, chance=0.2, target=None, length=4)


def runs_of(task: str, scores: dict[str, list[float | None]], facts: TaskFacts = FACTS, **changes):
    return records.runs_of(scores, task_name=task, task=facts, **changes)


def text(runs) -> str | None:
    found = overall.sheet(Material(runs, [], ORDER))
    return None if found is None else found.text


def rows(page: str, column: str = "Mean rank") -> dict[str, list[str]]:
    """The first table that has such a column."""
    (table, *_) = [part for part in page.split("\n\n") if part.startswith("|") and column in part.splitlines()[0]]
    return rows_of(table)


def clear_winner(tasks: int = 4, seeds: int = 3):
    found = []
    for task in range(tasks):
        found += runs_of(
            f"task-{task + 1}",
            {
                "gru": [0.9 + 0.01 * seed for seed in range(seeds)],
                "lstm-s": [0.6 + 0.02 * seed for seed in range(seeds)],
            },
        )
    return found


def test_a_clear_winner_is_told_apart():
    """Twelve blocks, all in favour: p = 2 / 2^12."""
    page = text(clear_winner())
    table = rows(page)
    assert table["GRU"][0] == "1.0"
    assert table["LSTM-S"][0] == "2.0"
    assert table["LSTM-S"][2].startswith("0.00")
    assert table["LSTM-S"][3] == f"{2 / 2**12:.3g}"
    assert len(table["LSTM-S"]) == 4  # Wilcoxon over four tasks can find nothing
    assert "over 4 tasks in 4 groups that share no data its p cannot be below 0.125 after Holm's correction" in page
    assert "of 2 models. 6 groups" in page
    assert table["GRU"][2:] == ["–", "–"]
    assert "**1.0**" in page
    assert "**2.0**" not in page
    assert "1 of 1 pairs can be told apart on these tasks (corrected p <= 0.05): GRU above LSTM-S." in page
    assert "12 blocks of one seed and the tasks that share data (task-1; task-2; task-3; task-4) cannot give" in page
    assert "a p below 0.00049" in page


def test_tasks_that_share_data_are_one_block_a_seed():
    """Four tasks of two families and three seeds: 2 / 2^6."""
    names = {"task-1": "sfc", "task-2": "sti", "task-3": "smnist", "task-4": "pmnist"}
    runs = [replace(run, cell=replace(run.cell, task=names[run.cell.task])) for run in clear_winner()]
    page = text(runs)
    assert rows(page)["LSTM-S"][3] == f"{2 / 2**6:.3g}"
    assert "6 blocks of one seed and the tasks that share data (pmnist + smnist; sfc + sti) cannot give" in page


def test_with_enough_tasks_there_is_a_test_over_tasks():
    table = rows(text(clear_winner(6)))
    assert table["LSTM-S"][4] == f"{2 / 2**6:.3g}"
    assert table["GRU"][2:] == ["–", "–", "–"]


def test_the_way_from_chance_is_counted_from_chance_to_perfect():
    """Chance is 0.5: 0.6 to 0.64 are 20 to 28 % of the way, the interquartile mean 24."""
    assert rows(text(clear_winner()))["LSTM-S"][1].startswith("24.0 (")


def test_lower_is_better_where_the_task_says_so():
    runs = [
        *runs_of("addition-3", {"gru": [0.01, 0.02], "lstm-s": [0.1, 0.15]}, ERRORS),
        *runs_of("addition-4", {"gru": [0.01, 0.03], "lstm-s": [0.1, 0.12]}, ERRORS),
    ]
    table = rows(text(runs))
    assert table["GRU"][0] == "1.0"
    assert table["GRU"][1].startswith("92")  # 0.015 of 0.2 are 92.5 %


def test_a_run_without_a_result_counts_as_the_worst():
    runs = [
        *runs_of("task-1", {"gru": [None, 0.9], "lstm-s": [0.7, 0.7]}),
        *runs_of("task-2", {"gru": [None, 0.9], "lstm-s": [0.75, 0.75]}),
    ]
    table = rows(text(runs))
    # (0.5 + 0.9) / 2 = 0.7 ties with 0.7 on the first task and loses to 0.75 on the second
    assert (table["GRU"][0], table["LSTM-S"][0]) == ("1.8", "1.2")


def test_tasks_that_lack_a_model_are_left_out_and_named():
    runs = clear_winner(3)
    runs += runs_of("sti", {"gru": [0.9, 0.9, 0.9]})
    page = text(runs)
    assert "3 tasks (task-1, task-2, task-3) x 2 models x 3 seeds" in page
    assert "Left out, as not all of these models were run there: sti." in page


def test_models_times_tasks_decide_what_is_compared():
    """Two models on four tasks are more than three on two."""
    results = {}
    for task in ("a", "b", "c", "d"):
        for model in ("gru", "lstm-s", *(["aslstm"] if task in "ab" else [])):
            results[task, model] = {0: made_run(model), 1: made_run(model, 1)}
    chosen = selection.select(results, ORDER)
    assert (chosen.tasks, chosen.models, chosen.seeds) == (["a", "b", "c", "d"], ["lstm-s", "gru"], [0, 1])
    del results["d", "gru"], results["c", "gru"]
    assert selection.select(results, ORDER).models == ["lstm-s", "gru", "aslstm"]


def test_seeds_that_all_have_are_compared():
    runs = [run for run in clear_winner() if (run.cell.task, run.cell.seed) != ("task-2", 1)]
    assert "x 2 seeds." in text(runs)


@pytest.mark.parametrize("runs", [[], clear_winner(1), runs_of("sti", {"gru": [0.9]}) + runs_of("sfc", {"gru": [0.9]})])
def test_without_two_tasks_of_two_models_there_is_no_page(runs):
    assert text(runs) is None
    if runs:
        sheets = other_pages(Loaded(runs), ORDER)
        assert "overall.md" not in sheets
        assert "overall.md" not in sheets["index.md"].text


def test_tasks_that_need_no_memory_are_named_and_left_out():
    scores = {"gru": [0.9] * 3, "lstm-s": [0.6] * 3, "aslstm": [0.5] * 3}
    page = text([*clear_winner(2), *runs_of("fsdd-raw", scores), *runs_of("fsdd-mfcc", scores)])
    assert "2 tasks (task-1, task-2)" in page
    assert "Left out, as no memory is needed there: fsdd-mfcc, fsdd-raw." in page


def test_skipped_runs_are_no_results():
    runs = [*clear_winner(2), *runs_of("task-3", {"gru": [0.9] * 3, "lstm-s": [0.6] * 3})]
    runs = [replace(run, status="skipped", test_metric=None) if run.cell.task == "task-3" else run for run in runs]
    assert "2 tasks (task-1, task-2)" in text(runs)


def test_each_budget_has_a_section_and_the_index_a_link():
    runs = clear_winner() + [
        run for task in ("two", "ten") for run in runs_of(task, {"gru": [0.9], "lstm-s": [0.6]}, budget="9k")
    ]
    sheets = other_pages(Loaded(runs), ORDER)
    page = sheets["overall.md"].text
    assert page.index("## Budget: 3k") < page.index("## Budget: 9k")
    assert "[All tasks together](overall.md)" in sheets["index.md"].text


def test_the_page_does_not_depend_on_the_order_of_the_records():
    runs = clear_winner()
    assert text(runs) == text(runs[::-1])


def test_where_nothing_can_be_told_apart_it_says_so():
    draw = np.random.default_rng(1)
    runs = [
        run
        for task in range(3)
        for run in runs_of(f"task-{task + 1}", {m: list(draw.uniform(0.6, 0.9, 2)) for m in ORDER})
    ]
    page = text(runs)
    assert "No pair of models can be told apart" in page
    assert "the ranks do not reject that all models are alike" in page


# ----------------------------------------------------------------------------- the critical-difference diagram


def three_in_order(tasks: int = 6):
    """GRU is first on every task; of the other two now one is second and now the other."""
    found = []
    for task in range(tasks):
        close = [0.61 if task % 2 else 0.59, 0.6, 0.6]
        found += runs_of(
            f"task-{task + 1}", {"gru": [0.9, 0.91, 0.92], "lstm-s": [0.6] * 3, "aslstm": [c + 0.001 for c in close]}
        )
    return found


def test_the_diagram_is_drawn_where_friedman_rejects():
    found = overall.sheet(Material(three_in_order(), [], ORDER))
    assert list(found.pictures) == ["overall-3k-ranks.svg"]
    words = charts.words(found.pictures["overall-3k-ranks.svg"])
    assert "GRU (1.0)" in words
    assert any("Nemenyi's critical distance" in word for word in words)
    (shown,) = [line for line in found.text.splitlines() if line.startswith("![")]
    assert shown == (
        "![Critical-difference diagram for budget 3k: the 3 models at their mean ranks, from 1.0 (GRU) to 2.5 "
        "(LSTM-S), with 1 bar over models that cannot be told apart.](overall-3k-ranks.svg)"
    )
    assert "the corrected p over tasks and seeds (max-T, p > 0.05)" in found.text


def test_no_diagram_is_drawn_where_friedman_does_not_reject():
    found = overall.sheet(Material(clear_winner(), [], ORDER))
    assert not found.pictures
    assert "No critical-difference diagram is drawn: Friedman's test does not reject" in found.text
    assert "(p = 0.12)" in found.text  # 2 / 2^4


def test_a_task_without_any_result_is_left_out_and_named():
    runs = [*clear_winner(2), *runs_of("task-3", {"gru": [None] * 3, "lstm-s": [None] * 3})]
    assert "2 tasks (task-1, task-2) x 2 models x 3 seeds." in text(runs)
    assert "Left out, as none of their runs has a result there: task-3." in text(runs)
