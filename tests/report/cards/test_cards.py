"""The card of a model: what it is, where it wins and loses, what it costs."""

from dataclasses import replace

from support.charts import rows
from support.pages import rows_of
from support.records import made_insight, made_measurement, runs_of

from harness.compare.material import Material
from harness.records.claims import Claim, Declared
from harness.report.cards.page import cards
from harness.report.insight import seen

ORDER = ["lstm-s", "gru"]
HIGH, LOW = [0.90, 0.91, 0.92, 0.93, 0.94], [0.72, 0.73, 0.74, 0.75, 0.76]


def material(*more, measurements=(), declared=()):
    runs = [*runs_of({"gru": HIGH, "lstm-s": LOW}), *runs_of({"gru": LOW, "lstm-s": HIGH}, task_name="sti"), *more]
    runs = [replace(run, claims={one.id: one.digest for one in declared}) for run in runs]
    return Material(runs, measurements, ORDER, Declared(declared))


def test_it_says_where_the_model_wins_and_how_far_it_lies_behind():
    card = cards(material(), None)["model-gru.md"]
    said = "GRU comes 66% of the way on average, farthest of all on sfc"
    said += "; most behind on sti, 36 % of the way behind LSTM-S."
    assert card.text.startswith("# GRU\n\n`gru`: one layer of GRU. Cho et al.: ")
    assert f"{said}\n\n![{said}](model-gru.svg)" in card.text
    table = rows_of(card.text)
    assert [table[task][:3] for task in ("sfc", "sti")] == [
        ["1 of 2", "accuracy 92.0 ± 2.0", "5"],
        ["2 of 2", "accuracy 74.0 ± 2.0", "5"],
    ]
    picture = card.pictures["model-gru.svg"]
    assert [row[0] for row in rows(picture, "means")] == ["sfc", "sti"]  # the farthest first
    assert [tuple(row.values())[3:] for row in picture.spec["datasets"]["means"]] == [(84, 80, 88), (48, 44, 52)]
    assert {(row["row"], row["of"], row["x"]) for row in picture.spec["datasets"]["runs"]} == {
        ("sfc", "LSTM-S", 48),
        ("sti", "LSTM-S", 84),
    }


def test_cost_and_gradient_are_those_of_the_model():
    seen = runs_of({"gru": [0.9]}, task_name="copy-120", insight=made_insight())
    measured = [made_measurement("gru", ratio=1.5), made_measurement("lstm-s", ratio=1.0)]
    table = rows_of(cards(material(*seen, measurements=measured), None)["model-gru.md"].text)
    assert table["sfc"][5] == "1.50"
    assert table["sti"][5] == "–"
    assert table["copy-120"][7] != "–"
    assert table["sfc"][7] == "–"


def test_what_its_scales_did_is_told_where_it_tells_it():
    runs = runs_of({"aslstm": [0.9], "gru": [0.8]}, insight=made_insight())
    told = seen.read(runs[0]).scales
    found = cards(Material(runs, [], ORDER), None)["model-aslstm.md"].text
    shares = ", ".join(f"{label} {value:.3g}" for label, value in zip(told.labels, told.overall, strict=True))
    assert f"({told.meaning}); [over time](scales.md).\n\n- `sfc`: {shares}\n" in found
    assert "What its scales do" not in cards(material(), None)["model-gru.md"].text


def test_contrasts_that_were_declared_are_told_from_its_side():
    words = {"kind": "better", "protocol": "smoke", "seeds": 5, "test": "metric", "says": "A."}
    asked = (
        Claim(id="one", a=("gru",), b=("lstm-s",), tasks=("sfc",), **words),
        Claim(id="two", a=("gru",), b=("lstm-s",), tasks=("sti",), **words),
        Claim(id="three", a=("gru",), b=("lstm-m",), tasks=("sti",), **words),  # has not run
        Claim(id="four", a=("gru",), b=("lstm-s",), tasks=("sti",), measure="peak", **words),  # not planned
    )
    found = cards(material(declared=asked), None)
    assert "declared beforehand](claims.md), won: lstm-s on sfc; lost: lstm-s on sti." in found["model-gru.md"].text
    assert "declared beforehand](claims.md), won: gru on sti; lost: gru on sfc." in found["model-lstm-s.md"].text


def test_a_model_of_ours_explains_itself_and_a_stranger_s_is_not_asked():
    found = cards(material(*runs_of({"mine.py:Net": [0.8]})), None)
    assert "    h_t = z h_{t-1} + (1 - z) g\n" in found["model-gru.md"].text  # its equations, as they stand there
    (name,) = [name for name in found if "mine.py" in name]
    assert "In its own words" not in found[name].text
    assert "`mine.py:Net`. 3,004 parameters; 1 run on 1 task." in found[name].text
