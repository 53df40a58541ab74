import io
import json
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console
from support.records import made_curve, made_measurement, made_run

from harness.cli.progress import Bars, Estimate, Lines, describe
from harness.execute.run import Progress
from harness.plan import Cell, Group, plan


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the estimate reads, in a list of one."""
    time = [1000.0]
    monkeypatch.setattr("harness.cli.progress.time.monotonic", lambda: time[0])
    return time


def cells(models: int = 2, seeds: int = 1) -> list[Cell]:
    return plan("smoke", ["sfc"], [f"m{place}" for place in range(models)], "3k", range(seeds))


# ----------------------------------------------------------------------------- the time that is left


def trained(estimate: Estimate, now: list[float], *some: Cell, first=0, last=50, seconds=10) -> None:
    """These cells go from the first to the last of 100 steps in so many seconds."""
    for cell in some:
        estimate.heard("progress", Progress(cell, first, 100))
    now[0] += seconds
    for cell in some:
        estimate.heard("progress", Progress(cell, last, 100))


def test_nothing_is_known_before_the_first_steps(now):
    estimate = Estimate(cells(), workers=1)
    assert estimate.seconds() is None
    estimate.heard("progress", Progress(cells()[0], 0, 100))
    assert estimate.seconds() is None


@pytest.mark.parametrize(
    ("models", "workers", "first", "last", "left"),
    [
        (2, 1, 0, 50, 10 + 20),  # 50 of 100 steps in 10 s: 10 s more, and 20 s for the cell that has not begun
        (4, 2, 0, 50, (10 + 3 * 20) / 2),  # workers share what is left
        (1, 8, 0, 50, 10),  # but no number of them makes one cell faster
        (1, 1, 50, 60, 40),  # steps done before an interruption are not counted as pace
    ],
)
def test_the_pace_of_a_cell_tells_how_long_it_and_the_others_take(now, models, workers, first, last, left):
    estimate = Estimate(cells(models), workers)
    trained(estimate, now, cells()[0], first=first, last=last)
    assert estimate.seconds() == pytest.approx(left)


def test_each_model_has_its_own_pace(now):
    fast, slow = both = cells()
    estimate = Estimate(both, workers=1)
    for cell in both:
        estimate.heard("progress", Progress(cell, 0, 100))
    now[0] += 5
    estimate.heard("progress", Progress(fast, 50, 100))
    now[0] += 5
    estimate.heard("progress", Progress(slow, 10, 100))
    assert estimate.seconds() == pytest.approx(50 * 0.1 + 90 * 1.0)


def test_a_measurement_tells_the_pace_of_cells_that_have_not_begun(now):
    measured, running = both = [made_run("gru").cell, made_run("other").cell]
    estimate = Estimate(both, workers=1)
    estimate.heard("done", made_measurement("gru"))  # 4 ms a step
    trained(estimate, now, running, seconds=1)
    assert estimate.seconds() == pytest.approx(100 * 0.004 + 50 * 0.02)
    estimate.heard("done", made_run("other"))
    assert estimate.seconds() == pytest.approx(100 * 0.004)
    estimate.heard("done", made_run(measured.model))
    assert estimate.seconds() == 0


def test_seeds_that_train_together_take_the_time_of_one(now):
    """Three seeds of one model, two together, are two turns."""
    three = cells(models=1, seeds=3)
    estimate = Estimate(three, workers=1, replicas=2)
    trained(estimate, now, *three[:2])
    assert estimate.seconds() == pytest.approx((10 + 10 + 20) / 2)
    for seed in (0, 1):
        estimate.heard("done", replace(made_run(), cell=three[seed]))
    assert estimate.seconds() == pytest.approx(20)


# ----------------------------------------------------------------------------- lines


@pytest.mark.parametrize(
    ("what", "line"),
    [
        (made_run("gru", 4), "sfc gru 3k seed 4: ok, accuracy 0.75 in 150.0 s"),
        (
            made_run("gru", test_metric=None, status="diverged", reason="the loss is no number"),
            "sfc gru 3k seed 0: diverged: the loss is no number",
        ),
        (
            made_run("gru", test_metric=None, status="failed", reason="no such thing", task=None),
            "sfc gru 3k seed 0: failed: no such thing",
        ),
        (made_measurement("gru"), "measured sfc gru 3k: step 4.0 ms, 2.00 x lstm-s"),
        (
            made_measurement("gru", status="skipped", reason="no use", step=None, ratio=None),
            "measured sfc gru 3k: skipped: no use",
        ),
    ],
)
def test_a_finished_job_is_one_line(what, line):
    assert describe(what) == line


def told(events: list[tuple[str, Any]], *, as_json: bool = False) -> list[str]:
    said: list[str] = []
    jobs = [("measure", Group("smoke", "sfc", "gru", "3k")), *(("cell", made_run("gru", seed).cell) for seed in (0, 1))]
    with Lines(jobs, 1, said.append, as_json=as_json) as lines:
        for event in events:
            lines(*event)
    return said


EVENTS: list[tuple[str, Any]] = [
    ("done", made_measurement("gru")),
    ("progress", Progress(made_run("gru", 0).cell, 0, 100)),
    ("progress", Progress(made_run("gru", 0).cell, 4, 100, made_curve([0.5])[0])),
    ("done", made_run("gru", 0)),
    ("done", made_run("gru", 1, None, status="failed", reason="no")),
]


def test_plain_lines_tell_of_finished_jobs_with_count_and_time_left(now):
    said = told(EVENTS)
    assert [line.partition(" ")[0] for line in said] == ["[1/3]", "[2/3]", "[3/3]"]
    assert [line.rpartition("(ETA ")[2] for line in said] == ["?)", "0:00)", "0:00)"]
    assert "sfc gru 3k seed 0: ok, accuracy 0.75" in said[1]
    assert all("\n" not in line for line in said)


def test_a_note_is_told_once_however_many_records_have_it(now):
    first = made_run("gru", 0, notes="no triton here\nno graph there")
    second = made_run("gru", 1, notes="no graph there")
    said = told([("done", first), ("done", second)])
    assert [line for line in said if line.startswith("note:")] == ["note: no triton here", "note: no graph there"]
    assert json.loads(told([("done", first)], as_json=True)[0])["notes"] == first.notes


def test_json_lines_tell_of_points_and_finished_jobs(now):
    said = [json.loads(line) for line in told(EVENTS, as_json=True)]
    assert [event["event"] for event in said] == ["measurement", "point", "runrecord", "runrecord"]
    assert said[0]["step"]["median"] == 4.0
    assert (said[1]["cell"]["model"], said[1]["step"], said[1]["point"]["valid_metric"]) == ("gru", 4, 0.5)
    assert [event["status"] for event in said[2:]] == ["ok", "failed"]
    assert said[0]["eta_seconds"] is None
    assert said[1]["eta_seconds"] == pytest.approx((96 + 100) * 0.004)  # the pace that was measured


def silent(now, seconds: float, *, as_json: bool = False) -> list[str]:
    """What is said of two cells that make a step a second, one of them from the beginning."""
    said: list[str] = []
    first, second = (made_run("gru", seed).cell for seed in (0, 1))
    with Lines([("cell", first), ("cell", second)], 2, said.append, as_json=as_json) as lines:
        for second_now in range(int(seconds) + 1):
            now[0] = 1000.0 + second_now
            lines("progress", Progress(first, second_now, 1000))
            if second_now >= 20:
                lines("progress", Progress(second, second_now - 20, 1000))
            lines("tick", None)
    return said


def test_a_long_cell_is_told_when_it_begins_and_then_every_half_minute(now):
    said = silent(now, 60)
    assert said[0] == "sfc gru 3k seed 0: training, 1,000 steps"
    assert said[1] == "sfc gru 3k seed 1: training, 1,000 steps"
    assert said[2].startswith(
        "running: sfc gru 3k seed 0 at step 25 of 1,000; sfc gru 3k seed 1 at step 4 of 1,000 (ETA "
    )
    assert said[3].startswith("running: sfc gru 3k seed 0 at step 50 of 1,000;")
    assert len(said) == 4


def test_what_trains_together_is_told_at_once(now):
    said: list[str] = []
    seeds = [replace(cells(models=1)[0], seed=seed) for seed in (4, 9)]
    of_points = [replace(cell, protocol=f"smoke@point={point}+points=3") for point in (1, 2) for cell in seeds]
    with Lines([("cell", cell) for cell in (*seeds, *of_points)], 2, said.append, replicas=4) as lines:
        for second in range(31):
            now[0] = 1000.0 + second
            for cell in (*seeds, *of_points):
                lines("progress", Progress(cell, second, 1000))
            if second == 29:
                lines("done", replace(made_run(status="diverged", reason="nan"), cell=of_points[0]))
                lines("done", replace(made_run(status="diverged", reason="nan"), cell=of_points[1]))
    name = str(seeds[0].group)
    assert said[:2] == [f"{name} seeds 4, 9: training, 1,000 steps", f"{name}, 4 trials: training, 1,000 steps"]
    assert said[2].startswith(f"running: {name} seeds 4, 9 at step 24 of 1,000; {name}, 4 trials at step 24 of 1,000 (")
    assert said[3].startswith(f"[1/6] {name} seed 4, point 1: diverged: nan (")


def test_a_short_cell_has_the_line_of_its_end_alone(now):
    assert silent(now, 2) == []


def test_json_lines_tell_of_a_long_cell_as_well(now):
    said = [json.loads(line) for line in silent(now, 30, as_json=True)]
    assert [(event["event"], event["step"], event["steps"]) for event in said] == [
        ("progress", 25, 1000),
        ("progress", 4, 1000),
    ]


def test_of_many_cells_some_are_named(now):
    said: list[str] = []
    many = cells(models=6)
    with Lines([("cell", one) for one in many], 6, said.append) as lines:
        for one in many:
            lines("progress", Progress(one, 1, 10))
        now[0] += 30
        lines("tick", None)
    assert said[-1].count(" at step 1 of 10") == 4
    assert "; and 2 more (ETA" in said[-1]


def test_nothing_is_said_of_cells_that_are_done(now):
    said: list[str] = []
    record = made_run()
    with Lines([("cell", record.cell)], 1, said.append) as lines:
        lines("progress", Progress(record.cell, 1, 10))
        lines("done", record)
        now[0] += 100
        lines("tick", None)
    assert [line.partition(" ")[0] for line in said] == ["[1/1]"]


def test_bars_show_every_finished_job_on_a_terminal(now):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    jobs = [("cell", made_run("gru", seed).cell) for seed in (0, 1)]
    with Bars(jobs, 1, console) as bars:
        for event in EVENTS[1:]:
            bars(*event)
    assert bars.rows == {}
    assert bars.display.tasks[0].completed == 2
    for line in ("[1/2] sfc gru 3k seed 0: ok", "[2/2] sfc gru 3k seed 1: failed: no", "all cells"):
        assert line in screen.getvalue()
