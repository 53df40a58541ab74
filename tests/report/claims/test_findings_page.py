"""The page for a reader of five minutes: each claim under what came of it, and no page before its runs are there."""

from dataclasses import replace

import pytest
from support.records import runs_of

from harness.compare.material import Material
from harness.records.campaign import Difference
from harness.records.claims import Claim, Declared
from harness.report.claims import findings

HIGH, LOW, WIDE = [0.90, 0.91, 0.92, 0.93, 0.94], [0.72, 0.73, 0.74, 0.75, 0.76], [0.6, 0.8, 0.92, 0.95, 0.96]
DIFFERENCE = Difference("sfc", "gru", ("gru",), "A.", "B.", "It is the start.")


@pytest.fixture(autouse=True)
def all_alive(monkeypatch):
    monkeypatch.setattr(findings, "committed", lambda: None)


def claim(name, a, b, where="TP-RNN, Table 2"):
    return Claim(
        id=name,
        says=f"{a} is above {b}.",
        where=where,
        kind="better",
        a=(a,),
        b=(b,),
        tasks=("sfc",),
        protocol="smoke",
        seeds=5,
        test="metric",
    )


CLAIMS = (
    claim("won", "gru", "lstm-s"),
    claim("lost", "lstm-s", "gru"),
    claim("own", "gru", "lstm-s", "asked by this project"),
    claim("open", "gru", "lstm-m"),
    claim("waits", "gru", "tp-rnn-s"),
)


def sheet_of(scores, claims=CLAIMS, differences=()):
    served = {one.id: one.digest for one in claims}
    runs = [
        replace(run, claims={key: value for key, value in served.items() if by_id(claims, key).is_served_by(run.cell)})
        for run in runs_of(scores)
    ]
    return findings.sheet(Material(runs, [], [], Declared(claims, (), "results/mine", tuple(differences))))


def by_id(claims, name):
    return next(one for one in claims if one.id == name)


def section(text, title):
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def test_each_claim_stands_under_what_came_of_it_with_its_effect_records_and_command():
    sheet = sheet_of({"gru": HIGH, "lstm-s": LOW, "lstm-m": WIDE}, differences=[DIFFERENCE])
    text = sheet.text
    assert "**Of 4 claims of the papers: 1 supported, 1 refuted, 1 cannot be told, 1 not run yet. " in text
    assert "Of 1 claim of our own: 1 supported.**" in text
    holds = section(text, "What holds of the papers")
    assert "- **gru is above lstm-s.** (TP-RNN, Table 2) Supported, at 3,000 parameters, a laptop's scale: " in holds
    assert "gru less lstm-s on sfc +36.0 (+31.4 to +40.6) % of the way, *p* 0.00794. " in holds
    assert "Records: `smoke/sfc/{gru,lstm-s}/3k-{0,1,2,3,4}`; " in holds
    assert "`bench run --task sfc --models gru,lstm-s --protocol smoke --seeds 0-4 --results results/mine`." in holds
    assert "**lstm-s is above gru.**" in section(text, "What does not")
    assert "(asked by this project) Supported" in section(text, "What nobody had asked")
    assert "**gru is above lstm-m.**" in section(text, "What these runs cannot tell")
    assert "- `gru` on `sfc`: It is the start." in section(text, "Where a result is another than the paper's")
    assert "tp-rnn-s" not in text
    assert "What waits for runs, with its command and hours: [claims](claims.md)." in text
    assert {run.cell.model for run in sheet.records} == {"gru", "lstm-s", "lstm-m"}


def test_of_several_contrasts_the_one_that_decides_is_shown():
    every = Claim(
        "every", "gru is first.", "better", ("sfc",), "smoke", 5, "metric", a=("gru",), b=("lstm-s", "lstm-m")
    )
    near = [0.905, 0.87, 0.86, 0.88, 0.85]
    held = sheet_of({"gru": HIGH, "lstm-s": LOW, "lstm-m": near}, [every]).text
    assert "gru less lstm-m on sfc +9.4 " in held
    assert "the least sure of 2 contrasts ([all](claims.md)). Records:" in held
    assert "gru less lstm-s" not in held
    lost = sheet_of({"gru": near, "lstm-s": LOW, "lstm-m": HIGH}, [every]).text
    assert "gru less lstm-m on sfc -9.4 " in lost
    assert "the surest against it of 2 contrasts" in lost


def test_before_a_claim_has_all_its_runs_there_is_no_page():
    assert sheet_of({"gru": HIGH, "lstm-s": LOW[:3]}, CLAIMS[:1]) is None
    assert sheet_of({"gru": HIGH}, ()) is None


def test_what_is_empty_says_so():
    text = sheet_of({"gru": HIGH, "lstm-s": LOW}, CLAIMS[2:3]).text
    assert "**Of 1 claim of our own: 1 supported.**" in text
    assert section(text, "What holds of the papers").strip() == findings.NOTHING
    assert "Where a result is another" not in text
    assert "What waits for runs" not in text
