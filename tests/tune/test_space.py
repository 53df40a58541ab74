"""The points of tuning: the same for every model, of its own options, and no others than they were."""

import numpy as np
import pytest

from harness.catalog import find_model
from harness.errors import BenchError
from harness.protocol import QUICK, find_protocol
from harness.tune import space
from harness.tune.space import GRIDS, RATES, cube, point_at, points_of, seeds_of, trial_of, untracked, varied
from models import MODELS


def test_each_stratum_of_every_coordinate_has_one_point():
    points = np.array(cube(11))
    assert points.shape == (11, 4)
    assert (np.sort(np.floor(points * 11), axis=0) == np.arange(11)[:, None]).all()
    assert cube(0) == ()


def test_the_points_are_those_that_they_were():
    at = [point_at("quick", 12, number, "lstm-s") for number in range(12)]
    rates = [0.0199, 0.000637, 0.00415, 0.00133, 0.0127, 0.0224, 0.00243, 0.00713, 0.000972, 0.00277, 0.0493]
    assert [point.learning_rate for point in at] == [None, *rates]
    assert [point.options.get("head", "own")[0] for point in at] == list("onddnndndddn")
    assert [point.options.get("forget_bias") for point in at] == [None, 5, 3, 1, 3, 1, 3, 5, 5, 1, 3, 1]


def test_no_coordinate_goes_with_another():
    correlations = np.corrcoef(np.array(cube(11)).T)
    assert np.abs(correlations[np.triu_indices(4, 1)]).max() < 0.2


def test_all_models_have_the_same_rates_and_each_takes_the_options_that_it_has():
    for number in range(1, 12):
        at = {name: point_at("quick", 12, number, name) for name in ("gru", "lstm-s", "aslstm", "clockwork")}
        assert len({point.learning_rate for point in at.values()}) == 1
        assert len({point.options["head"] for point in at.values()}) == 1
        assert list(at["gru"].options) == ["head"]
        assert list(at["lstm-s"].options) == ["head", "forget_bias"]
        assert list(at["aslstm"].options) == ["head", "forget_bias", "tau"]
        assert at["aslstm"].options["forget_bias"] == at["lstm-s"].options["forget_bias"]
        assert list(at["clockwork"].options) == ["head", "init"]


@pytest.mark.parametrize("scale", sorted(RATES))
def test_the_rates_lie_within_the_space_of_the_scale_and_fill_it(scale):
    rates = np.array([point_at(scale, 12, number, "gru").learning_rate for number in range(1, 12)])
    low, high = RATES[scale]
    assert low <= rates.min() < low * (high / low) ** (1 / 11)
    assert high * (low / high) ** (1 / 11) < rates.max() <= high


def test_the_ranges_are_those_of_the_protocols():
    assert (RATES["quick"], RATES["paper"]) == ((5e-4, 5e-2), (1e-4, 3e-2))
    assert find_protocol("paper").scale == "paper"


@pytest.mark.parametrize(("model", "own"), [("lstm-s", "default"), ("dilated-lstm", "normal")])
def test_where_a_trial_is_dear_the_points_are_a_grid_with_the_sources_own_among_them(model, own):
    name = "desk@epochs=20"
    assert (points_of(name), seeds_of(name), GRIDS["desk"]) == (6, (1000,), (3e-4, 1e-3, 3e-3))
    assert (points_of("paper@batch=20"), seeds_of("quick"), seeds_of("paper")) == (12, (1000, 1001), (1000, 1001))
    source, *others = (point_at(name, 6, number, model) for number in range(6))
    assert source.facts() == {"number": 0, "of": 6, "learning_rate": None, "options": {}}
    every = [(one.learning_rate, one.options["head"]) for one in others] + [(find_protocol(name).learning_rate, own)]
    assert sorted(every) == [(rate, head) for rate in GRIDS["desk"] for head in ("default", "normal")]


def test_a_space_is_widened_by_points_that_leave_those_before_as_they_were(monkeypatch):
    monkeypatch.delitem(space.WIDER, "quick")
    before = [point_at("quick", 12, number, "lstm-s").facts() for number in range(12)]
    names = [trial_of("quick@batch=20", number, 12).name for number in range(12)]
    monkeypatch.setitem(space.WIDER, "quick", (0.05, 0.15, 3))
    assert points_of("quick") == 15
    every = [point_at("quick", 15, number, "lstm-s").facts() for number in range(15)]
    assert every[:12] == before
    assert [trial_of("quick@batch=20", number, 15).name for number in range(12)] == names
    assert trial_of("quick@batch=20", 12, 15).name == "quick@batch=20+point=12+points=15"
    strata = [int(3 * np.log(one["learning_rate"] / 0.05) / np.log(3)) for one in every[12:]]
    assert sorted(strata) == [0, 1, 2]
    assert {one["of"] for one in every[12:]} == {15}
    assert point_at("quick", 15, 13, "lstm-s") == point_at("quick@point=13+points=15", 15, 13, "lstm-s")
    other = [point_at("quick", 14, number, "lstm-s").learning_rate for number in range(1, 14)]  # asked for, not widened
    assert max(other) <= 0.05


def test_the_further_points_are_those_that_they_were():
    at = [point_at("quick", 14, number, "aslstm") for number in (12, 13)]
    assert [(one.learning_rate, one.options) for one in at] == [
        (0.0894, {"head": "normal", "forget_bias": 3.0, "tau": 0.3}),
        (0.0686, {"head": "default", "forget_bias": 3.0, "tau": 0.3}),
    ]


def test_further_rates_begin_where_the_space_ended():
    for name, (low, high, further) in space.WIDER.items():
        assert (low in RATES[find_protocol(name).scale]) != (high in RATES[find_protocol(name).scale])
        assert further > 0
        assert points_of(name) == 12 + further


def test_in_a_grid_too_a_model_ignores_what_it_lacks_or_its_name_sets():
    for model in ("gru@head=normal", "support.unusual:Ahead"):
        at = [point_at("desk", 6, number, model) for number in range(1, 6)]
        assert {one.learning_rate for one in at} == set(GRIDS["desk"])
        assert not any(one.options for one in at)
    with pytest.raises(BenchError, match="point 6 is none of the 6 of desk"):
        point_at("desk", 12, 6, "gru")


def test_the_source_has_its_own_point_at_the_protocols_rate():
    assert point_at("quick", 12, 0, "lstm-s").facts() == {"number": 0, "of": 12, "learning_rate": None, "options": {}}


def test_an_option_that_the_name_sets_is_not_tuned():
    assert list(varied("aslstm@head=glorot+tau=0.5")) == ["forget_bias"]
    assert "head" not in point_at("quick", 4, 1, "gru@head=normal").options


def test_of_a_strangers_model_the_rate_alone_is_tuned():
    point = point_at("quick", 4, 1, "support.unusual:Ahead")
    assert point.learning_rate is not None
    assert point.options == {}


@pytest.mark.parametrize("name", MODELS)
def test_every_value_of_an_option_builds_the_model(name):
    from harness.catalog import sequence_shape

    spec = find_model(name)
    assert len([one for one in (spec.opening, spec.further) if one]) <= 2
    for option, values in varied(name).items():
        assert len(set(values)) == len(values) > 1
        for value in values:
            spec.build(sequence_shape(16, 1, 3), 9, **{option: value})


def test_a_trial_says_in_its_name_which_point_of_how_many_it_is():
    trial = trial_of("quick@batch=20", 3, 12)
    assert trial.name == "quick@batch=20+point=3+points=12"
    assert (trial.point, trial.points, trial.batch, trial.version) == (3, 12, 20, QUICK.as_source)
    assert untracked(trial.name) == "quick@batch=20"
    assert untracked("quick@track=tuned") == "quick"
    assert trial_of("quick@track=tuned", 0, 2).name == "quick@point=0+points=2"


@pytest.mark.parametrize(
    "name",
    [
        "quick@point=12",
        "quick@points=0",
        "quick@track=best",
        "quick@learning_rate=0.1+track=tuned",
        "quick@learning_rate=0.1+point=1",
        "quick@point=1+track=tuned",
    ],
)
def test_a_point_or_track_that_cannot_be_is_refused_in_a_sentence(name):
    with pytest.raises(BenchError, match=r"none of 12|at least 1|one of source|leave learning_rate out|of no track"):
        find_protocol(name)


def test_a_rate_of_ones_own_goes_with_the_sources_track():
    assert find_protocol("quick@learning_rate=0.1+track=source").learning_rate == 0.1
