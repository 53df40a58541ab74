"""Charts: looks of models, static SVG, what is kept, and that nothing is drawn by hand."""

import json
import os
import re
import subprocess
import sys

import jsonschema
import numpy as np
import pandas as pd
import pytest
from support import ROOT
from support.charts import domain, drawn, scales

from harness.draw import look, picture
from harness.draw.chart import Axis, Panel, lines
from harness.draw.curves import ends, table
from harness.draw.dots import dots
from harness.draw.pairs import matrix, scatter
from harness.draw.picture import Picture
from harness.draw.profiles import profiles
from harness.draw.ranks import diagram
from harness.draw.scales import CHARACTERS, classes, over_time, signals, words, wrapped
from harness.draw.tradeoffs import against

LINES = table(
    [
        pd.DataFrame({"panel": 0, "model": name, "kind": "line", "x": [1.0, 10.0], "y": [place + 1.0, 2.0]})
        for place, name in enumerate(("GRU", "LSTM"))
    ]
    + [
        pd.DataFrame({"panel": 1, "model": "GRU", "kind": "band", "x": [1.0, 2.0], "low": [0.0, 1.0], "high": 2.0}),
        pd.DataFrame({"panel": 1, "model": "GRU", "kind": "bar", "x": [1.0], "low": 0.0, "high": 2.0}),
        pd.DataFrame({"panel": 1, "model": "GRU", "kind": "mark", "x": [1.0], "y": [0.5]}),
        pd.DataFrame({"panel": 1, "model": "GRU", "kind": "tick", "x": [1.0], "y": [0.5]}),
    ]
)
PANELS = [Panel("a", Axis("x", log=True), Axis("y"), {"chance": 1.5}), Panel("b", Axis(), Axis(), note="nothing")]
SPANS = pd.DataFrame({"model": "AS", "scale": ["s0", "s1"], "start": [0.5, 3.5], "end": [3.5, 9.5]})
SIGNAL = pd.DataFrame({"model": "AS", "x": range(1, 10), "y": np.sin(range(9))})
MEANS = pd.DataFrame(
    {
        "model": ["AS"] * 4 + ["HM"] * 2,
        "scale": ["s0", "s0", "s1", "s1", "l", "l"],
        "x": [1.0, 9.0] * 3,
        "low": [0, 0, 0.4, 0.5, np.nan, np.nan],
        "high": [0.4, 0.5, 1, 1, 0.2, 0.3],
    }
)
RIDGES = pd.DataFrame({"model": "HM", "scale": "l", "x": [0.5, 9.5], "low": 0.0, "high": 0.6})
SCALES = {"AS": ("s0", "s1"), "HM": ("l",)}
COSTS = pd.DataFrame(
    {
        "panel": [0, 0, 1, 1],
        "model": ["GRU", "LSTM"] * 2,
        "cost": [1.0, 2.0, 3.0, np.nan],
        "score": [70.0, 60.0] * 2,
        "front": [True, False] * 2,
        "lost": [False, True] * 2,
    }
)
PAIRS = pd.DataFrame(
    {
        "model": ["GRU", "LSTM"],
        "other": ["LSTM", "GRU"],
        "difference": [10.0, -10.0],
        "record": ["1–0–0", "0–0–1"],
        "p": "0.5",
        "told": [False, False],
    }
)
PROFILES = pd.DataFrame(
    {"model": ["GRU"] * 2 + ["LSTM"] * 2, "x": [1.0, 4.0] * 2, "y": [0.5, 1, 0, 0.5], "low": 0.0, "high": 1.0}
)
MODELS = {"GRU": 2, "LSTM": 0}
RUNS = pd.DataFrame({"row": "task", "model": ["GRU", "GRU"], "of": ["seed 0", "seed 1"], "x": [70.0, 72.0]})
RESULTS = pd.DataFrame(
    {
        "row": ["task", "other"],
        "model": "GRU",
        "said": ["2 of 2", "0 of 2"],
        "x": [71.0, np.nan],
        "low": [69.0, np.nan],
        "high": [73.0, np.nan],
    }
)
KINDS = {
    "lines": Picture(lines, LINES, MODELS, PANELS),
    "diagram": Picture(diagram, [1.2, 1.8], MODELS, [[0, 1]], 0.7),
    "no bar": Picture(diagram, [1.2, 1.8], MODELS, [], 9.0),
    "dots": Picture(dots, RUNS, RESULTS, MODELS, Axis("accuracy, %"), {"chance": 50.0}),
    "matrix": Picture(matrix, PAIRS, ["GRU", "LSTM"]),
    "scatter": Picture(scatter, {"sfc": {"GRU": 70.0, "LSTM": 60.0}}, ["GRU", "LSTM"]),
    "profiles": Picture(profiles, PROFILES, MODELS),
    "against": Picture(against, COSTS, MODELS, ("time", "memory"), Axis("score", turned=True)),
    "over time": Picture(over_time, MEANS, SPANS, RIDGES, SIGNAL, SCALES, "mean"),
    "signals": Picture(signals, SPANS, SIGNAL, {"AS": ("s0", "s1")}),
    "classes": Picture(classes, SPANS.assign(**{"class": ["p", "q"], "share": 50.0}), {"AS": ("s0", "s1")}),
    "words": Picture(words, SPANS.assign(word=["the", "<eos>"], number=[0, 1]), {"AS": ("s0", "s1")}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_valid_and_can_be_drawn(kind):
    spec = KINDS[kind].spec
    schema = json.loads(schema_of_vega_lite())
    jsonschema.Draft7Validator(schema).validate({"$schema": "https://vega.github.io/schema/vega-lite/v6.json", **spec})
    svg = picture.static(spec)
    assert svg.startswith("<svg ")
    assert not re.search(r"\b(nan|NaN|inf|undefined|null)\b", svg)


def schema_of_vega_lite() -> str:
    from importlib import resources

    return resources.files("altair.vegalite.v6.schema").joinpath("vega-lite-schema.json").read_text(encoding="utf-8")


def test_two_processes_draw_the_same_bytes():
    code = "from support.charts import drawn; from harness.draw import picture; print(picture.static(drawn().spec))"
    there = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert there[0] == there[1] == picture.static(drawn().spec) + "\n"


def environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}


def test_nothing_is_drawn_by_hand():
    for path in (ROOT / "harness").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<svg|<path d|<polyline|matplotlib", text), path


def test_what_is_kept_is_drawn_once_and_again_where_it_is_broken(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = drawn().svg
    kept = list((tmp_path / "multiscale-rnn-bench" / "charts").iterdir())
    assert sorted(path.suffix for path in kept) == [".json", ".svg"]
    with monkeypatch.context() as patch:
        patch.setattr(picture, "static", lambda spec: pytest.fail("drawn again"))
        assert drawn().svg == first
    for path in kept:
        path.write_text(path.read_text().replace("one", "two"))
    assert drawn().svg == first


def test_what_nobody_asked_for_in_a_quarter_of_a_year_is_kept_no_more(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    picture._pruned.cache_clear()
    _ = drawn().svg
    (folder,) = {path.parent for path in tmp_path.rglob("*.svg")}
    old, used = folder / "old.svg", folder / "used.svg"
    for path in (old, used):
        path.write_text("x")
    os.utime(old, (0, 0))
    picture._pruned.cache_clear()
    _ = Picture(lines, LINES, MODELS, PANELS[:1]).svg
    assert not old.exists()
    assert used.exists()


def test_a_chart_of_other_data_is_another():
    one, two = (Picture(lines, LINES, MODELS, PANELS[:number]) for number in (1, 2))
    assert one == Picture(lines, LINES.copy(), dict(MODELS), PANELS[:1])
    assert one != two
    assert one != Picture(lines, LINES.assign(x=LINES["x"] + 1e-9), MODELS, PANELS[:1])


def test_the_drawer_is_named_in_what_it_draws():
    assert picture.maker(picture.static(drawn().spec)) == picture.made_by()
    assert re.fullmatch(r"altair \S+, vl-convert-python \S+", picture.made_by())
    assert picture.maker("<x/>") == ""


def test_every_model_has_a_colour_of_its_own_and_looks_differ_beyond():
    from harness import catalog

    ours = len(catalog.GROUPS["papers"] | catalog.GROUPS["variants"])
    assert len({look.look(place).colour for place in range(ours)}) == ours
    count = len(catalog.model_names())
    assert len({look.look(place) for place in range(count)}) == count
    assert len({look.look(place)[:2] for place in range(64)}) == 64


@pytest.mark.parametrize("kind", ["normal", "deuteranopia", "protanopia", "grey"])
def test_models_of_one_dash_can_be_told_apart_by_colour_blind_readers_and_in_grey(kind):
    for dash in range(len(look.DASHES)):
        seen = [as_seen(light, kind) for light, _ in look.COLOURS[dash :: len(look.DASHES)]]
        apart = [np.linalg.norm(a - b) for place, a in enumerate(seen) for b in seen[:place]]
        assert min(apart) > (0.045 if kind == "grey" else 0.12), (dash, kind)


MACHADO = {
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "grey": [[0.2126, 0.7152, 0.0722]] * 3,
    "normal": np.eye(3),
}


def as_seen(colour: str, kind: str):
    """In OKLab (Ottosson, 2020), in which a distance is about what a reader sees."""
    values = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(MACHADO[kind]) @ linear, 0, 1)
    cones = np.cbrt(np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.63]]) @ linear)
    return np.array([[0.2105, 0.7936, -0.0041], [1.978, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]) @ cones


def test_the_key_has_the_models_in_order_with_their_looks():
    spec = KINDS["lines"].spec
    assert domain(spec) == ["GRU", "LSTM"]
    ranges = {channel: scale["range"] for channel, scale in scales(spec) if "range" in scale}
    assert ranges["color"] == [look.look(2).colour, look.look(0).colour]
    assert ranges["strokeDash"] == [list(look.look(2).dash), list(look.look(0).dash)]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(21, 170, [30, 50, 70, 100, 150]), (1e-16, 0.1, 6), (1, 4, [1, 1.5, 2, 3]), (5, 5, [5])],
)
def test_a_logarithmic_axis_has_few_round_ticks(low, high, ticks):
    found = Axis(log=True).ticked(pd.Series([low, high, np.nan, -1.0])).ticks
    if isinstance(ticks, int):
        assert len(found) == ticks
        assert all(low <= tick <= high and np.isclose(np.log10(tick) % 1, [0, 1]).any() for tick in found)
    else:
        assert found == pytest.approx(ticks)
    assert Axis().ticked(pd.Series([low, high])).ticks is None


def test_ends_are_said_with_their_names():
    assert ends({"A": 3.0, "B": 1.25, "C": np.nan}, "ms") == "from 1.25 ms (B) to 3 ms (A)"
    assert ends({"A": 3.0}) == "3 (A)"
    assert ends({"A": np.nan}) == "nothing is known"


def test_words_are_broken_into_lines():
    places = wrapped(["word"] * 40)
    assert [line for line, _ in places] == sorted(line for line, _ in places)
    assert all(at + 4 <= CHARACTERS for _, at in places)
    assert wrapped(["x" * 200, "y"]) == [(0, 1), (1, 1)]


def test_without_the_packages_a_sentence_says_what_to_install(monkeypatch):
    assert picture.missing() == ""
    monkeypatch.setattr(picture, "PACKAGES", dict.fromkeys(picture.PACKAGES, "not_here"))
    assert "`pip install altair vl-convert-python`" in picture.missing()
