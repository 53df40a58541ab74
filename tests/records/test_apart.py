"""Records of what has changed are left out with a sentence; things of one title get their files' names."""

import pytest
from support.records import FACTS, made_measurement, made_run

from harness.records.apart import titled_apart, unmixed
from harness.records.store import Store

EARLY, LATE = "2025-03-01T12:00:00+00:00", "2025-03-02T12:00:00+00:00"
NET = "a/net.py:Net"


def test_of_a_model_that_has_changed_the_latest_records_count():
    old = [made_run(NET, seed, source="1", finished=EARLY, task_name=task) for seed, task in ((0, "sfc"), (1, "sti"))]
    new = made_run(NET, 1, source="2", finished=LATE)
    other = made_run("gru", finished=EARLY)
    kept, measured, said = unmixed(
        [*old, new, other], [made_measurement(NET, source="1"), made_measurement(NET, source="2")]
    )
    assert kept == [new, other]
    assert [one.source for one in measured] == ["2"]
    assert said == [
        "3 records of the model a/net.py:Net under protocol smoke, as the model has changed since; run them again, or "
        "move them away"
    ]


@pytest.mark.parametrize("field", ["task_source", "data"])
def test_of_a_task_that_has_changed_the_latest_records_count(field):
    old = [made_run(model, finished=EARLY, **{field: "1"}) for model in ("gru", "lstm-s")]
    new = made_run("gru", 1, finished=LATE, **{field: "2"})
    elsewhere = made_run("gru", task_name="sti", finished=EARLY, **{field: "1"})
    kept, _, said = unmixed([*old, new, elsewhere], [])
    assert kept == [new, elsewhere]
    assert len(said) == 1
    assert said[0].startswith("2 records of the task sfc under protocol smoke, as the task has changed since")


def test_of_what_ended_together_most_records_count():
    runs = [made_run(model, seed) for model in ("gru", "lstm-s") for seed in (0, 1)]
    odd = made_run("slstm", data="f" * 64)
    kept, _, said = unmixed([odd, *runs], [])
    assert kept == runs
    assert said[0].startswith("1 record of the task sfc")


def test_another_protocol_is_another_table():
    runs = [made_run(NET, source="1", finished=EARLY), made_run(NET, source="2", finished=LATE, protocol="quick")]
    assert unmixed(runs, [])[0] == runs


def test_a_revision_of_ours_is_no_older_one():
    runs = [made_run(seed=0, finished=EARLY), made_run(seed=1, source="revision 2", finished=LATE)]
    assert unmixed(runs, [])[0] == runs[1:]


def test_a_run_that_could_not_say_what_it_was_of_stays_and_decides_nothing():
    runs = [
        made_run(NET, source="1", finished=EARLY),
        made_run(NET, 1, None, status="failed", task=None, finished=LATE),
    ]
    assert unmixed(runs, [])[0] == runs


@pytest.mark.parametrize(
    ("models", "titles"),
    [
        ({"a.py:Net": "Net", "b.py:Net": "Net"}, ["Net (a.py)", "Net (b.py)"]),
        ({"a/net.py:Net": "Net", "b/net.py:Net": "Net"}, ["Net (a/net.py)", "Net (b/net.py)"]),
        ({"/x/a/net.py:Net": "Net", "/y/a/net.py:Net": "Net"}, ["Net (x/a/net.py)", "Net (y/a/net.py)"]),
        ({"net.py:One": "Net", "net.py:Two": "Net"}, ["Net (net.py:One)", "Net (net.py:Two)"]),
        ({"gru": "GRU", "mine.py:GRU": "GRU"}, ["GRU", "GRU (mine.py)"]),
        ({"a.py:Net@k=1": "Net (k=1)", "a.py:Net@k=2": "Net (k=2)"}, ["Net (k=1)", "Net (k=2)"]),
        ({"a.py:Net": "Net", "gru": "GRU"}, ["Net", "GRU"]),
        ({"own.net:Net": "Net", "own.far:Net": "Net"}, ["Net (own.net)", "Net (own.far)"]),
    ],
)
def test_what_bears_one_title_gets_its_files_name(models, titles):
    runs = [made_run(model, title=title) for model, title in models.items()]
    measured = [made_measurement(model, title=title) for model, title in models.items()]
    runs, measured = titled_apart(runs, measured)
    assert [run.title for run in runs] == titles
    assert [one.title for one in measured] == titles


def test_tasks_are_told_apart_as_well():
    runs = [made_run(task_name=f"{word}/parity.py:parity", task=FACTS) for word in "ab"]
    found, _ = titled_apart(runs, [])
    assert [run.task.title for run in found] == ["Counting (a/parity.py)", "Counting (b/parity.py)"]


def test_a_folder_gives_what_counts(tmp_path):
    store = Store(tmp_path)
    store.save_run(made_run("a.py:Net", 0, title="Net", source="1" * 64, finished=EARLY))
    store.save_run(made_run("a.py:Net", 1, title="Net", source="2" * 64, finished=LATE))
    store.save_run(made_run("b.py:Net", 1, title="Net", finished=LATE))
    loaded = store.load()
    assert [(run.cell.seed, run.title) for run in loaded.runs] == [(1, "Net (a.py)"), (1, "Net (b.py)")]
    assert len(loaded.left_out) == 1
