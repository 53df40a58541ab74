"""The committed choices follow from the committed trials."""

import pytest
from support import ROOT
from support.records import unsealed
from support.trials import made_trials

from harness.records.store import Store
from harness.tune import choices as kept
from harness.tune.choice import chosen
from harness.tune.trials import read


def follow(root, protocol):
    """Are the choices of a protocol in a folder those that its trials give?"""
    known = kept.load(root, protocol)
    found = chosen(read(Store(root), protocol, known.points))
    assert known.chosen == found.chosen
    assert known.seeds == found.seeds


@pytest.mark.parametrize("path", sorted((ROOT / "results").glob(f"**/tuning/*/{kept.FILE}")), ids=str)
def test_each_committed_choice_is_what_its_trials_give(path):
    follow(path.parents[1], path.parent.name)


def test_a_choice_that_its_trials_do_not_give_is_found(tmp_path):
    store = made_trials(tmp_path, {("sfc", "gru"): [[0.5, 0.5], [0.9, 0.9]]})
    kept.save(chosen(read(store, "smoke", 2)), tmp_path)
    follow(tmp_path, "smoke")
    path = kept.place(tmp_path, "smoke")
    path.write_text(unsealed(path.read_text()).replace('"number": 1', '"number": 0'))
    with pytest.raises(AssertionError):
        follow(tmp_path, "smoke")
    store = made_trials(tmp_path, {("sfc", "gru"): [[0.5, 0.5]]})
    next(store.root.rglob("3k-1001.json")).unlink()
    with pytest.raises(AssertionError):
        follow(tmp_path, "smoke")
