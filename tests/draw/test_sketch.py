"""Pictures written as SVG directly: what is drawn lies where and looks as matplotlib would have it."""

import math
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib import colors

from harness.draw.sketch import Sketch, colour_of, rectangles


def drawn(sketch: Sketch) -> list[ET.Element]:
    """The elements after the white ground."""
    root = ET.fromstring(sketch.svg())
    ground, *rest = root
    assert ground.get("fill") == "#ffffff"
    return rest


def test_a_line_is_in_points_from_the_upper_left_and_breaks_at_what_is_no_number():
    sketch = Sketch(2, 1)
    sketch.line(np.array([0, 1, math.nan, 1.5, 2]), np.array([0, 0.5, 1, 1, 0.25]), color="C1", linewidth=2)
    (path,) = drawn(sketch)
    assert path.get("d") == "M0 72L72 36M108 0L144 54"
    assert (path.get("stroke"), path.get("stroke-width"), path.get("fill")) == ("#ff7f0e", "2", "none")


def test_steps_go_on_at_a_height_until_the_next():
    sketch = Sketch(2, 1)
    sketch.line(np.array([0.0, 1, 2]), np.array([0, 0.5, 1]), drawstyle="steps-post")
    (path,) = drawn(sketch)
    assert path.get("d") == "M0 72L72 72L72 36L144 36L144 0"


@pytest.mark.parametrize(("dashes", "expected"), [("-", None), ("--", "7.4 3.2"), (":", "2 3.3")])
def test_dashes_grow_with_the_width(dashes, expected):
    sketch = Sketch(1, 1)
    sketch.line(np.array([0.0, 1]), np.array([0.0, 1]), linestyle=dashes, linewidth=2)
    assert drawn(sketch)[0].get("stroke-dasharray") == expected


@pytest.mark.parametrize("mark", ["o", "s", "^", "v", "D", "|"])
def test_marks_stand_alone_at_their_places(mark):
    sketch = Sketch(1, 1)
    x, y = np.array([0.25, math.nan, 0.75]), np.full(3, 0.5)
    sketch.line(x, y, linestyle="", marker=mark, markersize=8, markerfacecolor="none", markeredgecolor="C0")
    found = drawn(sketch)
    assert len(found) == 2
    places = [
        (m.get("cx"), m.get("cy")) if mark == "o" else re.findall(r"[\d.]+", m.get("transform", "")) for m in found
    ]
    assert [tuple(map(float, place)) for place in places] == [(18, 36), (54, 36)]
    assert {(m.get("fill"), m.get("stroke")) for m in found} == {("none", "#1f77b4")}


def test_areas_are_closed_and_may_be_several():
    sketch = Sketch(1, 1)
    sketch.areas(rectangles([(0, 0.5), (0.75, 1)], 0, 1), facecolors="0.75", alpha=0.4)
    sketch.areas([], color="black")
    (path,) = drawn(sketch)
    assert path.get("d") == "M0 72L36 72L36 0L0 0ZM54 72L72 72L72 0L54 0Z"
    assert (path.get("fill"), path.get("opacity")) == ("#bfbfbf", "0.4")


def test_words_are_escaped_placed_and_turned():
    sketch = Sketch(2, 1)
    sketch.text(1, 0.5, "a < b & c", ha="center", va="center", fontsize=10)
    sketch.text(0.5, 0.5, "up", rotation=90, ha="right")
    sketch.text(0.5, 0.5, "")
    words, turned = drawn(sketch)
    assert (words.text, words.get("text-anchor"), words.get("x"), words.get("y")) == (
        "a < b & c",
        "middle",
        "72",
        "39.5",
    )
    assert turned.get("transform") == "translate(36 36) rotate(-90)"
    assert turned.get("text-anchor") == "end"


@pytest.mark.parametrize("colour", ["C0", "C7", "C13", "0.75", "0.55", "black", "grey", "#12ab34"])
def test_colours_are_matplotlibs(colour):
    assert colour_of(colour) == colors.to_hex(colour)


def test_no_colour_is_none():
    assert colour_of("none") == "none"


def test_the_first_line_of_a_label_names_it():
    sketch = Sketch(1, 1)
    for colour in ("C0", "C1"):
        sketch.line(np.array([0.0, 1]), np.array([0.0, 1]), label="same", color=colour)
    assert sketch.named["same"]["color"] == "C0"
