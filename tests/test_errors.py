"""Sentences of what goes wrong."""

import pytest

from harness.errors import BenchError, said, sentence


class Mute(Exception):
    def __str__(self):
        raise SystemExit(3)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("one\n  two"), "ValueError: one two"),
        (ValueError("half \udcff"), "ValueError: half \ufffd"),
        (ValueError("x" * 9999), f"ValueError: {'x' * 500}"),
        (BenchError("do that"), "do that"),
        (type("Two\nlines", (Exception,), {})(), "Two lines:"),
        (Mute(), "Mute: it cannot say what is wrong"),
    ],
)
def test_an_exception_is_one_line_that_can_be_printed(error, words):
    assert sentence(error).rstrip() == words


def test_the_place_is_where_it_was_raised():
    with pytest.raises(Mute) as found:
        raise Mute
    assert sentence(found.value).startswith("Mute: it cannot say what is wrong (test_errors.py:")
    assert said(found.value) == "it cannot say what is wrong"
