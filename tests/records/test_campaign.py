"""Whose records a folder holds, and where their pages lie."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from support import ROOT
from support.records import made_run

from harness.errors import BenchError
from harness.plan import Cell
from harness.records.campaign import OWN, Block, Campaign, blocks_of, campaign_of, differences_of
from harness.records.store import Store


def test_a_folder_that_says_nothing_is_a_users_own(tmp_path):
    (tmp_path / "file").touch()
    assert str(OWN) == "reports/own"
    for folder in (tmp_path, tmp_path / "missing", tmp_path / "file"):
        assert campaign_of(folder) == Campaign(OWN, closed=False)


def test_a_campaign_lies_in_results_and_its_pages_in_reports(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results" / "desk"
    folder.mkdir(parents=True)
    (folder / "campaign.toml").touch()
    for results in (folder, Path("results/desk"), Path("results/../results/desk")):
        assert campaign_of(results) == Campaign(Path("reports"), name="desk")
    Store(folder).check_writable()


def test_a_campaign_may_have_a_folder_of_its_own_for_its_pages_and_one_for_its_trials(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    zoo = Path("results/zoo")
    zoo.mkdir(parents=True)
    (zoo / "campaign.toml").write_text('pages = "mine-2"\n')
    assert campaign_of(zoo) == Campaign(Path("reports/mine-2"), name="zoo")
    trials = Campaign(Path("reports/mine-2"), name="zoo/tuning")
    assert campaign_of(zoo / "tuning") == trials
    (zoo / "tuning").mkdir()
    assert campaign_of(zoo / "tuning") == trials
    assert trials.committed
    assert not trials.keeps_unfinished
    assert campaign_of(Path("results/tuning")) == Campaign(OWN)
    places = {Store(folder).checkpoint_path(made_run("gru").cell) for folder in (zoo, zoo / "tuning")}
    assert len(places) == 2
    assert all(place.is_relative_to(tmp_path / "cache") for place in places)
    monkeypatch.chdir(zoo / "tuning")
    assert campaign_of(Path()) == Campaign(OWN, name="zoo/tuning")  # no `results` is here to be committed in


def test_what_somebody_sends_does_not_say_where_pages_go(tmp_path):
    (tmp_path / "campaign.toml").write_text("closed = true\n")
    assert campaign_of(tmp_path) == Campaign(OWN, closed=True, name=tmp_path.name)


def test_the_campaign_that_is_committed_is_closed():
    assert campaign_of(ROOT / "results" / "quick").closed


def test_a_closed_campaign_cannot_be_written(tmp_path):
    (tmp_path / "campaign.toml").write_text("closed = true\n")
    with pytest.raises(BenchError, match=r"campaign\.toml says that these records are closed"):
        Store(tmp_path).check_writable()


@pytest.mark.parametrize(
    "content",
    [
        b"closed = ",
        b"\xff",
        b"closed = 1",
        b"close = true",
        b'reports = "x"',
        b"pages = 3",
        b'pages = "../x"',
    ],
)
def test_a_campaign_that_says_something_else_is_one_sentence(tmp_path, content):
    path = tmp_path / "campaign.toml"
    path.write_bytes(content)
    with pytest.raises(BenchError, match="mend or delete it") as found:
        campaign_of(tmp_path)
    assert str(found.value).startswith(f"{path} ")
    assert "\n" not in str(found.value)


def test_an_unfinished_cell_leaves_no_record_in_a_campaign_and_its_checkpoint_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "campaign.toml").touch()
    run = made_run("gru")
    for folder, kept in (("own", True), ("desk", False)):
        store = Store(tmp_path / folder)
        store.save_run(made_run("gru", status="interrupted"))
        assert store.run_path(run.cell).exists() == kept
        store.save_checkpoint(run.cell, {}, {"step": 3})
        assert store.checkpoint_path(run.cell).is_relative_to(tmp_path / (folder if kept else "cache"))
        assert store.load_checkpoint(run.cell, {}) == {"step": 3}
        aside = store.put_aside(store.checkpoint_path(run.cell))
        assert (aside.exists(), store.load_checkpoint(run.cell, {})) == (True, None)
        store.save_run(run)
        assert store.find_run(run.cell) == run


PLAN = """
[[block]]
name = "one"
task = "sfc"
models = "gru,lstm-s"
protocol = "desk"
seeds = "2"

[[block]]
name = "two"
task = "sti,sfc"
"""


def test_a_plan_has_blocks_in_its_order(tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN)
    words = {"task": "sfc", "models": "gru,lstm-s", "protocol": "desk", "seeds": "2"}
    assert blocks_of(tmp_path / "plan.toml") == [Block("one", words), Block("two", {"task": "sti,sfc"})]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[[block]", "cannot be read"),
        ("", "is no plan"),
        ("block = 3", "is no plan"),
        ("block = [3]", "is no plan"),
        (PLAN + "\n[more]\n", "is no plan"),
        ('[[block]]\nname = "a"\ntask = "sfc"\nsedes = "2"', "'sedes' is no text of"),
        ('[[block]]\nname = "a"\ntask = "sfc"\nseeds = 2', "'seeds' is no text of"),
        ('[[block]]\nname = "a"', "block 1 has no task"),
        ('[[block]]\ntask = "sfc"', "block 1 has no name"),
    ],
)
def test_what_is_no_plan_is_one_sentence(tmp_path, content, says):
    path = tmp_path / "plan.toml"
    path.write_text(content)
    with pytest.raises(BenchError, match=says) as found:
        blocks_of(path)
    assert str(path) in str(found.value)
    with pytest.raises(BenchError, match="cannot be read"):
        blocks_of(tmp_path / "missing")


def test_the_committed_plan_and_claims_name_what_there_is():
    from harness import catalog
    from harness.plan import find_budget, split_words
    from harness.protocol import find_protocol
    from harness.records.claims import claims_of

    planned = set()
    for block in blocks_of(ROOT / "results" / "desk" / "plan.toml"):
        protocol = find_protocol(block.words["protocol"])
        for name, model in product(split_words(block.words["task"]), catalog.chosen(block.words["models"])):
            task = catalog.find_task(name, protocol.scale)
            assert catalog.find_model(model).why_not(task.shape) is None
            planned.add(Cell(protocol.name, task.name, model, find_budget(protocol.budget).name, 0))
    claims = claims_of(ROOT / "results" / "desk" / "claims.toml")
    for claim in claims:
        for a, b, task in claim.contrasts:
            names = catalog.find_model(a).name, catalog.find_model(b).name, catalog.find_task(task).name
            assert all(names), claim.id
    assert len({claim.digest for claim in claims}) == len(claims)
    # one seed at the papers' length says of a model that sleeps whether it wakes
    asked = {replace(cell, protocol="desk") if cell.protocol == "paper" else cell for cell in planned}
    assert not {cell.model for cell in asked if not any(claim.is_served_by(cell) for claim in claims)}


DIFFERENCE = """
[[difference]]
task = "sfc"
model = "gru"
models = ["gru", "lstm-s"]
supposed = "a"
tried = "b"
found = "c"
"""


def test_differences_are_read_in_their_order(tmp_path):
    assert differences_of(tmp_path) == ()
    (tmp_path / "differences.toml").write_text(DIFFERENCE + DIFFERENCE.replace('"sfc"', '"sti"'))
    found = differences_of(tmp_path)
    assert [one.task for one in found] == ["sfc", "sti"]
    assert found[0].models == ("gru", "lstm-s")
    assert Store(tmp_path).load().declared.differences == found


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is no file of differences"),
        ("difference = ", "cannot be read"),
        (DIFFERENCE.replace("found", "fuond"), "fuond|found"),
        (DIFFERENCE.replace('"a"', "3"), "supposed"),
        (DIFFERENCE.replace('["gru", "lstm-s"]', '["lstm-s"]'), "gru is not among the models that are to be shown"),
    ],
)
def test_what_is_no_difference_is_one_sentence(tmp_path, content, said):
    (tmp_path / "differences.toml").write_text(content)
    with pytest.raises(BenchError, match=said) as caught:
        differences_of(tmp_path)
    assert len(str(caught.value).splitlines()) == 1
