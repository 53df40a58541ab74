"""`--claims` of three verbs: a user's own claims, from their declaration to a verdict."""

import pytest
from support.sentences import one_sentence

from harness.records.claims import claims_of
from harness.records.store import Store

CLAIMS = """
[[claim]]
id = "mine"
says = "A GRU is above an LSTM."
kind = "better"
a = ["gru"]
b = ["lstm-s"]
tasks = ["sfc"]
protocol = "smoke"
seeds = 2
test = "metric"
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "results" / "claims.toml"
    path.parent.mkdir()
    path.write_text(CLAIMS)
    return path


def test_a_forecast_counts_what_no_time_can_be_told_of(bench, file, tmp_path):
    file.write_text(CLAIMS.replace('tasks = ["sfc"]', 'tasks = ["pmnist"]'))
    said = bench("plan", "--claims", file, "--data", tmp_path / "nothing")
    assert said.code == 0, said.err
    cells = said.out.splitlines()[-1].partition(" ")[0]
    assert said.out.splitlines()[-1].endswith(f"about 0:00 of one core without {cells} of which no time can be told")
    assert "0:00" not in said.out.splitlines()[2]


def test_from_a_declaration_to_a_verdict(bench, file, tmp_path):
    said = bench("plan", "--claims", file, "--no-time")
    assert said.code == 0, said.err
    assert "no difference is found with 2 seeds" in said.out
    assert said.out.splitlines()[-1] == "4 cells to run for all of them"
    before = bench("report", "--results", file.parent, "--reports", tmp_path / "pages", "--format", "md")
    assert before.code == 0, before.err
    assert "**Not run: 0 of 2 seeds.**" in (tmp_path / "pages" / "smoke" / "claims.md").read_text()
    done = bench("run", "--claims", file, "--workers", "0", "--no-measure")
    assert done.code == 0, done.err
    runs = Store(file.parent).load().runs
    assert [run.claims for run in runs] == [{"mine": claims_of(file)[0].digest}] * 4
    timed = bench("plan", "--claims", file)
    assert timed.out.splitlines()[-1] == "0 cells to run for all of them, about 0:00 of one core"
    again = bench("report", "--results", file.parent, "--reports", tmp_path / "pages", "--format", "md")
    assert again.code == 0, again.err
    text = (tmp_path / "pages" / "smoke" / "claims.md").read_text()
    assert "All 4 runs are there." in text
    assert "claims.md" in (tmp_path / "pages" / "smoke" / "index.md").read_text()


def test_claims_of_another_file_are_judged_by_what_was_declared(bench, file, tmp_path):
    assert bench("run", "--claims", file, "--workers", "0", "--no-measure").code == 0
    other = tmp_path / "other.toml"
    other.write_text(CLAIMS.replace("seeds = 2", "seeds = 2\nmargin = 7"))
    words = ("--results", file.parent, "--reports", tmp_path / "pages", "--format", "md")
    assert bench("report", "--claims", other, *words).code == 0
    assert "made without this claim declared" in (tmp_path / "pages" / "smoke" / "claims.md").read_text()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"gru"', '"gruu"', "claim mine: there is no model called 'gruu'; the nearest is 'gru'"),
        ('"sfc"', '"sfcc"', "claim mine: there is no task called 'sfcc'"),
        ('b = ["lstm-s"]', "", "claim mine has no contrast; it needs a and b"),
        ('b = ["lstm-s"]', 'b = ["gru"]', "claim mine has a contrast of gru with itself"),
        ('test = "metric"', 'test = "share"', "a claim of kind better is tested by metric or solved or steps"),
        (CLAIMS, CLAIMS * 2, "has two claims called 'mine'"),
        (CLAIMS, "", "there is no claim in"),
    ],
)
def test_what_is_no_claim_is_one_sentence(bench, file, old, new, says):
    file.write_text(CLAIMS.replace(old, new))
    for verb in ("report", "plan", "run"):
        assert says in one_sentence(bench(verb, "--claims", file))


def test_a_claim_without_any_run_has_no_verdict_of_its_own_file(bench, file, tmp_path):
    found = bench("report", "--claims", file, "--results", tmp_path / "nothing")
    assert found.code == 2
    assert "no run" in one_sentence(found)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--plan", "plan.toml"), "give either --plan or --claims"),
        (("--task", "sfc"), "claims say themselves what to run; leave --task or --claims out"),
    ],
)
def test_claims_say_themselves_what_to_run(bench, file, words, says):
    found = bench("run", "--claims", file, *words)
    assert (found.code, one_sentence(found)) == (2, f"error: {says}")


def test_the_records_lie_beside_the_claims(bench, file, tmp_path):
    found = bench("run", "--claims", file, "--results", tmp_path / "elsewhere")
    assert "the records of claims lie beside them; leave --results out, or copy" in one_sentence(found)


def test_the_file_lies_with_the_records_under_its_name(bench, file):
    other = file.rename(file.with_name("other.toml"))
    found = bench("run", "--claims", other)
    assert found.code == 2
    assert "must be called claims.toml" in one_sentence(found)
