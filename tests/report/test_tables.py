import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.records import FACTS, made_curve, made_measurement, made_run

from harness.compare.claims import judge
from harness.errors import BenchError
from harness.records.claims import Claim
from harness.records.kinds import Measurement, RunRecord, TaskFacts
from harness.report.task.table import Comparison, compare, shown
from harness.stats.over_seeds import mean_interval, unpaired_p
from harness.write import markdown as pages
from harness.write.tables import BOLD, markdown, plain

ORDER = ["lstm-s", "gru", "tp-rnn-s"]
MSE = TaskFacts("Adding", "mse", False, chance=0.1767, target=0.01, length=200)


def compared(
    runs: Sequence[RunRecord], measurements: Sequence[Measurement] = (), order: Sequence[str] = ORDER
) -> Comparison:
    return compare(runs, measurements, order)


def runs_of(model: str, scores: Sequence[float | None], **changes: object) -> list[RunRecord]:
    """One run a seed; None is a run that failed."""
    return [
        made_run(model, seed, score, **changes)
        if score is not None
        else made_run(model, seed, None, status="failed", reason="ValueError: no", curve=(), **changes)
        for seed, score in enumerate(scores)
    ]


def row(comparison: Comparison, name: str) -> dict[str, object]:
    frame = comparison.frame
    return dict(frame[frame["name"] == name].iloc[0])


def cells(comparison: Comparison, heading: str) -> list[str]:
    return [cell.strip(BOLD) for cell in shown(comparison)[heading]]


def bold(comparison: Comparison) -> list[str]:
    """The models whose metric is bold."""
    table = shown(comparison)
    return [str(model) for model, cell in zip(table["Model"], table["Accuracy, %"], strict=True) if cell[0] == BOLD]


# ----------------------------------------------------------------------------- what may share a table


@pytest.mark.parametrize(
    "change", [{"protocol": "quick"}, {"protocol_version": 2}, {"task_name": "sti"}, {"budget": "10k"}]
)
def test_records_of_different_protocols_tasks_or_budgets_never_share_a_table(change):
    with pytest.raises(BenchError, match="cannot share a table"):
        compared([made_run(seed=0), made_run(seed=1, **change)])


def test_records_that_do_not_say_what_was_measured_are_refused():
    with pytest.raises(BenchError, match="no record of sfc says what it measures"):
        compared([made_run(task=None)])


def test_one_record_that_knows_the_task_is_enough():
    assert compared([made_run(seed=0, task=None, test_metric=None, status="failed"), made_run(seed=1)]).facts == FACTS


def test_a_model_without_any_result_has_no_shift():
    found = compared([*runs_of("gru", [0.8, 0.9]), *runs_of("lstm-s", [None, None]), *runs_of("slstm", [0.6, None])])
    assert row(found, "gru")["shift"] is None or np.isnan(row(found, "gru")["shift"])
    assert np.isnan(row(found, "lstm-s")["shift"])
    assert row(found, "slstm")["shift"] < 0
    assert cells(found, "Shift")[list(found.frame["name"]).index("lstm-s")] == "–"


# ----------------------------------------------------------------------------- rows


def test_rows_stand_in_the_given_order_with_variants_after_their_model():
    names = ["z", "tp-rnn-s", "gru@a=1", "lstm-s", "gru", "a"]
    frame = compared([made_run(name) for name in names]).frame
    assert list(frame["name"]) == ["lstm-s", "gru", "gru@a=1", "tp-rnn-s", "a", "z"]


def test_a_row_has_the_mean_over_seeds_and_its_interval():
    found = row(compared(runs_of("gru", [0.7, 0.8, 0.9])), "gru")
    interval = mean_interval([0.7, 0.8, 0.9])
    assert (found["metric"], found["low"], found["high"]) == pytest.approx((0.8, interval.low, interval.high))
    assert (found["seeds"], found["planned"], found["params"]) == (3, 3, 3004)


def test_a_row_has_its_own_models_measurement():
    comparison = compared(
        [made_run("gru"), made_run("lstm-s")],
        [made_measurement("gru"), made_measurement("other", ratio=9.0)],
    )
    found = row(comparison, "gru")
    assert (found["step_ms"], found["ratio"], found["peak_mib"]) == (4.0, 2.0, 3.0)
    assert math.isnan(row(comparison, "lstm-s")["ratio"])


def test_a_measurement_that_failed_leaves_a_hole():
    failed = made_measurement("gru", status="failed", step=None, ratio=None, peak_bytes=None)
    comparison = compared([made_run("gru")], [failed])
    assert [cells(comparison, heading) for heading in ("Step, ms", "Step / yardstick", "Peak, MiB")] == [["–"]] * 3


# ----------------------------------------------------------------------------- p against the best


def test_p_is_corrected_by_holm_and_the_best_has_none():
    """Three seeds: each raw p is 2/20; three pairs make 0.3 of all."""
    runs = [*runs_of("gru", [0.9] * 3), *runs_of("lstm-s", [0.8] * 3), *runs_of("tp-rnn-s", [0.7] * 3)]
    comparison = compared(runs)
    assert [row(comparison, name)["p"] for name in ("lstm-s", "tp-rnn-s")] == pytest.approx([0.3, 0.3])
    assert math.isnan(row(comparison, "gru")["p"])
    assert "against GRU, the best mean" in comparison.notes[0]


def test_the_note_says_what_so_few_seeds_can_show():
    few = [*runs_of("gru", [0.9] * 3), *runs_of("lstm-s", [0.8] * 3), *runs_of("tp-rnn-s", [0.7] * 3)]
    note = compared(few).notes[0]
    assert "3 seeds cannot give a p below 0.1 before the correction, nor below 0.3 after it" in note
    assert "no difference here can be called significant" in note
    many = [*runs_of("gru", [0.9] * 5), *runs_of("lstm-s", [0.8] * 5), *runs_of("tp-rnn-s", [0.7] * 5)]
    note = compared(many).notes[0]  # 2/252 and three times that
    assert "5 seeds cannot give a p below 0.00794 before the correction, nor below 0.0238 after it." in note
    assert "called significant" not in note


NEAR = unpaired_p([9, 5, 7, 8, 6, 4], [8, 4, 6, 7, 5, 3])
AHEAD, BEHIND = runs_of("gru", [0.9, 0.5, 0.7, 0.8, 0.6, 0.4]), runs_of("lstm-s", [0.8, 0.4, 0.6, 0.7, 0.5, 0.3])


@pytest.mark.parametrize(
    ("runs", "p"),
    [
        ([*AHEAD, *BEHIND], NEAR),  # 0.1 ahead with every seed, which is nothing beside this spread
        ([*BEHIND[::-1], *(AHEAD[place] for place in (2, 0, 5, 3, 4, 1))], NEAR),  # whatever the order of the runs
        ([*runs_of("gru", [0.9] * 6), *runs_of("lstm-s", [0.5] * 8)[2:]], 2 / 924),  # and whatever their seeds
        ([made_run("gru", 0, 0.9), made_run("lstm-s", 0, 0.1)], 1.0),  # one seed proves nothing
    ],
)
def test_the_labels_of_runs_are_given_away_anew(runs, p):
    assert row(compared(runs), "lstm-s")["p"] == pytest.approx(p)


def test_one_model_with_fewer_seeds_does_not_take_significance_from_the_others():
    runs = [*runs_of("gru", [0.9] * 5), *runs_of("lstm-s", [0.8] * 5), *runs_of("tp-rnn-s", [0.7] * 2)]
    comparison = compared(runs)
    assert row(comparison, "lstm-s")["p"] == pytest.approx(3 * 2 / 252)
    assert "called significant" not in comparison.notes[0]


def test_the_note_says_what_is_tested_and_speaks_of_no_difference_of_means():
    note = compared([*runs_of("gru", [0.9] * 4), *runs_of("lstm-s", [0.8] * 4)]).notes[0]
    assert "whether runs of the two are alike (exchangeable)" in note
    assert "means" not in note


def test_the_best_mean_is_bold_and_nothing_else_whatever_p_is():
    runs = [*runs_of("gru", [0.902] * 3), *runs_of("tp-rnn-s", [0.901] * 3), *runs_of("lstm-s", [0.7] * 3)]
    assert bold(compared([*runs, made_run("hm-lstm", 0, None, status="skipped")])) == ["GRU"]


def test_a_mark_says_which_models_a_declared_contrast_separates_from_the_best():
    runs = [
        *runs_of("gru", [0.90, 0.91, 0.92, 0.93, 0.94]),
        *runs_of("lstm-s", [0.72, 0.73, 0.74, 0.75, 0.76]),
        *runs_of("tp-rnn-s", [0.62, 0.63, 0.64, 0.65, 0.66]),
    ]
    asked = {"says": "A.", "tasks": ("sfc",), "protocol": "smoke", "seeds": 5}
    claims = [
        Claim("won", kind="better", test="metric", a=("gru",), b=("lstm-s",), **asked),
        Claim("lost", kind="better", test="metric", a=("lstm-s",), b=("gru",), **asked),
        Claim("others", kind="better", test="metric", a=("lstm-s",), b=("tp-rnn-s",), **asked),
        Claim("shares", kind="alive", test="share", a=("gru",), b=("tp-rnn-s",), **asked),
    ]
    declared = [replace(run, claims={one.id: one.digest for one in claims}) for run in runs]
    comparison = compare(runs, [], ORDER, judged=judge(claims, declared))
    assert dict(zip(comparison.frame["name"], comparison.frame["separated"], strict=True)) == {
        "lstm-s": True,
        "gru": False,
        "tp-rnn-s": False,
    }
    assert cells(comparison, "Accuracy, %")[0].endswith(" †")
    assert "† a contrast that was declared before its runs finds it below GRU: won, lost." in comparison.notes
    assert not any("†" in note for note in compare(runs, [], ORDER, judged=judge(claims, runs)).notes)


def test_how_likely_a_run_beats_the_best_stands_beside_the_shift():
    three = compared([*runs_of("gru", [0.9, 0.8, 0.7]), *runs_of("lstm-s", [0.6, 0.75, 0.8])])
    assert cells(three, "Beats the best") == ["0.28", "–"]  # 0 + 1 + 1.5 of 9 pairs
    errors = [*runs_of("gru", [0.01] * 3, task=MSE), *runs_of("lstm-s", [0.03, 0.03, 0.005], task=MSE)]
    assert cells(compared(errors), "Beats the best") == ["0.33", "–"]


def test_the_shift_is_that_of_hodges_and_lehmann_in_the_metrics_unit():
    three = [*runs_of("gru", [0.9, 0.8, 0.7]), *runs_of("lstm-s", [0.6, 0.6, 0.6])]
    assert cells(compared(three), "Shift") == ["-20.0", "–"]  # the median of 0.3, 0.2, 0.1, 0.25, 0.2, 0.15
    errors = [*runs_of("gru", [0.01] * 3, task=MSE), *runs_of("lstm-s", [0.03] * 3, task=MSE)]
    assert cells(compared(errors), "Shift") == ["+0.02", "–"]


def test_one_model_alone_has_no_p():
    comparison = compared(runs_of("gru", [0.9, 0.8]))
    assert cells(comparison, "p against best") == ["–"]
    assert comparison.notes == ("There is no other model to compare with.",)


def test_a_failed_run_counts_as_chance():
    """GRU is better where it runs, (0.9 + 0.9 + 0.5) / 3 < 0.8 with the failure: not the best."""
    steady, brittle = runs_of("lstm-s", [0.8, 0.8, 0.8]), runs_of("gru", [0.9, 0.9, None])
    comparison = compared([*steady, *brittle])
    assert "against LSTM-S, the best mean" in comparison.notes[0]
    expected = unpaired_p([0.9, 0.9, 0.5], [0.8, 0.8, 0.8])
    assert row(comparison, "gru")["p"] == pytest.approx(expected)


LATE = [*runs_of("lstm-s", [0.7, 0.7, 0.7]), *runs_of("gru", [0.95, 0.95, None])]
WITHOUT_CHANCE = replace(FACTS, chance=None)
LOW = [*runs_of("gru", [0.02, 0.02, 0.02], task=MSE), *runs_of("lstm-s", [0.01, 0.01, None], task=MSE)]


@pytest.mark.parametrize(
    ("runs", "best"),
    [
        (LATE, "GRU"),  # (0.95 + 0.95 + 0.5) / 3 > 0.7
        ([*LATE, made_run("tp-rnn-s", 0, 0.1)], "LSTM-S"),  # the worst result, below chance: (0.95 + 0.95 + 0.1) / 3
        (
            [
                *runs_of("lstm-s", [0.8, 0.8, 0.8], task=WITHOUT_CHANCE),
                *runs_of("gru", [0.9, 0.9, None], task=WITHOUT_CHANCE),
            ],
            "GRU",  # without a chance level the worst result: (0.9 + 0.9 + 0.8) / 3
        ),
        (LOW, "GRU"),  # lower is better, and a failure is high
        ([run for run in LOW if run.cell.seed < 2], "LSTM-S"),
    ],
)
def test_a_failed_run_counts_as_chance_or_as_the_worst_result_where_that_is_worse(runs, best):
    assert f"against {best}, the best mean" in compared(runs).notes[0]


@pytest.mark.parametrize("status", ["skipped", "interrupted"])
def test_what_was_not_run_counts_as_nothing(status):
    pending = [replace(run, status=status, test_metric=None) for run in runs_of("tp-rnn-s", [0.0, 0.0])]
    comparison = compared([*runs_of("gru", [0.9, 0.9]), *runs_of("lstm-s", [0.8, 0.8]), *pending])
    assert math.isnan(row(comparison, "tp-rnn-s")["p"])
    assert "Holm's correction for 1 pair" in comparison.notes[0]


def test_before_any_result_there_is_no_p():
    comparison = compared([*runs_of("gru", [None, None]), *runs_of("lstm-s", [None, None])])
    assert comparison.notes[0] == "No run has a result yet."
    assert cells(comparison, "p against best") == ["–", "–"]


# ----------------------------------------------------------------------------- notes


def test_every_hole_is_named_with_its_status_seeds_and_reason():
    runs = [
        *runs_of("gru", [0.9, None, None]),
        made_run("lstm-s", 0, None, status="skipped", reason="it has no use here", curve=()),
        made_run("tp-rnn-s", 0, 0.6),
        made_run("tp-rnn-s", 1, None, status="diverged", reason="the loss is no finite number at step 8"),
    ]
    assert compared(runs).notes[2:] == (
        "lstm-s: skipped (all seeds): it has no use here.",
        "gru: failed (seed 1, 2): ValueError: no.",
        "tp-rnn-s: diverged (seed 1): the loss is no finite number at step 8.",
    )


# ----------------------------------------------------------------------------- steps to the target


def test_steps_to_the_target_are_the_restricted_mean_over_seeds():
    """Reached at 200 and 300 of 400 steps, and never."""
    curves = [made_curve(v) for v in ([0.1, 0.8, 0.8, 0.8], [0.1, 0.1, 0.8, 0.8], [0.1, 0.1, 0.1, 0.1])]
    runs = [made_run("gru", seed, curve=curve) for seed, curve in enumerate(curves)]
    found = row(compared(runs), "gru")
    assert (found["steps_to_target"], found["reached"], found["horizon"]) == (300, 2, 400)
    assert cells(compared(runs), "Steps to target") == ["≥ 300 (2/3)"]


def test_all_rows_have_the_horizon_of_the_longest_run():
    """A model that diverges early must not look fast for it."""
    slow = made_run("lstm-s", 0, curve=made_curve([0.1, 0.1, 0.8, 0.8]))
    gone = made_run("gru", 0, None, status="diverged", curve=made_curve([0.1, None]))
    comparison = compared([slow, gone])
    assert row(comparison, "lstm-s")["steps_to_target"] == 300
    assert row(comparison, "gru")["steps_to_target"] == 400
    assert cells(comparison, "Steps to target") == ["300 (1/1)", "> 400 (0/1)"]


@pytest.mark.parametrize(
    "bad",
    [
        made_run("gru", 1, None, status="failed", curve=()),
        made_run("gru", 1, None, status="diverged", curve=made_curve([0.8, 0.8, None])),
    ],
    ids=["failed", "diverged after it had arrived"],
)
def test_a_run_that_came_to_no_good_end_never_arrived(bad):
    found = row(compared([made_run("gru", 0), bad]), "gru")  # 200 of 300, and never
    assert (found["steps_to_target"], found["reached"], found["planned"]) == (250, 1, 2)


# ----------------------------------------------------------------------------- what people read


@pytest.mark.parametrize(
    ("runs", "heading", "expected"),
    [
        (runs_of("gru", [0.7, 0.8, 0.9]), "Accuracy, %", ["80.0 (55.2 to 100.0)"]),  # 80 +- 4.303 x 10 / sqrt(3)
        (runs_of("gru", [0.74, 0.75, 0.76]), "Accuracy, %", ["75.0 ± 2.5"]),
        (runs_of("gru", [0.01, 0.0101], task=MSE), "MSE", ["0.01005 ± 0.0006353"]),  # 12.706 x 0.00005
        ([made_run("gru", 0, 0.75)], "Accuracy, %", ["75.0"]),  # one seed has no interval
        (
            [*runs_of("gru", [None, None]), made_run("gru", 2, None, status="out-of-memory"), made_run("lstm-s")],
            "Accuracy, %",
            ["75.0", "2 failed, 1 out-of-memory"],
        ),
        (runs_of("gru", [0.7, 0.8, None]), "Seeds", ["2/3"]),
        ([made_run("gru", params=41810)], "Parameters", ["41,810"]),
        (runs_of("gru", [0.8, 0.8]), "Steps to target", ["200 (2/2)"]),  # all arrive: no bound
        (runs_of("gru", [0.5] * 3, curve=made_curve([0.5] * 12)), "Steps to target", ["> 1,200 (0/3)"]),
        (
            [made_run("gru", 0), made_run("gru", 1, None, status="interrupted", curve=made_curve([0.1]))],
            "Steps to target",
            ["200 (1/1)"],
        ),  # what was interrupted says nothing
        ([made_run(task=replace(FACTS, target=None))], "Steps to target", ["–"]),
        (runs_of("gru", [None]), "Steps to target", ["–"]),
    ],
)
def test_what_is_shown_of_runs(runs, heading, expected):
    assert cells(compared(runs), heading) == expected


def test_a_metric_without_a_heading_of_its_own_keeps_its_name():
    assert "bleu" in shown(compared([made_run(task=replace(FACTS, metric="bleu"))]))


def test_a_skipped_model_is_a_row_of_dashes():
    skipped = made_run("gru", 0, None, status="skipped", params=None, width=None, curve=())
    frame = shown(compared([skipped, made_run("lstm-s")]))
    assert list(frame.iloc[1]) == ["GRU", "–", "1 skipped", "0/1", *["–"] * 7]


def test_what_was_measured_is_shown_for_people():
    comparison = compared([made_run("gru")], [made_measurement("gru", ratio=1.234)])
    headings = ("Step, ms", "Step / yardstick", "Peak, MiB")
    assert [cells(comparison, heading) for heading in headings] == [["4.0"], ["1.23"], ["3.0"]]


@pytest.fixture
def table() -> pd.DataFrame:
    return shown(compared([*runs_of("gru", [0.7, 0.8]), *runs_of("lstm-s", [0.6, 0.5], title="LSTM_S & co")]))


def test_markdown_has_a_line_for_each_model_and_a_cell_for_each_column(table):
    head, rule, *lines = markdown(table).splitlines()
    assert len(lines) == len(table)
    assert [cell.strip() for cell in head.strip("|").split("|")] == list(table.columns)
    assert all(cell.strip().endswith(":") for cell in rule.strip("|").split("|")[1:])  # numbers stand right
    for line, expected in zip(lines, table.itertuples(index=False), strict=True):
        wanted = [cell.replace(BOLD, "**") for cell in expected]
        assert [cell.strip() for cell in line.strip("|").split("|")] == wanted


def test_latex_is_a_booktabs_tabular_with_its_signs_escaped(table):
    (read,) = pages.tables(pages.parse(markdown(table)))
    text = pages.as_latex(read)
    assert text.startswith(r"\begin{tabular}{l" + "r" * (len(table.columns) - 1) + "}")
    assert all(rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
    assert r"Accuracy, \%" in text
    assert r"LSTM\_S \& co" in text
    assert r"\textbf{75.0 (11.5 to 100.0)}" in text


def test_the_terminals_table_shows_the_same_cells(table):
    lines = plain(table).splitlines()
    assert len(lines) == 2 + len(table)
    pairs = [(line, str(cell)) for line, cells in zip(lines[2:], table.values, strict=True) for cell in cells]
    assert all(cell.strip(BOLD) in line for line, cell in pairs)
    assert not any(BOLD in line for line in lines)
