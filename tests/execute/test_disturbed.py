"""The campaign of faults itself: it finds nothing where nothing is wrong, and each kind of damage that it counts."""

import json

import pytest
from quality.campaign import LOST, TWICE, WRONG, Trials
from quality.disturbed import Impossible
from quality.figures import Figures

from harness.records.typed import sealed

pytestmark = pytest.mark.slow


def test_what_is_lost_wrong_or_twice_is_counted(tmp_path, monkeypatch):
    """Nothing of this is mended by the same command, as it does not know of it."""
    trials = Trials(tmp_path)

    def undisturbed(campaign, rng, seconds):
        campaign.end(campaign.begin())

    def disturbed(campaign, rng, seconds):
        campaign.end(campaign.begin())
        paths = sorted((campaign.results / "runs").rglob("*.json"))
        record = json.loads(paths[0].read_text())
        record.pop("checksum")
        paths[0].write_text(sealed(json.dumps(record | {"test_metric": 0.123}, indent=1) + "\n"))
        paths[1].with_name("more.json").write_bytes(paths[1].read_bytes())
        campaign.words[campaign.words.index("gru,slow:Slow")] = "gru"
        paths[2].unlink()  # of the other model

    def impossible(campaign, rng, seconds):
        raise Impossible("there is no such thing here")

    for kind, fault in (("none", undisturbed), ("some", disturbed), ("no", impossible)):
        trials.of(kind, fault, 1, 0)
    assert set(trials.kinds["none"].values()) == {0}
    assert {what: trials.kinds["some"][what] for what in (LOST, WRONG, TWICE)} == {LOST: 1, WRONG: 1, TWICE: 1}
    assert trials.left_out == {"no": "there is no such thing here"}

    trials.keep(tmp_path / "kept.json")
    before = (trials.kinds, trials.left_out, trials.faults.ends, trials.faults.wrong)
    trials.kinds, trials.left_out, trials.faults = {}, {}, Figures()
    trials.go_on(tmp_path / "kept.json")
    assert (trials.kinds, trials.left_out, trials.faults.ends, trials.faults.wrong) == before
