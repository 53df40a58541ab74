"""How numbers, times and metrics are written, on every page and in the terminal."""

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
    return METRICS.get(metric, metric)


def factor(metric: str) -> float:
    """What makes a recorded metric one in the unit in which it is shown: an accuracy is shown in %."""
    return 100.0 if metric == "accuracy" else 1.0


def score(value: float, metric: str, half: float = math.nan, *, sign: str = "") -> str:
    """A recorded metric in its unit, with half of its interval where that is known. sign: "+" of a difference."""
    ends = (-math.inf if sign else 0.0, 100.0 if metric == "accuracy" and not sign else math.inf)
    ends = ends if metric in METRICS else (-math.inf, math.inf)
    return spread(factor(metric) * value, factor(metric) * half, sign + FORMS.get(metric, ".4g"), ends)


def spread(mean: float, half: float, form: str, ends: tuple[float, float] = (-math.inf, math.inf)) -> str:
    """'71.3 ± 4.0', or the mean alone where one seed leaves half of the interval unknown, NaN.

    ends: of the scale; an interval that would leave it stops there, '36.0 (0.0 to 100.0)'.
    """
    text = rounded(mean, form)
    if math.isnan(half):
        return text
    if ends[0] <= mean - half and mean + half <= ends[1]:
        return f"{text} ± {rounded(half, form.removeprefix('+'))}"
    return f"{text} ({rounded(max(ends[0], mean - half), form)} to {rounded(min(ends[1], mean + half), form)})"


def rounded(value: float, form: str) -> str:
    """The value in this format, however it was computed: 17.15 is not 17.1 here and 17.2 there."""
    return f"{round(value, 9):{form}}"


def share(mean: float, low: float, high: float) -> str:
    """'0.53 (0.43 to 0.62)', of a number from 0 to 1; alone where an interval has no width or is unknown."""
    text = f"{mean:.2f}"
    return text if math.isnan(low) or low == high else f"{text} ({max(0.0, low):.2f} to {min(1.0, high):.2f})"


def missing(value: object) -> bool:
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
