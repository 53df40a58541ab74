"""Panels side by side: where values lie, against matplotlib's own axes, and which ticks are chosen."""

import math

import numpy as np
import pytest
from matplotlib.figure import Figure

from harness.draw.panels import Scale, around, legend, panels


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("turned", [False, True])
def test_values_lie_where_matplotlib_puts_them(log, turned):
    values = np.array([0.02, 0.5, 3.0, 40.0, 90.0])
    axes = Figure().add_axes((0, 0, 1, 1))
    axes.set_xscale("log" if log else "linear")
    axes.set_xlim(*((100.0, 0.01) if turned else (0.01, 100.0)))
    points = np.stack([values, np.zeros(5)], axis=1)
    expected = axes.transAxes.inverted().transform(axes.transData.transform(points))[:, 0]
    assert Scale(0.01, 100.0, log, turned).place(values) == pytest.approx(expected)


def test_a_place_in_inches():
    _, (first, second) = panels(2, columns=1, size=(2.0, 1.0), legend=0.0)
    second.x, second.y = Scale(0, 10), Scale(0, 1)
    x, y = second.at([0, 5], [0, 1])
    assert list(x) == [second.left, second.left + 1]
    assert list(y) == [second.bottom, second.bottom + 1]
    assert first.bottom > second.bottom + 1


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (Scale(0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (Scale(-5, 105), [0, 50, 100]),
        (Scale(73, 98), [75, 80, 85, 90, 95]),
        (Scale(0.9, 1.3, log=True), [0.9, 1, 1.1, 1.2, 1.3]),
        (Scale(8, 2000, log=True), [10, 30, 100, 300, 1000]),
        (Scale(0.5, 30, log=True), [0.5, 1, 2, 5, 10, 20]),
    ],
)
def test_ticks_are_round_numbers(scale, expected):
    assert scale.ticks() == pytest.approx(expected)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("ends", [(1e-9, 1e9), (0.1, 0.11), (3, 3.0001), (7, 7e4), (0.02, 5), (1, 1e30)])
def test_there_are_some_ticks_and_not_too_many_whatever_the_axis(ends, log):
    scale = Scale(*ends, log)
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= 7
    assert all(-1e-6 <= share <= 1 + 1e-6 for share in scale.place(ticks))


def test_a_scale_goes_around_all_finite_values():
    scale = around([3.0, math.nan, 5.0, math.inf])
    assert scale.low < 3 < 5 < scale.high
    scale = around([0.0, 1e-3, 10.0], log=True)
    assert 0 < scale.low < 1e-3 < 10 < scale.high
    for empty in ([], [math.nan]):
        assert around(empty).low < around(empty).high
        assert 0 < around(empty, log=True).low < around(empty, log=True).high
    for alone in (0.0, 5.0, -2.0):
        scale = around([alone])
        assert scale.low < alone < scale.high


def test_the_key_names_each_label_once():
    figure, every = panels(2)
    for panel in every:
        panel.line([0, 1], [0, 1], label="first", color="C0")
        panel.line([0], [1], label="second", linestyle="", marker="o")
        panel.line([0, 1], [1, 1], color="black")
        panel.frame("title", "below", "left")
    legend(figure)
    text = figure.svg().decode()
    assert text.count(">first<") == text.count(">second<") == 1
    assert text.count(">title<") == 2
