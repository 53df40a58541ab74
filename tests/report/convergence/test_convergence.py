"""The page on how fast models learn."""

from dataclasses import replace

import pytest
from support import charts
from support.pages import other_pages, rows_of
from support.records import FACTS, made_curve, made_run

from harness.compare.material import Material
from harness.compare.selection import by_place
from harness.draw.picture import Picture
from harness.records.kinds import TaskFacts
from harness.records.store import Loaded
from harness.report.convergence import arrivals, frames
from harness.report.convergence import page as convergence

ORDER = ["lstm-s", "gru", "aslstm"]
# chance 0.5, target 0.7; evaluations after 100, 200, 300 and 400 steps
FAST, SLOW, NEVER = [0.8, 0.9, 0.9, 0.9], [0.5, 0.6, 0.8, 0.8], [0.5, 0.5, 0.6, 0.6]


def run(model: str, seed: int, values: list[float], **changes):
    return made_run(model, seed, 0.8, curve=made_curve(values), **changes)


def study(task: str = "sfc", facts: TaskFacts = FACTS):
    curves = {"gru": [FAST, FAST, FAST], "lstm-s": [SLOW, SLOW, NEVER], "aslstm": [NEVER] * 3}
    return [
        run(model, seed, values, task_name=task, task=facts)
        for model, many in curves.items()
        for seed, values in enumerate(many)
    ]


def text(runs) -> str | None:
    found = convergence.sheet(Material(runs, [], ORDER))
    return None if found is None else found.text


def rows(page: str, heading: str = "## Counting") -> dict[str, list[str]]:
    return rows_of(page.partition(heading)[2].partition("\n## ")[0])


def test_the_fastest_alone_is_bold_unless_none_arrived():
    page = text(study())
    assert " **100** |" in page
    assert "**≥ 333**" not in page  # though three seeds cannot tell it from the fastest
    never = text([run(model, seed, NEVER) for model in ("gru", "lstm-s") for seed in range(3)])
    assert "> 400" in never
    assert "**" not in never.partition("## Counting")[2]


def test_a_row_of_each_model():
    """Wilson: 3 of 3 is 44 to 100 %, 2 of 3 is 21 to 94 %. LSTM-S takes (300 + 300 + 400) / 3 steps.

    A step is two samples and half a second; every run was watched for 200 seconds. A quarter, a half, three quarters
    of the way from 0.5 are 0.625, 0.75 and 0.875. The area of GRU: chance to step 100, 0.6 of the way to 200, 0.8 from
    there on: (60 + 80 + 80) / 400 of 100 steps each. p: three seeds, all slower: 0.25 alone, 0.5 by Holm over two
    models.
    """
    page = text(study())
    table = rows(page)
    assert table["Model"][2:4] == ["Samples", "Seconds"]
    assert table["GRU"] == ["3/3 (44% to 100%)", "100", "200", "50", "100", "100", "200", "55.0 ± 0.0", "–"]
    slow, never = table["LSTM-S"], table["ASLSTM"]
    assert slow[:7] == ["2/3 (21% to 94%)", "≥ 333", "≥ 667", "≥ 167", "≥ 333", "≥ 333", "> 400"]
    assert never[:4] == ["0/3 (0% to 56%)", "> 400", "> 800", "> 200"]
    assert slow[8] == never[8] == "0.3"
    assert "Target: 0.7. Restricted to 400 steps, 800 samples and 200 seconds." in page


def test_a_run_that_broke_off_never_arrived():
    runs = [
        replace(r, status="diverged", test_metric=None) if r.cell.model == "gru" and r.cell.seed == 0 else r
        for r in study()
    ]
    assert rows(text(runs))["GRU"][:2] == ["2/3 (21% to 94%)", "≥ 200"]  # (400 + 100 + 100) / 3


def test_errors_fall_to_their_target():
    facts = TaskFacts("Counting", "mse", False, chance=1.0, target=0.3, length=40)
    runs = [run("gru", seed, [0.9, 0.5, 0.2, 0.2], task=facts) for seed in range(2)]
    runs += [run("lstm-s", seed, [0.9, 0.9, 0.9, 0.9], task=facts) for seed in range(2)]
    assert rows(text(runs))["GRU"][1] == "300"
    assert rows(text(runs))["LSTM-S"][1] == "> 400"


def test_profiles_over_tasks():
    """On both tasks GRU takes 100 steps; LSTM-S's 333 are more than twice and less than four times as many."""
    page = text([*study("sfc"), *study("sti", replace(FACTS, title="Types"))])
    table = rows(page, "## Over tasks, budget 3k")
    assert table["GRU"][:2] == ["1.00", "1.00"]
    assert table["GRU"][2] == "1.00"  # no interval where both tasks agree
    assert table["LSTM-S"][:2] == ["0.00", "0.00"]
    assert 0 < float(table["LSTM-S"][2].split()[0]) < 0.5
    assert table["ASLSTM"][2] == "0.00"
    assert "over 2 tasks on which any run arrived (sfc, sti), 3 seeds" in page


def test_tasks_without_a_target_or_a_curve_are_left_out():
    assert text([]) is None
    assert text([made_run(curve=())]) is None
    assert text([run("gru", 0, FAST, task=replace(FACTS, target=None))]) is None


def test_a_model_that_is_fitted_at_once_has_no_steps_to_count():
    runs = study()
    fitted = [made_run("gmm", seed, 0.8, curve=made_curve([0.9], every=1)) for seed in range(3)]
    assert text([*runs, *fitted]) == text(runs)
    assert text(fitted) is None


def test_without_chance_only_the_target_counts():
    runs = [run(model, 0, FAST, task=replace(FACTS, chance=None)) for model in ("gru", "lstm-s")]
    assert rows(text(runs))["GRU"][1:8] == ["100", "200", "50", "–", "–", "–", "–"]


def test_the_index_links_the_page():
    sheets = other_pages(Loaded(study()), ORDER)
    assert "[How fast the models learn](convergence.md)" in sheets["index.md"].text
    assert sheets["convergence.md"].text.startswith("# How fast the models learn")


# ----------------------------------------------------------------------------- clocks


def slower(run, times: float):
    """The same run on which every step took so many times as long."""
    curve = tuple(replace(point, seconds=times * point.seconds) for point in run.curve)
    return replace(run, curve=curve)


def test_seconds_are_restricted_to_the_first_run_that_ended_without_arriving():
    """LSTM-S takes twice as long: its run that never arrives ends after 400 s, ASLSTM's after 200 s."""
    runs = [slower(run, 2) if run.cell.model == "lstm-s" else run for run in study()]
    page = text(runs)
    assert "Restricted to 400 steps, 800 samples and 200 seconds." in page
    assert rows(page)["LSTM-S"][3] == "> 200"  # 300 s: after the horizon
    page = text([run for run in runs if run.cell.model != "aslstm"])
    assert "and 400 seconds." in page
    assert rows(page)["LSTM-S"][3] == "≥ 333"


def test_where_all_arrive_seconds_are_not_restricted():
    runs = [slower(run("gru", 0, FAST), 4), run("lstm-s", 0, FAST), run("lstm-s", 1, NEVER, status="diverged")]
    page = text(runs)
    assert "and 800 seconds." in page
    assert rows(page)["GRU"][3] == "200"
    assert rows(page)["LSTM-S"][3] == "≥ 425"  # (50 + 800) / 2


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"machine": {}}, "it is not known on which machine some of the runs were made"),
        ({"machine": {"cpu": "Another", "torch": "2.9.0"}}, "several kinds of machine or with several versions of"),
        ({"replicas": 3}, "seeds trained together, and the time is that of all of them"),
    ],
)
def test_seconds_that_cannot_be_compared_are_not_shown(changes, why):
    runs = study()
    runs[0] = replace(runs[0], **changes)
    page = text(runs)
    assert "Seconds" not in rows(page)["Model"]
    assert "Restricted to 400 steps and 800 samples. Seconds are not shown: " in page
    assert why in page


def test_a_machine_matters_only_where_a_run_has_a_curve():
    runs = [*study(), made_run("gru", 9, None, status="failed", curve=(), machine={})]
    assert "Seconds" in rows(text(runs))["Model"]


# ----------------------------------------------------------------------------- pictures


def pictures(runs) -> dict[str, Picture]:
    found = convergence.sheet(Material(runs, [], ORDER))
    shown = [line.rpartition("](")[2].rstrip(")") for line in found.text.splitlines() if line.startswith("![")]
    assert shown == list(found.pictures)
    assert all(picture.svg.startswith("<svg ") for picture in found.pictures.values())
    return dict(found.pictures)


def test_every_task_with_a_target_has_a_panel():
    runs = [*study("sfc"), *study("sti"), *[run("gru", 0, FAST, task_name="a", task=replace(FACTS, target=None))]]
    drawn = pictures(runs)
    assert list(drawn) == ["convergence-3k-1.svg", "convergence-3k-profiles.svg"]
    words = charts.words(drawn["convergence-3k-1.svg"])
    assert {"sfc", "sti", "GRU", "LSTM-S", "ASLSTM"} <= words
    assert "a" not in words


def test_twelve_tasks_fill_a_picture():
    runs = [r for task in range(14) for r in study(f"task-{task}")]
    drawn = pictures(runs)
    assert [name for name in drawn if "profiles" not in name] == ["convergence-3k-1.svg", "convergence-3k-2.svg"]
    assert len(drawn["convergence-3k-2.svg"].spec["concat"]) == 2


def test_a_panel_where_none_arrived_says_so():
    (drawn,) = pictures([run("gru", 0, NEVER), run("lstm-s", 1, NEVER, status="diverged")]).values()
    assert "no run arrived" in charts.words(drawn)
    (drawn,) = pictures([run("gru", 0, FAST)]).values()
    assert "no run arrived" not in charts.words(drawn)


@pytest.mark.parametrize("status", ["diverged", "out-of-memory", "failed"])
def test_runs_that_broke_off_have_lines_and_no_errors(status):
    broken = [run("gru", 0, NEVER[:1], status=status), made_run("gru", 1, None, status=status, curve=())]
    assert pictures([*broken, run("lstm-s", 0, SLOW)])
    assert pictures(broken)
    assert pictures([run("gru", 0, FAST), made_run("gru", 1, curve=()), made_run("lstm-s", 0, curve=())])


def test_the_drawn_shares_are_the_kaplan_meier_estimate():
    """A run cut off after 300 steps leaves two at risk: 1 - 2/3, then 1 - 2/3 * 1/2."""
    never = [0.5, 0.5, 0.5]
    runs = [run("gru", 0, FAST), run("gru", 1, never), run("gru", 2, [0.5, 0.5, 0.5, 0.8])]
    (found,) = arrivals.studies(by_place(runs), ORDER)
    picture = frames.arrived([found], ["gru"], {"gru": 0})
    assert charts.of(picture, "line0", "GRU") == [(50, 0), (100, 33.333), (400, 100), (400, 100)]
    assert charts.of(picture, "tick0", "GRU") == [(300, 33.333)]
    assert frames.arrivals_said([found]) == "of all runs 2 of 3 arrived, 66.7 % (sfc)"
