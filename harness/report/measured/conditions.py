"""What may have disturbed a measurement: other work on the machine, clocks, heat and the power that a board may draw.

What was recorded of it, in words.
"""

from collections.abc import Mapping, Sequence
from typing import Any


def words(measured: Sequence[Mapping[str, Mapping[str, Any]]]) -> str:
    """The conditions of measurements, each {"before": ..., "after": ...}, in a sentence; empty where none has any."""
    each = [one[time] for one in measured for time in ("before", "after") if one.get(time)]
    if not each:
        return ""
    parts = [_range(each, "load", "load average {}", "{:.1f}"), _all(each, "governor", "frequency governor {}")]
    most = _range(each, "sm_mhz_max", " of at most {}", "{:,.0f}")
    parts += [_all(each, "driver", "driver {}"), _range(each, "sm_mhz", f"SM clock {{}}{most} MHz", "{:,.0f}")]
    parts += [_range(each, "celsius", "{} °C", "{:.0f}")]
    parts += [_range(each, "watts_limit", "power limit {} W", "{:.0f}"), _all(each, "persistence", "persistence {}")]
    if any(isinstance(one.get("slowed"), list) for one in each):
        parts += [f"slowed down by {_reasons(each) or 'nothing'}"]
        parts += [_range(each, "others", "other processes on the board: {}", "{:.0f}")]
    parts += [_all(each, "unknown", "of the board nothing is known: {}")]
    return f"Conditions: {'; '.join(filter(None, parts))}."


def slowed(one: Mapping[str, Mapping[str, Any]]) -> str:
    """Why a board was slower than it could be, before or after one measurement; empty where it was not."""
    return _reasons([one[time] for time in ("before", "after") if time in one])


def _reasons(each: Sequence[Mapping[str, Any]]) -> str:
    known = [one["slowed"] for one in each if isinstance(one.get("slowed"), list)]
    return ", ".join(sorted({str(why) for reasons in known for why in reasons}))


def _range(each: Sequence[Mapping[str, Any]], key: str, sentence: str, form: str) -> str:
    values = [one[key] for one in each if isinstance(one.get(key), int | float)]
    ends = dict.fromkeys(form.format(value) for value in (min(values), max(values))) if values else ()
    return sentence.format(" to ".join(ends)) if ends else ""


def _all(each: Sequence[Mapping[str, Any]], key: str, sentence: str) -> str:
    values = sorted({str(one[key]) for one in each if one.get(key)})
    return sentence.format(" and ".join(values)) if values else ""
