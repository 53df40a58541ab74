"""Seeds of which some learned and others did not."""

import numpy as np
import pytest
from support.records import FACTS, made_run

from harness.compare.parted import has_learned, parted, remark, share, shown_runs
from harness.compare.two import compare, table
from harness.records.kinds import TaskFacts
from harness.report.task import table as task_table
from harness.write.tables import BOLD

MSE = TaskFacts("Adding", "mse", False, chance=0.2, target=0.1, length=200)
PERPLEXITY = TaskFacts("Words", "perplexity", False, chance=100.0, target=25.0, length=20)


def runs(model, scores, **changes):
    return [
        made_run(model, seed, score, status="diverged" if score is None else "ok", **changes)
        for seed, score in enumerate(scores)
    ]


@pytest.mark.parametrize(
    ("facts", "edge", "step"),
    [(FACTS, 0.6, -1e-6), (MSE, 0.15, 1e-6), (PERPLEXITY, 50.0, 1e-3)],  # half of the nats: the root of 100 x 25
)
def test_learned_is_halfway_from_chance_to_the_target(facts, edge, step):
    assert has_learned(made_run("gru", 0, edge - step, task=facts), facts)
    assert not has_learned(made_run("gru", 0, edge + step, task=facts), facts)
    assert not has_learned(made_run("gru", 0, None, task=facts), facts)


def test_where_seeds_part_in_two_those_that_learned_are_shown_and_the_dead_did_not_learn():
    mixed = runs("gru", [0.9, 0.5, None, 0.7])
    assert parted(mixed, FACTS)
    assert [run.test_metric for run in shown_runs(mixed, FACTS)] == [0.9, 0.7]
    assert share(mixed, FACTS) == (2, 4)


@pytest.mark.parametrize("scores", [[0.9, 0.7, 0.65], [0.5, 0.51, None], [0.9, 0.8, None]])
def test_where_they_do_not_all_with_a_result_are_shown(scores):
    mine = runs("gru", scores)
    assert not parted(mine, FACTS)
    assert [run.test_metric for run in shown_runs(mine, FACTS)] == [score for score in scores if score is not None]


def test_the_remark_has_the_share_every_seed_and_the_distance_from_the_best():
    by_model = {"gru": runs("gru", [0.9] * 8), "lstm-s": runs("lstm-s", [0.9, *[0.5] * 6, None])}
    (text,) = remark(by_model, ["gru", "lstm-s"], FACTS, "gru")
    assert "LSTM-S 1/8 (2% to 47%): 90.0, 50.0, 50.0, 50.0, 50.0, 50.0, 50.0, none (-88%, -98% to -40%, p = 0" in text
    assert "GRU 8/8" not in text
    assert remark({"gru": by_model["gru"]}, ["gru"], FACTS, "gru") == []


def test_a_row_says_of_how_many_runs_its_mean_is():
    found = task_table.compare([*runs("gru", [0.9, 0.5, 0.91]), *runs("lstm-s", [0.8, None, 0.82])], [], ["gru"])
    assert [text.strip(BOLD) for text in task_table.shown(found)["Accuracy, %"]] == [
        "90.5 ± 6.4 (2 of 3)",
        "81.0 ± 12.7 (2 of 3)",
    ]
    notes = " ".join(found.notes)
    assert "then the mean is of those that learned" in notes
    assert "A run that diverged or failed is not in the mean" in notes


def test_no_interval_leaves_the_scale():
    found = task_table.shown(task_table.compare(runs("gru", [0.61, 0.99, 0.9]), [], ["gru"]))
    assert found["Accuracy, %"][0] == "83.3 (34.0 to 100.0)"


def test_a_comparison_of_two_says_how_many_of_each_learned():
    place = ("smoke", "sfc", "3k")
    sides = [{place: dict(enumerate(runs("gru", scores)))} for scores in ([0.9, *[0.5] * 7], [0.9] * 7 + [0.5])]
    found = compare(*sides, margin=0.01, rng=np.random.default_rng(0))
    assert (table(found)["A"][0], table(found)["B"][0]) == ("90.0 (1 of 8)", "90.0 (7 of 8)")
    assert "sfc 3k: 1 and 7 of 8 (+75%" in " ".join(found.notes)
