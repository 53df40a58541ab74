import json
import random
import re
from dataclasses import asdict, replace

import pytest
from support.records import made_curve, made_measurement, made_run, unsealed

from harness.errors import CorruptRecord, DamagedRecord
from harness.records.kinds import STATUSES, Latency, Point, from_json, to_json


def strict(text: str) -> dict[str, object]:
    """Parse JSON as the standard has it, without NaN and Infinity."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    parsed: dict[str, object] = json.loads(text, parse_constant=refuse)
    return parsed


@pytest.mark.parametrize("status", STATUSES)
def test_a_run_comes_back_as_it_was(status):
    record = made_run(status=status, reason="because", source="revision 2", task_source=64 * "a")
    assert from_json(to_json(record), "here") == record


def test_a_run_that_never_began_comes_back_as_it_was():
    record = replace(made_run(test_metric=None), task=None, width=None, params=None, slack=None, curve=(), machine={})
    assert from_json(to_json(record), "here") == record


@pytest.mark.parametrize("changes", [{}, {"forward": None, "step": None, "ratio": None, "status": "failed"}])
def test_a_measurement_comes_back_as_it_was(changes):
    record = made_measurement(**changes)
    assert from_json(to_json(record), "here") == record


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_become_null(number):
    curve = (*made_curve([0.5]), Point(200, 400, 100.0, number, number))
    record = made_run(test_metric=number, valid_metric=None, curve=curve, settings={"x": [number]})
    data = strict(to_json(record))
    assert data["test_metric"] is None
    assert data["settings"] == {"x": [None]}
    again = from_json(to_json(record), "here")
    assert again.curve[0] == curve[0]
    assert again.curve[1] == Point(200, 400, 100.0, None, None)


def test_what_was_seen_in_a_model_comes_back_and_a_list_of_numbers_is_one_line():
    seen = {"steps": 3, "gradient": {"trained": [0, 1e-30, None]}, "words": ["a [", "\n1]"], "uses": [[1, 2.5], []]}
    record = made_run(insight=seen)
    assert from_json(to_json(record), "here") == record
    assert '"trained": [ 0, 1e-30, null ]' in to_json(record)


@pytest.mark.parametrize(
    ("status", "valid_metric", "fault"),
    [
        ("ok", 0.75, False),
        ("diverged", 0.75, False),  # a result
        ("diverged", None, True),
        ("failed", 0.75, True),
        ("out-of-memory", None, True),
        ("timed-out", 0.75, True),
        ("skipped", None, False),
        ("interrupted", None, False),
    ],
)
def test_a_fault_is_what_is_broken(status, valid_metric, fault):
    assert made_run(status=status, valid_metric=valid_metric).is_fault == fault


def test_the_json_names_every_field():
    record = made_run()
    data = strict(to_json(record))
    assert set(data) == {"schema", "kind", *asdict(record), "checksum"}


def changed(record: object = None, **changes: object) -> str:
    data = {**strict(to_json(record or made_run())), **changes}
    return json.dumps({key: value for key, value in data.items() if value != "leave out"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        to_json(made_run())[:-20],
        "[]",
        "3",
        changed(schema=0),
        changed(schema=None),
        changed(kind="other"),
        changed(kind="leave out"),
        changed(cell="leave out"),
        changed(cell=None),
        changed(cell={"task": "sfc"}),
        changed(curve=[{"step": 1}]),
        changed(curve=None),
        changed(status="splendid"),
        changed(status="leave out"),
        changed(protocol_version="leave out"),
        changed(made_measurement(), step=[1, 2]),
        changed(made_measurement(), status="splendid"),
    ],
)
def test_what_is_no_record_is_named(text):
    with pytest.raises(CorruptRecord, match=r"results/x\.json is no record that can be read .*; mend or delete it"):
        from_json(text, "results/x.json")


def test_a_record_without_the_later_fields_can_be_read():
    """Fields with a default may be missing, so that a record of an earlier program still counts."""
    later = ("replicas", "recompute", "notes", "insight", "source", "evaluation_seconds")
    text = changed(**dict.fromkeys(later, "leave out"))
    assert from_json(text, "here") == made_run(evaluation_seconds=None)


RUN, MEASURED = json.loads(to_json(made_run())), json.loads(to_json(made_measurement()))


@pytest.mark.parametrize(
    ("record", "place", "value", "named"),
    [
        (RUN, ("cell", "protocol"), "", "cell.protocol is"),
        (RUN, ("cell", "task"), "a\nb", "cell.task is"),
        (RUN, ("cell", "model"), 3, "cell.model is 3, but must be a text"),
        (RUN, ("cell", "budget"), "../../x", "cell.budget is"),
        (RUN, ("cell", "seed"), -1, "cell.seed is -1, but must be at least 0"),
        (RUN, ("cell", "seed"), True, "cell.seed is true, but must be a whole number"),
        (RUN, ("status",), None, "status is null"),
        (RUN, ("protocol_version",), 1.5, "protocol_version is 1.5"),
        (RUN, ("task", "higher_is_better"), 1, "task.higher_is_better is 1, but must be true or false"),
        (RUN, ("task", "length"), 0, "task.length is 0, but must be at least 1"),
        (RUN, ("task", "chance"), "half", 'task.chance is "half", but must be a number'),
        (RUN, ("test_metric",), 75.0, "test_metric is 75, which is no accuracy"),
        (RUN, ("more_metrics",), {"noise": -0.1}, "more_metrics.noise is -0.1, which is no accuracy"),
        (RUN, ("curve", 1, "valid_metric"), [1], "curve.1.valid_metric is"),
        (RUN, ("curve", 1, "step"), 100, "curve goes back after step 100"),
        (RUN, ("curve", 2, "seconds"), 1.0, "curve goes back after step 200"),
        (RUN, ("train_seconds",), -1.0, "train_seconds is -1, but must be at least 0"),
        (RUN, ("settings", "batch"), "many", "settings.batch is"),
        (RUN, ("machine",), [], "machine is [], but must be an object"),
        (RUN, ("data",), "../../up", 'data is "../../up", but must be empty, a revision or a SHA-256'),
        (RUN, ("source",), "revision 0", "source is"),
        (RUN, ("params",), 10**400, "a number too large"),
        (RUN, ("slack",), 1e300, "a number too large"),
        (RUN, ("test_metric",), float("nan"), "it holds NaN, which is no number; a missing one is null"),
        (RUN, ("insight",), {"deep": [float("-inf")]}, "it holds -Infinity, which is no number"),
        (MEASURED, ("step", "median"), None, "step.median is null, but must be a number"),
        (MEASURED, ("step", "samples"), -1, "step.samples is -1"),
        (MEASURED, ("peak_bytes",), 0.5, "peak_bytes is 0.5, but must be a whole number"),
        (MEASURED, ("over_length",), {"sizes": [1], "ms": [], "bytes": [1]}, "over_length has not as many times"),
        (MEASURED, ("missing",), {"joules": 1}, "missing.joules is 1, but must be a text"),
        (MEASURED, ("conditions",), {"before": 3}, "conditions.before is 3, but must be an object"),
    ],
)
def test_what_does_not_fit_is_named_with_its_field(record, place, value, named):
    data = inner = json.loads(json.dumps(record))
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(CorruptRecord, match=re.escape(named)):
        from_json(json.dumps(data), "results/x.json")


def test_a_number_that_only_a_long_text_holds_is_too_large_as_well():
    for number in ("1e999", "1" * 25, "-1E+0101", "123456789" * 20 + ".5"):
        with pytest.raises(CorruptRecord, match="too large"):
            from_json(unsealed(to_json(made_run())).replace('"test_metric": 0.75', f'"test_metric": {number}'), "here")


def test_any_flipped_bit_of_a_record_is_noticed_unless_it_changes_nothing():
    record = made_run()
    content, rng = to_json(record).encode(), random.Random(0)
    noticed = 0
    for _ in range(500):
        flipped = bytearray(content)
        flipped[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        try:
            assert from_json(flipped.decode(), "here") == record
        except (UnicodeDecodeError, DamagedRecord):
            noticed += 1
    assert noticed > 450


def test_a_record_without_a_checksum_or_with_other_ends_of_lines_is_read():
    record = made_run()
    text = to_json(record)
    assert text.count('"checksum"') == 1
    assert from_json(unsealed(text), "here") == record
    assert unsealed(text).replace("0.75", "0.76") != unsealed(text)
    with pytest.raises(DamagedRecord, match="its checksum is another one"):
        from_json(text.replace("0.75", "0.76"), "here")
    with pytest.raises(CorruptRecord) as found:
        from_json(changed(params="many"), "here")
    assert not isinstance(found.value, DamagedRecord)


def test_a_record_that_is_nested_too_deep_is_named():
    with pytest.raises(CorruptRecord, match="nested too deep"):
        from_json("[" * 100_000, "here")


def test_words_are_made_printable_and_names_are_not_touched():
    record = made_run(title="two\n lines \ud800\x07", reason="a\tb", notes="one\ntw\x1bo", machine={"cpu": "a\nb"})
    again = from_json(to_json(record), "here")
    assert (again.title, again.reason, again.notes) == ("two lines ��", "a b", "one\ntw�o")
    assert again.machine == {"cpu": "a b"}
    again = from_json(to_json(made_run("Ōtani\U0001f600")), "here")
    assert again.cell.model == "Ōtani\U0001f600"


def test_what_a_later_program_adds_is_left_alone():
    assert from_json(changed(surprise={"a": [1]}), "here") == made_run()
    task = {**asdict(made_run())["task"], "surprise": 1}
    assert from_json(changed(task=task, settings={"surprise": [1]}), "here").settings == {"surprise": [1]}


def test_a_record_of_a_later_schema_is_named_and_not_to_be_deleted():
    with pytest.raises(CorruptRecord) as said:
        from_json(changed(schema=2), "here")
    assert str(said.value) == "here is of schema 2, which a newer version of this program reads"


def test_what_is_written_can_be_read_however_large_a_number_is():
    again = from_json(to_json(made_run(test_metric=1e200, slack=-1e101)), "here")
    assert (again.test_metric, again.slack) == (None, None)


OLD_MEASUREMENT = """{"schema": 1, "kind": "measurement", "protocol": "quick", "protocol_version": 3, "task": "sfc",
"model": "gru", "budget": "6k", "status": "ok", "reason": "", "batch": 50,
"forward": {"median": 1.5, "lower": 1.4, "upper": 1.6, "samples": 40},
"step": {"median": 4.5, "lower": 4.4, "upper": 4.6, "samples": 40}, "yardstick": "lstm-s", "ratio": 0.9,
"backend": "native", "peak_bytes": 7390000, "machine": {"cpu": "Some processor"}, "finished": "2025-03-01"}"""


def test_a_measurement_from_before_there_was_a_whole_one_can_be_read():
    record = from_json(OLD_MEASUREMENT, "here")
    assert record.step == Latency(4.5, 4.4, 4.6, 40)
    assert (record.whole, record.compared, record.controls, record.over_length) == (False, None, (), None)
    assert from_json(to_json(record), "here") == record
