"""How numbers, times and metrics are written, on every page and in the terminal."""

from __future__ import annotations

import math


def clock(seconds: float | None) -> str:
    """'0:42', '1:02:03', or '?'."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


METRICS = {
    "accuracy": "Accuracy, %",
    "mse": "MSE",
    "cross_entropy": "Cross-entropy, nats",
    "perplexity": "Perplexity",
}


FORMS = {"accuracy": ".1f", "perplexity": ".1f"}  # of the others four figures


def missing(value: object) -> bool:
    """Is this number unknown?"""
    return value is None or (isinstance(value, float) and math.isnan(value))


def number(value: object, form: str) -> str:
    """The number in a format such as '{:.1f}', or a dash."""
    return "–" if missing(value) else form.format(value)


def count(value: object) -> str:
    """A whole number such as 1,200, or a dash."""
    return "–" if missing(value) else f"{int(value):,}"  # type: ignore[call-overload]


def rounded(value: float, form: str) -> str:
    """The value in this format, however it was computed: 17.15 is not 17.1 here and 17.2 there."""
    return f"{round(value, 9):{form}}"


def time_on(time: float, clock: str) -> str:
    """A time in steps, samples or seconds: '1,234', or '1.23' for few seconds."""
    return f"{time:.3g}" if clock == "seconds" and time < 100 else f"{time:,.0f}"


def restricted(mean: float, arrived: int, runs: int, clock: str = "step") -> str:
    """A restricted mean time: '1,200'; '≥ 1,500' where some runs did not arrive, '> 1,600' where none did."""
    sign = "" if arrived == runs else "≥ " if arrived else "> "
    return sign + time_on(mean, clock)
