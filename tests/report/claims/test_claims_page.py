"""The page of the claims: what it says of records by hand, and of a campaign that has none yet."""

from dataclasses import replace

import pytest
from support import ROOT
from support.records import made_curve, runs_of

from harness.compare.claims import judge
from harness.compare.material import Material
from harness.records.campaign import Block
from harness.records.claims import Claim, Declared, claims_of
from harness.records.store import Loaded, Store
from harness.report.claims import page
from harness.report.index import index
from harness.report.pages import other_pages

HIGH, LOW, WIDE = [0.90, 0.91, 0.92, 0.93, 0.94], [0.72, 0.73, 0.74, 0.75, 0.76], [0.6, 0.8, 0.92, 0.95, 0.96]


@pytest.fixture(autouse=True)
def all_alive(monkeypatch):
    monkeypatch.setattr(page, "committed", lambda: None)


def claim(name, a="gru", b="lstm-s", **changes):
    usual = {
        "kind": "better",
        "a": (a,),
        "b": (b,) if isinstance(b, str) else b,
        "tasks": ("sfc",),
        "protocol": "smoke",
        "seeds": 5,
        "test": "metric",
    }
    return Claim(id=name, says=f"{a} is above {b}.", **(usual | changes))


def runs_for(claims, scores, **changes):
    return [
        replace(run, claims={one.id: one.digest for one in claims if one.is_served_by(run.cell)})
        for run in runs_of(scores, train_seconds=3000.0, evaluation_seconds=600.0, **changes)
    ]


def text_of(claims, scores, blocks=(), folder="", **changes):
    material = Material(runs_for(claims, scores, **changes), [], [], Declared(tuple(claims), tuple(blocks), folder))
    return page.sheet(material).text


def test_nothing_claimed_is_no_page():
    assert page.sheet(Material(runs_of({"gru": HIGH}), [], [])) is None


def test_the_verdict_comes_first_with_the_effect_its_interval_and_the_rate_of_false_ones():
    text = text_of([claim("won"), claim("lost", "lstm-s", "gru")], {"gru": HIGH, "lstm-s": LOW})
    assert "**Of 2 claims: 1 supported, 1 refuted.**" in text
    assert "**Supported, at 3,000 parameters, a laptop's scale.** gru is above lstm-s. (`won`; own)" in text
    assert "+36.0 (+31.4 to +40.6) % of the way" in text
    assert "All 10 runs are there." in text
    assert "2 of 2 verdicts on the 2 claims whose runs are all there stand" in text
    assert text.index("## Supported") < text.index("## Refuted")


def test_what_cannot_tell_says_what_a_follow_up_with_fresh_seeds_needs():
    text = text_of([claim("open")], {"gru": HIGH, "lstm-s": WIDE})
    assert "**Cannot tell, at 3,000 parameters, a laptop's scale.**" in text
    assert "first_seed = 5 and seeds = 35, which find differences as large as those seen here with 80 % each" in text
    assert "gru,lstm-s --protocol smoke --seeds 5-39 --results results/follow-up`, about 70:00:00 (h:min:s) as" in text

    same = text_of([claim("open")], {"gru": [0.6, 0.7, 0.8, 0.9, 0.95], "lstm-s": [0.61, 0.69, 0.81, 0.9, 0.94]})
    assert "No number of seeds in reach (100) would find the differences seen here with 80 %." in same


def test_where_no_run_comes_to_the_target_no_number_of_seeds_is_recommended():
    asleep = made_curve([0.5] * 3)
    text = text_of([claim("sooner", kind="faster", test="steps")], {"gru": LOW, "lstm-s": LOW}, curve=asleep)
    assert "| gru | lstm-s | sfc    |          – |   1 | open: no run of either comes to the target, 0.7 |" in text
    assert "No number of seeds can tell while no run comes to the target" in text
    assert "first_seed" not in text
    solved = text_of([claim("solved", test="solved")], {"gru": LOW, "lstm-s": LOW}, curve=asleep)
    assert "No number of seeds can tell while no run comes to the target" in solved


def test_of_contrasts_with_one_p_the_least_sure_is_that_whose_interval_lies_nearest_to_no_difference():
    asked = claim("won", b=("lstm-s", "lstm-m", "tp-rnn-s"))
    scores = {"gru": HIGH, "lstm-s": LOW, "lstm-m": [0.5, 0.6, 0.7, 0.8, 0.89], "tp-rnn-s": [0.1] * 4 + [0.11]}
    (found,) = judge([asked], runs_for([asked], scores))
    assert [contrast.holds for contrast in found.contrasts] == pytest.approx([2 / 252] * 3)
    assert page.decisive(found).b == "lstm-m"


def test_equivalent_says_what_so_few_runs_leave_open():
    near = {"gru": HIGH, "lstm-s": [0.901, 0.909, 0.921, 0.929, 0.941]}
    text = text_of([claim("alike", kind="equivalent", margin=12.0)], near)
    assert "Asked: the difference lies within the margin, 12 %; test *metric*, 5 seeds." in text
    assert "5 of a kind leave it open (5 %) that up to 45% of further runs end otherwise." in text


def test_what_is_missing_is_named_with_its_block_its_command_and_its_time():
    block = Block("first things", {"task": "sfc", "models": "gru,lstm-s", "protocol": "smoke", "seeds": "5"})
    claims = [claim("begun"), claim("never", "gru", "tp-rnn-s")]
    text = text_of(claims, {"gru": HIGH, "lstm-s": LOW[:3]}, [block], "results/mine")
    assert "**Not run: 3 of 5 seeds.** gru is above lstm-s." in text
    assert "8 of 10 runs are there. The plan runs them: *first things*. " in text
    assert "--models lstm-s --protocol smoke --seeds 3-4 --results results/mine`, about 2:00:00 (h:min:s)" in text
    assert "**Not planned.** gru is above tp-rnn-s." in text
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    assert ["begun", "first things", "3 of 5", "2", "2:00:00"] in rows
    assert ["never", "not planned", "0 of 5", "5", "–"] in rows
    assert "5 of 10 runs are there. *Not planned*: tp-rnn-s on sfc. `bench run --task sfc --models tp-rnn-s" in text


def test_runs_that_were_made_without_the_claim_do_not_count():
    late = Declared((claim("late"),))
    text = page.sheet(Material(runs_of({"gru": HIGH, "lstm-s": LOW}), [], [], late)).text
    assert "**Not run: 0 of 5 seeds.**" in text
    assert "10 more runs of these cells, made without this claim declared, do not count." in text


def test_one_seed_at_the_papers_length_says_whether_forty_epochs_can_tell(tmp_path):
    one = claim("short", protocol="desk")
    (tmp_path / "claims.toml").write_text(
        '[[claim]]\nid = "short"\nsays = "A."\nkind = "better"\na = ["gru"]\nb = ["lstm-s"]\ntasks = ["sfc"]\n'
        'protocol = "desk"\nseeds = 5\ntest = "metric"\n'
    )
    store, curves = Store(tmp_path), {"gru": made_curve([0.8] * 3), "lstm-s": made_curve([0.5] * 3)}
    runs = runs_of({"gru": HIGH, "lstm-s": LOW}, protocol="desk", budget="paper", claims={"short": one.digest})
    (longer,) = runs_of({"lstm-s": [0.9]}, protocol="paper", budget="paper", curve=curves["gru"])
    for run in runs:
        store.save_run(replace(run, curve=curves[run.cell.model]))
    said = _page(store)
    assert "**Not run: 5 of 5 seeds, but lstm-s not at the paper's length.**" in said
    assert "All 10 runs are there. `bench run --task sfc --models lstm-s --protocol paper --seeds 0-0`" in said
    store.save_run(longer)
    said = _page(store)
    assert "**Cannot tell at 40 epochs.**" in said
    assert "open: lstm-s comes to the target at the paper's length" in said
    assert "At the paper's length ran lstm-s, which missed the target here. Only a claim of the protocol" in said


def test_a_terminal_has_the_verdicts_and_the_claims_on_these_tasks_that_wait():
    claims = (claim("won"), claim("begun", "gru", "lstm-m"), claim("elsewhere", tasks=("sfc", "sti")))
    runs = [
        replace(run, claims={one.id: one.digest for one in claims if one.is_served_by(run.cell)})
        for run in runs_of({"gru": HIGH, "lstm-s": LOW})
    ]
    assert page.lines(Declared(claims), runs) == [
        "supported, at 3,000 parameters, a laptop's scale: gru is above lstm-s. (won)",
        "1 claim on these tasks waits for more runs: claims.md of the report",
    ]
    assert page.lines(Declared(), runs) == []


def _page(store):
    loaded = store.load("desk")
    return page.sheet(Material(loaded.runs, [], [], loaded.declared)).text


def test_a_campaign_without_a_record_has_its_page_and_an_index():
    loaded = Store(ROOT / "results" / "desk").load("desk")
    sheets = other_pages(Loaded(declared=loaded.declared), [])
    text = sheets["claims.md"].text
    assert f"**Of {len(loaded.declared.claims)} claims: " in text
    for one in claims_of(ROOT / "results" / "desk" / "claims.toml"):
        assert f"(`{one.id}`; " in text
    assert text.endswith("`bench report --protocol desk`: no record of this page.\n")
    assert (
        "- [Claims, declared before their runs](claims.md)"
        in index(Loaded(declared=loaded.declared), [], sheets, ()).text
    )
