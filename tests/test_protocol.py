import dataclasses
import re
from dataclasses import replace

import pytest

from harness.catalog import find_task
from harness.errors import BenchError, UnknownName
from harness.plan import find_budget
from harness.protocol import (
    PAPER,
    PROTOCOLS,
    QUICK,
    SMOKE,
    Protocol,
    find_protocol,
    for_task,
    parse_changes,
    parse_value,
    with_changes,
)
from harness.synonyms import OTHER_WORDS


def made(**fields: object) -> Protocol:
    return Protocol("mine", 1, "smoke", "3k", 1, **fields)


def test_the_paper_protocol_is_tp_rnns_training():
    settings = (PAPER.optimizer, PAPER.learning_rate, PAPER.batch, PAPER.clip, PAPER.epochs, PAPER.seeds, PAPER.budget)
    assert settings == ("adam", 1e-3, 50, 3.0, 200, 5, "paper")
    assert PAPER.steps(55_000) == 220_000


def test_an_epoch_leaves_out_the_short_last_batch_and_max_steps_goes_before_epochs():
    assert made(batch=10, epochs=2).steps(39) == 6
    assert made(batch=10, epochs=2, max_steps=5).steps(39) == 5


@pytest.mark.parametrize(
    ("fields", "sequences", "steps"),
    [
        ({"max_steps": 64, "evaluations": 4}, 1000, [2, 4, 8, 16, 32, 48, 64]),  # geometric, then evenly spaced
        ({"batch": 10, "epochs": 3}, 80, [1, 2, 4, 8, 16, 24]),  # without a number, one an epoch
        ({"max_steps": 10, "evaluations": 3}, 1000, [1, 2, 4, 8, 10]),  # the last step, and not step 0
    ],
)
def test_the_steps_at_which_a_run_is_evaluated(fields, sequences, steps):
    assert made(**fields).evaluation_steps(sequences) == steps


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_every_protocol_evaluates_in_order_and_at_its_end(protocol):
    steps = protocol.evaluation_steps(2100)
    assert steps == sorted(set(steps))
    assert steps[0] >= 1
    assert steps[-1] == protocol.steps(2100)


def test_a_constant_learning_rate_stays():
    protocol = made(max_steps=100, schedule="constant", learning_rate=0.01)
    assert {protocol.learning_rate_at(step, 1000) for step in range(100)} == {0.01}


def test_hold_decay_is_the_released_codes_schedule_at_its_length():
    """220,000 steps: constant to step 165,000, then x 0.99 every 1,100 steps (models.md, row 10)."""
    protocol = made(max_steps=220_000, learning_rate=1e-3)

    def power(step: int) -> float:
        return protocol.learning_rate_at(step, 55_000) / 1e-3

    assert power(0) == power(164_999) == 1.0
    assert power(165_000) == power(166_099) == pytest.approx(0.99)
    assert power(166_100) == pytest.approx(0.99**2)
    assert power(219_999) == pytest.approx(0.99**50)


def test_hold_decay_works_for_a_handful_of_steps():
    protocol = made(max_steps=4, learning_rate=1.0)
    assert [protocol.learning_rate_at(step, 100) for step in range(4)] == pytest.approx([1, 1, 1, 0.99])


def test_an_unknown_protocol_names_the_nearest():
    with pytest.raises(UnknownName, match="no protocol called 'smok'; the nearest is 'smoke'"):
        find_protocol("smok")


@pytest.mark.parametrize(
    "changes",
    [
        "batch=7",
        "learning_rate=0.01",
        "learning_rate=1e-05",
        "optimizer=rmsprop+schedule=constant",
        "epochs=3",
        "max_steps=5+evaluations=None",
        "yardstick=gru",
        "yardstick=tp-rnn-s@aggregation=mean",
    ],
)
@pytest.mark.parametrize("base", PROTOCOLS)
def test_the_name_of_a_changed_protocol_finds_it_again(base, changes):
    changed = find_protocol(f"{base}@{changes}")
    assert changed != PROTOCOLS[base]
    assert find_protocol(changed.name) == changed


def test_changes_add_up_the_later_counts_and_their_order_does_not_matter():
    one_way = with_changes(with_changes(SMOKE, {"batch": 5}), {"clip": 1})
    other_way = with_changes(SMOKE, {"clip": 1.0, "batch": 5})
    assert one_way == other_way == find_protocol("smoke@clip=1+batch=5")
    assert (one_way.batch, one_way.clip) == (5, 1.0)
    assert with_changes(with_changes(SMOKE, {"batch": 5}), {"batch": 6}) == find_protocol("smoke@batch=6")
    assert with_changes(QUICK, {}) == QUICK


def test_a_changed_protocol_trains_as_sources_say_unless_the_change_is_its_track():
    assert QUICK.track == "portable"
    assert find_protocol("quick@track=portable") is QUICK
    assert find_protocol("quick@max_steps=800").track == find_protocol("quick@point=3").track == "source"
    assert find_protocol("quick@max_steps=800+track=portable").track == "portable"
    names = ("quick", "quick@track=tuned", "quick@track=source", "quick@max_steps=800", "quick@point=3")
    assert [find_protocol(name).version for name in names] == [5, 5, 4, 4, 4]
    assert with_changes(find_protocol("quick@max_steps=800"), {"track": "portable"}).version == 5
    assert with_changes(find_protocol("quick@track=tuned"), {"batch": 20}).track == "tuned"
    assert find_protocol("quick@learning_rate=0.1").learning_rate == 0.1
    with pytest.raises(BenchError, match="tuning chooses the learning rate"):
        find_protocol("quick@learning_rate=0.1+track=portable")


def test_changing_a_protocol_leaves_the_changes_given_alone():
    changes: dict[str, object] = {"clip": 1}
    with_changes(SMOKE, changes)
    assert isinstance(changes["clip"], int)


def test_setting_epochs_does_away_with_a_protocols_max_steps():
    assert with_changes(QUICK, {"epochs": 2}).steps(100 * QUICK.batch) == 200
    assert with_changes(QUICK, {"epochs": 2, "max_steps": 3}).steps(100 * QUICK.batch) == 3


@pytest.mark.parametrize("key", ["name", "version", "batches", "nonsense"])
def test_only_settings_of_a_protocol_can_be_changed(key):
    with pytest.raises(UnknownName, match=f"there is no setting of a protocol called '{key}'"):
        with_changes(SMOKE, {key: 1})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("batch=2.5", "batch is '2.5', but must be a whole number"),
        ("batch=yes", "batch is 'True', but must be a whole number"),
        ("batch=1e400", "batch is 'inf', but must be a whole number"),
        ("learning_rate=fast", "learning_rate is 'fast', but must be a number"),
        ("learning_rate=1e400", "learning_rate is 'inf', but must be a number"),
        ("data_seed=None", "data_seed is 'None', but must be a whole number"),
        ("batch=0", "batch is 0, but must be at least 1"),
        ("seeds=-1", "seeds is -1, but must be at least 1"),
        ("max_steps=0", "max_steps is 0, but must be at least 1"),
        ("learning_rate=0", "learning_rate is 0.0, but must be above 0"),
        ("learning_rate=-1", "learning_rate is -1.0, but must be above 0"),
        ("learning_rate=1e300", "learning_rate is 1e+300, but must be at most 1,000"),
        ("clip=-1", "clip is -1.0, but must be at least 0"),
        ("clip=nan", "clip is 'nan', but must be a number"),
        (f"clip={10**400}", "clip is '1000"),
        ("tolerance=-1", "tolerance is -1.0, but must be at least 0"),
        ("tolerance=3", "tolerance is 3.0, but must be at most 1"),
        ("measure_seconds=-3", "measure_seconds is -3.0, but must be at least 0"),
        ("data_seed=-1", "data_seed is -1, but must be at least 0"),
        (f"batch={10**300}", "but must be at most 1,000,000"),
        ("max_steps=1e18", "but must be at most 1,000,000,000"),
        ("seeds=1e6", "but must be at most 10,000"),
        (f"batch={'(' * 5000}", "but must be a whole number"),
        ("batch={[]: 1}", "but must be a whole number"),
        ("max_steps=None", "epochs and max_steps are both None, but one must say how long to train"),
        ("optimizer=adm", "optimizer is 'adm', but must be one of adam, rmsprop"),
        ("schedule=constnt", "schedule is 'constnt', but must be one of constant, hold-decay"),
        ("scale=qick", "scale is 'qick', but must be one of paper, quick, smoke, robust"),
        ("batch", "'batch' is no setting; write key=value"),
    ],
)
def test_a_bad_setting_is_refused_in_a_sentence(text, sentence):
    with pytest.raises(BenchError, match=re.escape(sentence)):
        find_protocol(f"smoke@{text}")


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("lr", "write learning_rate=VALUE"),
        ("batch-size", "write batch=VALUE"),
        ("Steps", "write max_steps=VALUE"),
        ("hidden", "the option --budget says it"),
        ("seed", "the option --seeds says it"),
        ("bach", "the nearest is 'batch'"),
    ],
)
def test_what_other_programs_call_a_setting_is_pointed_out(key, meant):
    with pytest.raises(UnknownName, match=f"no setting of a protocol called '{key}'; {meant}"):
        with_changes(SMOKE, {key: 1})


def test_every_other_word_leads_to_a_setting_or_an_option_and_is_none_itself():
    settings = {field.name for field in dataclasses.fields(Protocol)}
    assert not settings & OTHER_WORDS.keys()
    assert all(word in settings or word.startswith("--") for word in OTHER_WORDS.values())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-3", 0.001),
        ("None", None),
        ("(1, 2)", (1, 2)),
        ("yes", True),
        ("Off", False),
        ("mean", "mean"),
        ("a b", "a b"),
    ],
)
def test_a_value_is_a_literal_where_it_is_one(text, value):
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


def test_changes_are_parted_at_plus_signs():
    assert parse_changes("a=1+b=x") == {"a": 1, "b": "x"}
    assert parse_changes("") == {}


@pytest.mark.parametrize(
    ("text", "params", "name"),
    [
        ("10k", 10_000, "10k"),
        ("42K", 42_000, "42k"),
        ("42000", 42_000, "42k"),
        ("41810", 41_810, "41810"),
        ("41,810", 41_810, "41810"),
        ("1.5M", 1_500_000, "1500k"),
        ("0.5k", 500, "500"),
        ("paper", None, "paper"),
        (" Paper ", None, "paper"),
    ],
)
def test_a_budget_is_a_number_or_the_word_paper(text, params, name):
    found = find_budget(text)
    assert (found.params, found.name) == (params, name)
    assert find_budget(found.name) == found


@pytest.mark.parametrize("text", ["", "k", "ten", "nan", "inf", "-5", "0", "0.4", "42km", "10kk", "1e300", "1e5M"])
def test_what_is_no_budget_is_refused_in_a_sentence(text):
    with pytest.raises(BenchError, match=r"is no budget|is below one parameter|is above 10,000,000,000 parameters"):
        find_budget(text)


def test_a_task_changes_settings_at_its_scale_alone():
    training = {"paper": {"batch": 20, "optimizer": "rmsprop", "clip": 0.0}, "quick": {"max_steps": 800}}
    paper, quick = for_task(PAPER, training), for_task(QUICK, training)
    assert (paper.batch, paper.optimizer, paper.clip, paper.epochs) == (20, "rmsprop", 0.0, 200)
    assert (quick.batch, quick.max_steps) == (QUICK.batch, 800)
    assert for_task(SMOKE, training) == SMOKE
    assert (paper.name, paper.version) == ("paper", PAPER.version)


def test_what_a_task_changes_of_a_protocol_by_name_goes_before_its_scale():
    training = {"paper": {"batch": 20, "epochs": 100}, "desk": {"max_steps": 900}}
    desk, paper = for_task(find_protocol("desk"), training), for_task(PAPER, training)
    assert (desk.batch, desk.epochs, desk.max_steps, desk.scale) == (20, None, 900, "paper")
    assert (paper.epochs, paper.max_steps) == (100, None)
    assert for_task(find_protocol("desk@clip=1"), training).max_steps == 900


def test_the_desk_is_the_papers_protocol_cut_to_what_each_task_says():
    def steps(name: str, protocol: str, train: int) -> int:
        found = for_task(find_protocol(protocol), find_task(name, find_protocol(protocol).scale).training)
        return found.steps(train)

    assert [steps("sfc", name, 6_300) for name in ("paper", "desk")] == [25_200, 5_040]
    assert steps("addition-200", "desk", 100_000) == 12_000
    assert steps("pmnist", "desk", 55_000) == 11_000
    same = replace(find_protocol("desk"), name="paper", version=PAPER.version, epochs=PAPER.epochs, tuning="")
    assert same == PAPER


def test_what_was_set_by_name_wins_over_the_task():
    training = {"quick": {"max_steps": 800, "batch": 20}}
    assert for_task(find_protocol("quick@max_steps=5"), training).max_steps == 5
    assert for_task(find_protocol("quick@batch=7"), training).batch == 7
    epochs = for_task(find_protocol("quick@epochs=2"), training)
    assert (epochs.epochs, epochs.max_steps, epochs.batch) == (2, None, 20)


def test_a_task_that_counts_epochs_replaces_a_number_of_steps():
    changed = for_task(QUICK, {"quick": {"epochs": 3}})
    assert (changed.epochs, changed.max_steps) == (3, None)


def test_a_task_cannot_change_what_is_no_setting_or_no_number():
    with pytest.raises(KeyError):
        for_task(QUICK, {"quick": {"bacth": 3}})
    with pytest.raises(BenchError, match="whole number"):
        for_task(QUICK, {"quick": {"batch": 2.5}})
