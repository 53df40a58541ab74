"""What `bench baselines` keeps: it comes back as it was, belongs to runs on the same data, and is refused otherwise."""

import json
from dataclasses import replace

import pytest
from support.records import made_run

from harness.errors import CorruptRecord
from harness.records.baselines import Baselines, from_json, to_json
from harness.records.store import Store

MADE = Baselines("sfc", "quick", 0, "accuracy", {"mean over time": 0.75}, finished="2026-01-01")
RUN = made_run(settings={"scale": "quick", "data_seed": 0})


def test_it_comes_back_as_it_was(tmp_path):
    assert from_json(to_json(MADE), "here") == MADE
    Store(tmp_path).save_baselines(MADE)
    assert Store(tmp_path).load().baselines == [MADE]


@pytest.mark.parametrize(
    "changes", [{"task": "sti"}, {"scale": "smoke"}, {"data_seed": 1}, {"task_source": "revision 2"}]
)
def test_it_is_of_runs_on_the_same_data(changes):
    assert MADE.of(RUN)
    assert not replace(MADE, **changes).of(RUN)
    assert not MADE.of(replace(RUN, data=64 * "a"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"values": {"mean over time": 1.5}}, "values.mean over time is 1.5, which is no accuracy"),
        ({"values": {"mean over time": "much"}}, "must be a number"),
        ({"kind": "run"}, "it is no record of `bench baselines`"),
        ({"schema": 2}, "it is no record of `bench baselines`"),
        ({"data_seed": -1}, "data_seed"),
    ],
)
def test_what_cannot_be_read_is_named_and_left_out(tmp_path, changes, said):
    text = json.dumps({**json.loads(to_json(MADE)), **changes})
    with pytest.raises(CorruptRecord, match=said):
        from_json(text, "here")
    path = Store(tmp_path).save_baselines(MADE)
    path.write_text(text)
    loaded = Store(tmp_path).load()
    assert loaded.baselines == []
    assert [str(path) in sentence for sentence in loaded.left_out] == [True]
