"""How numbers, times and metrics are written."""

import math

import numpy as np
import pytest

from harness.write import words


def test_numbers_have_three_figures_and_no_exponent():
    assert [words.fixed(value) for value in (None, 0, 0.01234, 0.9996, 12.34, 123.4, 1234567)] == [
        *("–", "0", "0.0123", "1.00", "12.3", "123", "1,234,567")
    ]


@pytest.mark.parametrize("unknown", [None, math.nan, np.float64("nan")])
def test_what_is_unknown_is_a_dash(unknown):
    assert words.number(unknown, ".1f") == words.count(unknown) == "–"


def test_a_small_number_keeps_its_figures_and_a_whole_one_its_commas():
    assert words.number(1.23e-12, ".3g") == "1.23e-12"
    assert (words.number(0, ".1f"), words.number(0.5, ".0%")) == ("0.0", "50%")
    assert (words.count(41810), words.count(1200.0)) == ("41,810", "1,200")


@pytest.mark.parametrize(
    ("metric", "text", "difference"),
    [
        ("accuracy", "71.3 ± 4.0", "+71.3 ± 4.0"),
        ("perplexity", "0.7 ± 0.0", "+0.7 ± 0.0"),
        ("mse", "0.7126 ± 0.04", "+0.7126 ± 0.04"),
        ("anything", "0.7126 ± 0.04", "+0.7126 ± 0.04"),
    ],
)
def test_a_metric_is_shown_in_its_unit(metric, text, difference):
    assert words.score(0.7126, metric, 0.04) == text
    assert words.score(0.7126, metric, 0.04, sign="+") == difference
    assert words.score(0.7126, metric) == text.partition(" ")[0]  # one seed has no interval


def test_a_metric_without_a_name_of_its_own_is_its_own_heading():
    assert [words.heading(metric) for metric in ("accuracy", "anything")] == ["Accuracy, %", "anything"]


def test_a_value_reads_alike_however_it_was_computed():
    low, high = 17.15 - 2e-15, 17.15 + 2e-15
    assert low != high
    assert words.rounded(low, ".1f") == words.rounded(17.15, ".1f") == words.rounded(high, ".1f")


def test_bytes_become_mebibytes():
    assert words.mib(3 * 2**19) == 1.5
    assert words.mib(None) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "?"),
        (0, "0:00"),
        (0.4, "0:00"),
        (9, "0:09"),
        (59.6, "1:00"),
        (61, "1:01"),
        (3599, "59:59"),
        (3599.9, "1:00:00"),
        (3723, "1:02:03"),
        (100 * 3600, "100:00:00"),
    ],
)
def test_a_clock_shows_hours_only_where_there_are_some(seconds, text):
    assert words.clock(seconds) == text


def test_few_seconds_have_fractions():
    assert words.time_on(0.1235, "seconds") == "0.123"
    assert words.time_on(1234.5, "seconds") == "1,234"
    assert words.time_on(12.35, "step") == "12"


@pytest.mark.parametrize(("arrived", "text"), [(3, "1,200"), (2, "≥ 1,200"), (0, "> 1,200")])
def test_a_restricted_mean_says_whether_all_arrived(arrived, text):
    assert words.restricted(1200.0, arrived, 3) == text
