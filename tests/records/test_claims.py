"""Claims that are declared before their runs, and which runs serve them."""

import pytest
from support.records import made_run

from harness.errors import BenchError
from harness.plan import Cell
from harness.records.claims import claims_of, served
from harness.records.store import Store

TEXT = """
[[claim]]
id = "first"
says = "A is above B and above itself otherwise."
kind = "better"
a = ["gru"]
b = ["lstm-s", "@head=normal"]
tasks = ["sfc", "sti"]
protocol = "smoke"
seeds = 2
test = "metric"

[[claim]]
id = "second"
says = "Depth helps."
kind = "order"
pairs = [["lstm-m", "lstm-s"]]
tasks = ["sfc"]
protocol = "smoke"
budget = "5k"
seeds = 3
test = "metric"
outcome = "any"
margin = 3
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "results" / "claims.toml"
    path.parent.mkdir()
    path.write_text(TEXT)
    return path


def test_a_contrast_is_one_a_one_b_and_one_task(file):
    first, second = claims_of(file)
    assert first.contrasts == [
        ("gru", "lstm-s", "sfc"),
        ("gru", "gru@head=normal", "sfc"),
        ("gru", "lstm-s", "sti"),
        ("gru", "gru@head=normal", "sti"),
    ]
    assert second.contrasts == [("lstm-m", "lstm-s", "sfc")]
    assert (first.outcome, first.margin, second.outcome, second.margin) == ("every", 2.0, "any", 3.0)


def test_no_file_is_no_claim(tmp_path):
    assert claims_of(tmp_path / "claims.toml") == []


@pytest.mark.parametrize(
    ("run", "ids"),
    [
        (("smoke", "sfc", "gru", "3k", 0), ["first"]),
        (("smoke", "sti", "gru@head=normal", "3k", 1), ["first"]),
        (("smoke", "sfc", "gru", "3k", 2), []),  # a seed too many
        (("quick", "sfc", "gru", "3k", 0), []),
        (("smoke", "sfc", "gru", "5k", 0), []),
        (("smoke", "sfc", "lstm-m", "5k", 2), ["second"]),
        (("smoke", "sti", "lstm-m", "5k", 2), []),
        (("smoke", "sfc", "lstm-m", "3k", 2), []),
    ],
)
def test_runs_that_serve_a_claim(file, run, ids):
    assert list(served(claims_of(file), Cell(*run))) == ids


def test_a_record_keeps_the_digest_of_each_claim_that_it_serves(file):
    store, (first, second) = Store(file.parent), claims_of(file)
    store.save_run(made_run("gru"))
    assert store.find_run(made_run("gru").cell).claims == {"first": first.digest}
    assert Store(file.parent / "other").save_run(made_run("gru")).read_text().count("claims") == 1
    assert second.digest != first.digest


def test_a_changed_claim_is_another_one_and_other_words_for_it_are_not(file):
    (first, _) = claims_of(file)
    file.write_text(TEXT.replace("A is above B", "A beats B"))
    assert claims_of(file)[0].digest == first.digest
    file.write_text(TEXT.replace("seeds = 2", "seeds = 4"))
    assert claims_of(file)[0].digest != first.digest


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[[claim]]", "[[claim]", "cannot be read"),
        ("[[claim]]", "[[clam]]", "is no file of claims"),
        ('"second"', '"first"', "has two claims called 'first'"),
        ("seeds = 2", "sedes = 2", "claim first: there is no field of a claim called 'sedes'; the nearest is 'seeds'"),
        ("seeds = 2", 'seeds = "2"', "claim first: seeds is"),
        ("seeds = 2", "seeds = 1", "seeds must be at least 2"),
        ("seeds = 2\n", "", "claim first: it lacks seeds"),
        ('kind = "better"', 'kind = "best"', "kind is 'best', but must be one of better"),
        ('test = "metric"', 'test = "t"', "test is 't'"),
        ('outcome = "any"', 'outcome = "some"', "outcome is 'some'"),
        ("margin = 3", "margin = 0", "margin between 0 and 100"),
        ('tasks = ["sfc"]', "tasks = []", "has no contrast"),
        ('["lstm-m", "lstm-s"]', '["lstm-m"]', "has no contrast"),
        ('protocol = "smoke"', 'protocol = "smok"', "there is no protocol called 'smok'"),
        ('budget = "5k"', 'budget = "much"', "'much' is no budget"),
    ],
)
def test_what_is_no_claim_is_one_sentence_before_anything_runs(file, old, new, says):
    file.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(BenchError, match=says):
        claims_of(file)
    with pytest.raises(BenchError, match=says):
        Store(file.parent).check_writable()
