from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from support.records import FACTS, made_curve, made_run
from support.sentences import one_sentence

from harness.compare.two import compare, table
from harness.errors import BenchError
from harness.records.kinds import TaskFacts
from harness.records.store import Store
from harness.stats.equivalence import two_one_sided
from harness.stats.verdicts import BETTER, CANNOT_TELL, EQUIVALENT, SAME, WORSE

SEEDS = range(8)
PLAN = ("smoke", "sfc", "3k")


def side(scores, *, places=(PLAN,), **changes):
    """The same scores, one a seed, at every place; None is a run that diverged."""
    status = {True: "diverged", False: "ok"}
    return {
        place: {
            seed: made_run("gru", seed, score, task_name=place[1], status=status[score is None], **changes)
            for seed, score in enumerate(scores)
        }
        for place in places
    }


def compared(first, second, margin=0.01):
    return compare(first, second, margin=margin, rng=np.random.default_rng(0))


def noisy(mean, seed=0, spread=0.002, size=8):
    return list(mean + spread * np.random.default_rng(seed).standard_normal(size))


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (noisy(0.7), noisy(0.8, 1), BETTER),
        (noisy(0.8), noisy(0.7, 1), WORSE),
        (noisy(0.8), noisy(0.8, 1), EQUIVALENT),
        (noisy(0.8, spread=0.1), noisy(0.8, 1, spread=0.1), CANNOT_TELL),
        (noisy(0.7, size=3), noisy(0.8, 1, size=3), CANNOT_TELL),  # three seeds show nothing
        ([0.8] * 8, noisy(0.8, spread=1e-6), CANNOT_TELL),  # nor do runs that all ended alike
    ],
)
def test_the_four_verdicts(first, second, verdict):
    found = compared(side(first), side(second))
    assert found.verdict == found.rows[0].verdict == verdict


def test_lower_is_better_where_the_task_says_so():
    facts = TaskFacts("Adding", "mse", False, chance=0.2, target=0.01, length=200)
    good, bad = side(noisy(0.02), task=facts), side(noisy(0.1), task=facts)
    assert compared(bad, good).verdict == BETTER
    assert compared(good, bad).verdict == WORSE


def test_the_row_has_difference_p_and_equivalence_on_the_way_from_chance():
    """Chance 0.5: an accuracy of 0.7 is 40 % of the way. Four seeds: the labels' test, 2 of 70."""
    row = compared(side([0.7, 0.71, 0.72, 0.73]), side([0.8, 0.81, 0.82, 0.84])).rows[0]
    differences = np.array([0.2, 0.2, 0.2, 0.22])
    assert row.means == pytest.approx((0.715, 0.8175))
    assert row.difference.mean == pytest.approx(differences.mean())
    assert row.p == pytest.approx(2 / 70)
    assert row.equal_p == pytest.approx(two_one_sided(differences, 0.01).p)
    shown = table(compared(side([0.7, 0.71, 0.72, 0.73]), side([0.8, 0.81, 0.82, 0.84]))).iloc[0]
    assert (shown["A"], shown["B"], shown["Difference, %"]) == ("71.5", "81.8", "+20.5 ± 1.6")


def test_a_run_without_a_result_counts_as_chance_and_makes_worse():
    found = compared(side(noisy(0.8)), side([None] * 8))
    assert found.verdict == WORSE
    assert found.rows[0].means[1] is None
    assert found.rows[0].difference.mean == pytest.approx(-0.6, abs=0.01)


def test_a_row_that_is_worse_is_not_hidden_by_what_others_gain():
    tasks = [("smoke", name, "3k") for name in ("sfc", "sti", "copy-120", "low-density")]
    first = side(noisy(0.7), places=tasks)
    second = side(noisy(0.9, 1), places=tasks[:3]) | side(noisy(0.6, 2), places=tasks[3:])
    found = compared(first, second)
    assert [row.verdict for row in found.rows].count(BETTER) == 3
    assert found.verdict == WORSE
    assert "worse on low-density 3k" in found.notes[0]


def test_what_no_row_shows_the_whole_does_not_say_but_names_its_p():
    tasks = [("smoke", name, "3k") for name in ("sfc", "sti", "copy-120")]
    found = compared(side(noisy(0.7, size=3), places=tasks), side(noisy(0.8, 1, size=3), places=tasks))
    assert {row.verdict for row in found.rows} == {found.verdict} == {CANNOT_TELL}
    assert "p = 0.0312 over all rows together" in found.notes[0]  # two of the tasks share data: 6 blocks, 2 / 64


@pytest.mark.parametrize(("rows", "seeds", "verdict"), [(12, 3, CANNOT_TELL), (180, 5, CANNOT_TELL), (180, 8, WORSE)])
def test_a_row_that_falls_to_chance_is_never_part_of_an_equivalent_whole(rows, seeds, verdict):
    """180 rows are one quick protocol: 12 tasks x 15 models; eight seeds reach 180 x 2 / 12,870."""
    places = [("smoke", f"task{n}", "3k") for n in range(rows)]
    before, after = noisy(0.989, size=seeds), noisy(0.989, 1, size=seeds)
    first, second = side(before, places=places), side(after, places=places[1:])
    found = compared(first, second | side(noisy(0.5, 2, size=seeds), places=places[:1]))
    assert found.rows[0].verdict == found.verdict == verdict
    assert f"{verdict} on task0" in found.notes[0]


def test_folders_whose_runs_are_equal_bit_by_bit_are_the_same_and_models_are_not():
    """Two models whose runs all stayed where they began have equal results too."""
    place = (*PLAN, "gru")
    first, second = side([0.5] * 3, places=[place]), side([0.5] * 3, places=[place])
    assert compared(first, second).verdict == SAME
    assert compared(side([0.5] * 3), side([0.5] * 3)).verdict == CANNOT_TELL
    second[place][1] = replace(second[place][1], curve=made_curve([0.5, 0.75, 0.81]))
    assert compared(first, second).verdict == CANNOT_TELL


def test_equivalence_says_how_many_further_runs_may_end_otherwise():
    found = compared(side(noisy(0.8, spread=1e-4, size=3)), side(noisy(0.8, 1, 1e-4, size=3)))
    assert found.verdict == EQUIVALENT
    assert "up to 63% of further runs end otherwise" in " ".join(found.notes)


def test_the_mean_of_runs_with_a_result_says_of_how_many_it_is():
    shown = table(compared(side([0.6, 0.7, None]), side([0.8, 0.8, 0.82]))).iloc[0]
    assert (shown["A"], shown["B"]) == ("65.0 (2 of 3)", "80.7")
    assert (shown["B beats A"], shown["Shift, %"]) == ("1.00", "+40.0")


def test_rows_are_corrected_together():
    tasks = [("smoke", f"addition-{n}", "3k") for n in range(5)]
    first, second = noisy(0.7), noisy(0.8, 1)
    alone = compared(side(first), side(second)).rows[0].p
    assert {row.p for row in compared(side(first, places=tasks), side(second, places=tasks)).rows} == {5 * alone}


def test_only_common_seeds_count_and_what_only_one_has_is_named():
    extra = ("smoke", "sti", "3k")
    second = side([0.8, 0.801, 0.802, 0.8, 0.0])
    del second[PLAN][0]
    found = compared(side([0.1, 0.8, 0.801, 0.802], places=[PLAN, extra]), second)
    assert found.rows[0].seeds == 3
    assert found.verdict == EQUIVALENT
    assert any("Only in A, left out: smoke sti 3k" in note for note in found.notes)


def test_what_was_skipped_is_left_out_and_named():
    other = ("smoke", "sti", "3k")
    skipped = {seed: replace(run, status="skipped", test_metric=None) for seed, run in side([1] * 8)[PLAN].items()}
    found = compared(side(noisy(0.8)) | {other: skipped}, side(noisy(0.8)) | {other: skipped})
    assert len(found.rows) == 1
    assert "left out: smoke sti 3k" in found.notes[-1]
    with pytest.raises(BenchError, match="run more seeds or tasks"):
        compared({other: skipped}, {other: skipped})


@pytest.mark.parametrize("status", ["skipped", "interrupted"])
@pytest.mark.parametrize("whose", [0, 1])
def test_a_pair_of_which_one_run_is_still_to_come_is_no_failure(whose, status):
    both = side(noisy(0.8)), side(noisy(0.8, 1))
    both[whose][PLAN][3] = replace(both[whose][PLAN][3], status=status, test_metric=None)
    found = compared(*both)
    assert (found.verdict, found.rows[0].seeds) == (EQUIVALENT, 7)


def test_rows_of_different_numbers_of_seeds_are_taken_together_over_those_that_all_have():
    other = ("smoke", "addition-9", "3k")
    first = side(noisy(0.7, size=5)) | side(noisy(0.7, size=3), places=[other])
    found = compared(first, side(noisy(0.8, 1, size=5)) | side(noisy(0.8, 1, size=3), places=[other]))
    assert sorted(row.seeds for row in found.rows) == [3, 5]
    assert "2 rows x 3 seeds" in found.notes[0]
    assert "(p = 0.0312 over all rows together)" in found.notes[0]  # 6 blocks, 2 / 64


def test_records_of_two_versions_are_refused():
    with pytest.raises(BenchError, match=r"versions \[1, 2\]"):
        compared(side([0.8, 0.8]), side([0.8, 0.8], protocol_version=2))


@pytest.mark.parametrize("margin", [0.0, -1.0, float("nan")])
def test_a_margin_is_above_0(margin):
    with pytest.raises(BenchError, match="must be above 0"):
        compared(side([0.8, 0.8]), side([0.8, 0.8]), margin)


def test_a_task_without_a_known_chance_is_compared_by_its_metric():
    facts = replace(FACTS, chance=None)
    assert compared(side(noisy(0.7), task=facts), side(noisy(0.8, 1), task=facts)).verdict == BETTER


# ----------------------------------------------------------------------------- the verb


def stored(folder, model, scores, **changes):
    for seed, score in enumerate(scores):
        Store(folder).save_run(made_run(model, seed, score, **changes))
    return str(folder)


@pytest.fixture
def compare_verb(bench, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return partial(bench, "compare")


@pytest.mark.parametrize(
    ("second", "code"), [(noisy(0.8, 1), 0), (noisy(0.7, 1), 0), (noisy(0.6, 1), 3), (noisy(0.71, 1, 0.1), 4)]
)
def test_exit_codes_tell_the_verdict_of_two_models_and_of_two_folders(compare_verb, tmp_path, second, code):
    stored(tmp_path / "results", "gru", noisy(0.7))
    stored(tmp_path / "results", "lstm-s", second)
    assert compare_verb("gru", "lstm-s").code == code
    a, b = stored(tmp_path / "a", "gru", noisy(0.7)), stored(tmp_path / "b", "gru", second)
    outcome = compare_verb(a, b, "--format", "md")
    assert outcome.code == code
    assert "| sfc" in outcome.out
    assert "| gru" in outcome.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("gru", "lstn"), "there is no model with records, or folder, called 'lstn'"),
        (("gru", "results"), "only one is a folder"),
        (("results", "other"), "no task, budget and protocol in common"),
        (("results", "empty"), "no record in empty to compare"),
        (("gru", "gru", "--task", "nothing"), "no record of task nothing in "),
        (("gru", "gru", "--protocol", "paper"), "no record of protocol paper in "),
    ],
)
def test_words_that_name_nothing_are_one_sentence(compare_verb, tmp_path, words, said):
    stored(tmp_path / "results", "gru", noisy(0.7))
    stored(tmp_path / "other", "lstm-s", noisy(0.7))
    (tmp_path / "empty").mkdir()
    assert said in one_sentence(compare_verb(*words))


def test_records_that_cannot_be_read_are_named_and_left_out(compare_verb, tmp_path):
    a, b = stored(tmp_path / "a", "gru", noisy(0.7)), stored(tmp_path / "b", "gru", noisy(0.7))
    broken = Store(tmp_path / "b").run_path(made_run("gru", 3).cell)
    broken.write_text("{")
    outcome = compare_verb(a, b)
    assert outcome.code == 0
    assert f"left out: {broken} is no record that can be read" in outcome.err
    assert " 7 " in outcome.out  # the common seeds that are left


def test_records_of_a_task_that_has_changed_in_between_are_not_compared():
    first = side(noisy(0.7), task_source="1")
    assert compared(first, side(noisy(0.7, 1), task_source="1")).verdict == EQUIVALENT
    for fields in ({"task_source": "2"}, {"task_source": "1", "data": "3"}):
        with pytest.raises(BenchError, match="the task sfc has changed between the records of A and those of B"):
            compared(first, side(noisy(0.7), **fields))
