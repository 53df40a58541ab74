"""What was recorded of a trained model is read back, or its fault is said in a sentence."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.records import made_insight, made_run

from harness.compare.material import Material
from harness.records.kinds import from_json, to_json
from harness.report.insight import seen


def test_what_is_written_is_read():
    run = made_run(insight=made_insight(signal=[0.5] * 40))
    one = seen.read(run)
    assert (one.title, one.sequences, one.steps, one.bin) == ("GRU", 64, 40, 1)
    assert one.initial[-2:].tolist() == [1e-2, 1e-1]
    assert one.trained[0] == 1
    assert one.time.tolist() == list(range(1, 41))
    assert one.scales.labels == ("scale 0", "scale 1")
    assert one.scales.example.chosen.tolist() == [0, 0, 0, 1] * 10
    assert one.scales.example.use.sum(axis=0).tolist() == [1] * 40
    assert one.scales.example.signal.tolist() == [0.5] * 40
    assert one.scales.example.label == "sine"
    assert [(entry.name, entry.sequences, entry.use.tolist()) for entry in one.scales.classes] == [
        ("sine", 30, [0.5, 0.5]),
        ("square", 34, [1, 0]),
    ]
    again = seen.read(from_json(to_json(run), "here"))
    np.testing.assert_array_equal(again.initial, one.initial)


def test_use_of_several_scales_at_a_time_is_read():
    one = seen.read(made_run(insight=made_insight(kind="attention")))
    assert one.scales.example.use.tolist() == [[0.25] * 40, [0, 0, 0, 1] * 10]
    assert not one.scales.exclusive


def test_steps_that_share_a_value_stand_in_their_middle():
    data = made_insight(kind="none") | {
        "steps": 7,
        "bin": 3,
        "gradient": {"initial": [1, 2, 3], "trained": [1, 2, None]},
    }
    one = seen.read(made_run(insight=data))
    assert one.time.tolist() == [2, 5, 7]
    assert np.isnan(one.trained[2])
    assert one.scales is None


@pytest.mark.parametrize("status", ["diverged", "skipped", "failed", "interrupted", "out-of-memory", "timed-out"])
def test_only_runs_that_went_well_are_looked_at(status):
    assert seen.read(made_run(status=status, insight=made_insight())) is None
    assert seen.read(made_run()) is None


def changed(path: str, value: Any) -> dict[str, Any]:
    data = copy.deepcopy(made_insight())
    *way, last = path.split(".")
    place: Any = data
    for key in way:
        place = place[key]
    if value == "leave out":
        del place[last]
    else:
        place[last] = value
    return data


MALFORMED = [
    {},
    changed("steps", 0),
    changed("steps", "40"),
    changed("steps", 41),
    changed("scales.labels", ["whole", [None]]),
    changed("bin", 0),
    changed("bin", 2),
    changed("sequences", None),
    changed("gradient", None),
    changed("gradient", "leave out"),
    changed("gradient.initial", [1, 2]),
    changed("gradient.trained", ["x"] * 40),
    changed("gradient.trained", [[1]] * 40),
    changed("scales", "leave out"),
    changed("scales", 3),
    changed("scales.labels", []),
    changed("scales.labels", ["one"]),
    changed("scales.mean", [[1, 2], [3]]),
    changed("scales.overall", [1]),
    changed("scales.exclusive", False),
    changed("scales.example", None),
    changed("scales.example.steps", 10**9),
    changed("scales.example.chosen", [0, 1, 2, 3] * 10),
    changed("scales.example.chosen", [0.5] * 40),
    changed("scales.example.words", ["a"]),
    changed("scales.labels", ["one", None]),
    changed("scales.meaning", 7),
    changed("scales.example.signal", [1]),
    changed("scales.classes", [{"name": "sine"}]),
    changed("scales.classes", [{"name": "sine", "sequences": 3, "use": [1]}]),
    changed("scales.classes", 7),
]


@pytest.mark.parametrize("data", MALFORMED)
def test_what_cannot_be_read_is_a_sentence(data):
    with pytest.raises(seen.Malformed, match=r"the insight into gru on sfc, seed 0, cannot be read \("):
        seen.read(made_run(insight=data))


def test_a_label_that_is_missing_is_said_without_a_none_on_the_page():
    with pytest.raises(seen.Malformed, match=r"\(ValueError: null is no text\)$"):
        seen.read(made_run(insight=changed("scales.labels", ["one", None])))


def test_groups_are_tasks_and_budgets_with_the_models_in_order():
    runs = [
        made_run("gru", insight=made_insight()),
        made_run("lstm-s", insight=made_insight()),
        made_run("strange", insight=made_insight()),
        made_run("gru", 1),
        made_run("aslstm", insight={}),
        made_run("gru", budget="6k", insight=made_insight()),
        made_run("gru", task_name="addition-200", insight=made_insight(), task=None),
        made_run("lstm-s", task_name="copy-120", status="diverged", insight=made_insight()),
    ]
    found, faults = seen.groups(Material(runs, [], ["lstm-s", "gru"]))
    assert [(group.task, group.budget, [one.title for one in group.seen]) for group in found] == [
        ("addition-200", "3k", ["GRU"]),
        ("sfc", "3k", ["LSTM-S", "GRU", "STRANGE"]),
        ("sfc", "6k", ["GRU"]),
    ]
    assert [group.heading for group in found[:2]] == [
        "addition-200 (`addition-200`), budget 3k",
        "Counting (`sfc`), budget 3k",
    ]
    assert found[1].averaged == "64 test sequences"
    assert replace(found[1], task="a/b c").file("scales").startswith("scales-a_b_c~")
    assert len(seen.records(found)) == 5
    ((task, said),) = faults
    assert task == "sfc"
    assert said.startswith("Left out: the insight into aslstm on sfc, seed 0, cannot be read (KeyError: 'steps')")
