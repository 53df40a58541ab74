"""Curves as text."""

from harness.draw.terminal import chart, marks


def test_a_line_goes_from_its_first_point_to_its_last():
    assert chart({"a": [(0, 0.0), (4, 1.0)]}, columns=5, rows=5) == [
        "1 |    A",
        "  |   A",
        "  |  A",
        "  | A",
        "0 |A",
        "  +-----",
        "   0step 4",
    ]


def test_a_curve_of_one_point_and_one_that_is_level_are_seen():
    lines = chart({"a": [(10, 0.5)], "b": [(5, 0.5), (10, 0.5)]}, columns=11, rows=4)
    assert lines[0] == "0.5 |     BBBBBB"
    assert lines[-1].endswith("step 10")


def test_each_curve_has_a_letter_and_the_63rd_begins_anew():
    found = marks([str(n) for n in range(63)])
    assert (found["0"], found["26"], found["61"], found["62"]) == ("A", "a", "9", "A")
