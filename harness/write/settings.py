"""What runs trained with, in words."""

from collections.abc import Sequence

from ..records.kinds import RunRecord
from .words import DASH


def said_of(runs: Sequence[RunRecord], setting: str) -> str:
    """A setting of a protocol in these runs: '0.012', '0.0024 to 0.069' where they differ, '' where none says it."""
    values = {run.settings[setting] for run in runs if run.settings.get(setting) is not None}
    if all(isinstance(value, int | float) for value in values):
        ends = sorted(values)
        return " to ".join(map(str, dict.fromkeys([*ends[:1], *ends[-1:]])))
    return " or ".join(sorted(map(str, values)))


def trained_at(run: RunRecord) -> str:
    """'0.0031, head=normal': its learning rate, and the options that its point of tuning has besides."""
    rate = None if run.is_fitted else run.point.get("learning_rate") or run.settings.get("learning_rate")
    options = run.point.get("options") or {}
    said = [f"{rate:.3g}" if isinstance(rate, float) else str(rate)] if rate is not None else []
    return ", ".join([*said, *(f"{key}={value}" for key, value in options.items())]) or DASH


def tuned(run: RunRecord) -> bool:
    """Is its protocol of a track of tuning?"""
    return bool(run.settings.get("track", "source") != "source")


def point_in_words(run: RunRecord) -> str:
    """The same, and whether it starts as its source says, as chosen or since nobody tuned it."""
    if not tuned(run) or (number := run.point.get("number")):
        return trained_at(run)
    why = "not tuned" if number is None else "its source's start"
    return f"{trained_at(run)} ({why})"
