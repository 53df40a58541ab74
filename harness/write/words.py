"""How numbers, times and metrics are written, on every page and in the terminal."""

from __future__ import annotations

import math
import re

NUMERIC = re.compile(r"[-+][\d.,]+[\d.,\s%()/±≥≤–−+eE-]*")


def clock(seconds: float | None) -> str:
    """'0:42', '1:02:03', or '?'."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


DASH = "–"  # where nothing is known
METRICS = {
    "accuracy": "Accuracy, %",
    "mse": "MSE",
    "cross_entropy": "Cross-entropy, nats",
    "bits_per_character": "Bits per character",
    "perplexity": "Perplexity",
}
FORMS = {"accuracy": ".1f", "perplexity": ".1f"}  # of the others four figures


def heading(metric: str) -> str:
    """A metric and its unit."""
    return METRICS.get(metric, metric)


def factor(metric: str) -> float:
    """What makes a recorded metric one in the unit in which it is shown: an accuracy is shown in %."""
    return 100.0 if metric == "accuracy" else 1.0


def score(value: float, metric: str, half: float = math.nan, *, sign: str = "") -> str:
    """A recorded metric in its unit, with half of its interval where that is known. sign: "+" of a difference."""
    return spread(factor(metric) * value, factor(metric) * half, sign + FORMS.get(metric, ".4g"))


def spread(mean: float, half: float, form: str) -> str:
    """'71.3 ± 4.0', or the mean alone where one seed leaves half of the interval unknown, NaN."""
    text = rounded(mean, form)
    return text if math.isnan(half) else f"{text} ± {rounded(half, form.removeprefix('+'))}"


def rounded(value: float, form: str) -> str:
    """The value in this format, however it was computed: 17.15 is not 17.1 here and 17.2 there."""
    return f"{round(value, 9):{form}}"


def missing(value: object) -> bool:
    """Is this number unknown?"""
    return value is None or (isinstance(value, float) and math.isnan(value))


def number(value: object, form: str) -> str:
    """The number in a format such as '.1f', or a dash."""
    return DASH if missing(value) else f"{value:{form}}"


def count(value: object) -> str:
    """A whole number such as 1,200, or a dash."""
    return DASH if missing(value) else f"{int(value):,}"  # type: ignore[call-overload]


def fixed(value: float | None) -> str:
    """Three figures without an exponent, 1,234 and 12.3 and 0.0123, or a dash."""
    if value is None or value == 0:
        return DASH if value is None else "0"
    digits = max(0, 2 - int(f"{abs(value):.2e}".partition("e")[2]))
    return f"{value:,.{digits}f}"


def mib(size: float | None) -> float | None:
    """Bytes as MiB."""
    return None if size is None else size / 2**20


def time_on(time: float, clock: str) -> str:
    """A time in steps, samples or seconds: '1,234', or '1.23' for few seconds."""
    return f"{time:.3g}" if clock == "seconds" and time < 100 else f"{time:,.0f}"


def restricted(mean: float, arrived: int, runs: int, clock: str = "step") -> str:
    """A restricted mean time: '1,200'; '≥ 1,500' where some runs did not arrive, '> 1,600' where none did."""
    sign = "" if arrived == runs else "≥ " if arrived else "> "
    return sign + time_on(mean, clock)


def literal(text: str) -> str:
    """Somebody's words in a page: nothing in them is markup, and no bar ends a cell."""
    return re.sub(r"([\\`*<\[\]|])", r"\\\1", text)


def cell(text: str) -> str:
    """A cell of a CSV file, which no spreadsheet takes for a formula."""
    formula = text[:1] in ("=", "@", "\t", "\r") or (text[:1] in ("+", "-") and not NUMERIC.fullmatch(text))
    return f"'{text}" if formula else text
