"""What `bench speed` keeps: it comes back as it was, and what cannot be read is named and left."""

import json
from dataclasses import replace

import pytest

from harness.records.findings import Case, Findings, Sizes, SpeedRecord, Timing, WholeRun, Work, from_json, to_json
from harness.records.kinds import Ratio
from harness.records.store import Store

STEP = Timing(Ratio(2.0, None, None, 4), 1.75, 20.0, 10.0, 17.5, ("native",))


def made(**changes) -> SpeedRecord:
    found = Findings(
        titles={"gru": "GRU"},
        yardstick_flops=100,
        peak_rate=1e9,
        control=replace(STEP, compared=Ratio(1.0, 0.9, 1.1, 9), used=()),
        timings={
            Case("gru", "native", 1): STEP,
            Case("gru", "native", 5): replace(STEP, compared=Ratio(9.0, None, None, 1)),
        },
        work={"gru": Work(75, 2**20, 2**19), "mine.py:Net": Work(0)},
        runs=WholeRun(2, 4, 10.0, 3.0, cold=1.3, warm=1.1, rest=0.04, rest_cold=0.2),
        missing=["hm-lstm, FLOPs and memory: interrupted"],
        notes=["gru, native: a note"],
    )
    sizes = Sizes(("gru",), (1, 5), 1000, 50, None, "cpu")
    return SpeedRecord(sizes, ("native",), found, "bench speed", {"cpu": "a CPU", "cores": 2}, "2026-01-01", **changes)


def test_it_comes_back_as_it_was():
    assert from_json(to_json(made()), "here") == made()
    nothing = replace(made(), findings=Findings(missing=["all of it"]))
    assert from_json(to_json(nothing), "here") == nothing


def test_a_field_that_came_later_may_be_missing_and_one_of_a_later_program_is_left_alone():
    data = json.loads(to_json(made()))
    del data["findings"]["notes"]
    assert from_json(json.dumps(data), "here").findings.notes == []
    data["findings"]["remarks"] = []
    assert from_json(json.dumps(data), "here").findings.notes == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("schema",), 2),
        (("kind",), "run"),
        (("findings",), []),
        (("finished",), None),
        (("sizes", "length"), "long"),
        (("sizes", "length"), True),
        (("sizes", "length"), 0),
        (("sizes", "replicas"), []),
        (("sizes", "device"), "tpu"),
        (("findings", "timings"), {}),
        (("findings", "timings", 0, "timing", "compared"), None),
        (("findings", "timings", 0, "timing", "compared", "median"), 0.0),
        (("findings", "timings", 0, "timing", "compared", "low"), "1.9"),
        (("findings", "timings", 0, "timing", "step_ms"), float("nan")),
        (("findings", "timings", 0, "timing", "step_ms"), 10**400),
        (("findings", "timings", 0, "case"), "gru"),
        (("findings", "control", "yardstick_ms"), 0),
        (("findings", "work", "gru", "flops"), 0.5),
        (("findings", "runs", "cell_seconds"), 0),
    ],
)
def test_a_record_of_which_no_page_can_be_made_is_named_and_left_in_its_place(tmp_path, place, value):
    store = Store(tmp_path)
    good, bad = store.save_speed(made(), "a"), store.save_speed(made(), "b")
    data = json.loads(bad.read_text())
    at = data
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    bad.write_text(json.dumps(data))
    found, (sentence,) = store.load_speed()
    assert found == [from_json(good.read_text(), "here")] == [made()]
    assert sentence.startswith(f"{bad} is no record that can be read (")
    assert json.dumps(json.loads(bad.read_text())) == json.dumps(data)


@pytest.mark.parametrize("content", [b"", b"{half", b"\xff", b"[]", b"[" * 10**5, b'{"schema": 1, "kind": "speed"}'])
def test_a_file_that_is_no_record_is_named(tmp_path, content):
    path = Store(tmp_path).save_speed(made(), "a")
    path.write_bytes(content)
    found, (sentence,) = Store(tmp_path).load_speed()
    assert found == []
    assert str(path) in sentence
    assert "\n" not in sentence
