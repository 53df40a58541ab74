"""Which runs pages on several tasks compare."""

from support import records
from support.records import made_run

from harness.compare.selection import all_facts, by_budget, by_place, scores_of, select, titles_of

ORDER = ["lstm-s", "gru"]


def runs_of(task: str, score: float | None = 0.75, **changes):
    return records.runs_of({model: [score, score] for model in ORDER}, task_name=task, **changes)


def test_what_is_pending_is_no_run():
    runs = [*runs_of("sti"), made_run("gru", 5, None, status="skipped"), made_run("gru", 6, None, status="interrupted")]
    found = by_budget([*runs, *runs_of("sti", budget="9k"), made_run("gru", 7, task=None)])
    assert list(found) == ["3k", "9k"]
    assert {place: list(seeds) for place, seeds in found["3k"].items()} == {
        ("sti", "gru"): [0, 1],
        ("sti", "lstm-s"): [0, 1],
    }


def test_a_task_without_any_result_is_left_out():
    results = by_place([*runs_of("a"), *runs_of("b"), *runs_of("c", None)])
    chosen = select(results, ORDER)
    assert (chosen.tasks, chosen.left_out) == (["a", "b"], ["c"])
    assert select(by_place([*runs_of("a"), *runs_of("c", None)]), ORDER) is None


def test_a_task_whose_results_are_all_of_other_seeds_is_left_out():
    """Seed 2 is not shared, and on b only that has a result."""
    runs = [*runs_of("a"), *runs_of("b", None), made_run("gru", 2, 0.9, task_name="b"), *runs_of("c")]
    chosen = select(by_place(runs), ORDER)
    assert (chosen.tasks, chosen.seeds, chosen.left_out) == (["a", "c"], [0, 1], ["b"])


def test_a_task_that_needs_no_memory_does_not_count():
    results = by_place([*runs_of("a"), *runs_of("fsdd-mfcc"), *runs_of("fsdd-raw@rate=500"), *runs_of("sdigits")])
    chosen = select(results, ORDER)
    assert (chosen.tasks, chosen.left_out) == (["a", "sdigits"], [])
    assert chosen.memoryless == ["fsdd-mfcc", "fsdd-raw@rate=500"]
    assert select(by_place([*runs_of("a"), *runs_of("fsdd-mfcc")]), ORDER) is None


def test_scores_have_a_place_for_every_run():
    runs = [*runs_of("a"), *runs_of("b", 0.9)]
    runs[0] = made_run("lstm-s", 0, None, task_name="a", status="diverged")
    results = by_place(runs)
    chosen = select(results, ORDER)
    scores = scores_of(results, chosen, all_facts(results, chosen))
    assert scores.tolist() == [[[0.5, 0.75], [0.75, 0.75]], [[0.9, 0.9], [0.9, 0.9]]]  # chance for what diverged
    assert titles_of(results, chosen) == ["LSTM-S", "GRU"]
