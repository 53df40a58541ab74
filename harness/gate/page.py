"""What a gate found, as a page for people: the verdict, a row for each model, and what the words mean."""

import pandas as pd

from ..stats.verdicts import BETTER, BROKEN, CANNOT_TELL, NOT_JUDGED, SAME, WORSE
from ..write import tables
from ..write.words import DASH
from . import trained
from .gate import Found, Row
from .judge import METRICS, Numbers, Times

SENTENCES = {
    SAME: "Head is as good as base.",
    BETTER: "Head is better than base, and nowhere worse.",
    WORSE: "Head is worse than base.",
    CANNOT_TELL: "Whether head is worse than base cannot be told.",
    NOT_JUDGED: "There is nothing to compare.",
    BROKEN: "A commit is broken.",
}


def page(found: Found, command: str, machine: str, form: str = "plain") -> str:
    """The whole page; form: plain or md."""
    mark = "**" if form == "md" else ""
    parts = [
        f"{mark}{SENTENCES[found.verdict]}{mark} {_why(found)}".rstrip(),
        f"Base is {found.base.removeprefix('base ')[1:-1]}, head is {found.head.removeprefix('head ')[1:-1]}.",
    ]
    if found.rows:
        parts.append((tables.markdown if form == "md" else tables.plain)(table(found)))
    parts += found.notes
    if any(row.numbers or row.times for row in found.rows):
        parts.append(_legend(found))
    quoted = f"`{command}`" if form == "md" else command
    return "\n\n".join([*parts, f"{quoted}: {machine}."]) + "\n"


def table(found: Found) -> pd.DataFrame:
    return pd.DataFrame([_shown(row) for row in found.rows])


def _shown(row: Row) -> dict[str, str]:
    by_key = {each.metric.key: each for each in row.numbers}
    return {
        "Model": row.model,
        **{metric.title: _number(by_key[metric.key]) if metric.key in by_key else DASH for metric in METRICS},
        "Step time": DASH if row.times is None else _time(row.times),
        "Verdict": row.verdict + (f" ({row.note})" if row.note else ""),
    }


def _number(found: Numbers) -> str:
    base, head = ("none" if value is None else found.metric.form(value) for value in (found.base, found.head))
    if not found.changed:
        return base
    said = "within tolerance" if found.verdict == SAME else found.verdict
    if found.base and found.head is not None:
        change = 100 * (found.head - found.base) / (abs(found.base) if found.metric.relative else 1.0)
        said = f"{change:+.2g}{' %' if found.metric.relative else ''}, {said}"
    return f"{base} → {head} ({said})"


def _time(found: Times) -> str:
    low, mean, high = (_percent(x) for x in (found.ratio.low, found.ratio.mean, found.ratio.high))
    said = "" if found.verdict == SAME else f", {found.verdict}"
    return f"{mean} ({low} to {high}){said}; control {_percent(found.control.mean)}"


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f} %"


def _why(found: Found) -> str:
    """The models and metrics that the verdict comes from."""
    if found.problems:
        return "; ".join(found.problems) + "."
    if found.verdict == BROKEN:
        return "; ".join(row.problem for row in found.rows if row.problem) + "."
    if found.verdict not in (WORSE, CANNOT_TELL, BETTER):
        return ""
    words = []
    for row in found.rows:
        titles = [each.metric.title.lower() for each in row.numbers if each.verdict == found.verdict]
        if row.times is not None and row.times.verdict == found.verdict:
            titles.append(f"step time {_percent(row.times.ratio.mean)}")
        if titles:
            words.append(f"{row.model} ({', '.join(titles).replace('flops', 'FLOPs')})")
    return f"{found.verdict.capitalize()}: {', '.join(words)}."


def _legend(found: Found) -> str:
    rounds = [row.times.rounds for row in found.rows if row.times is not None]
    margin = 100 * found.wanted.margin
    count = " to ".join(sorted({str(end) for end in (min(rounds), max(rounds))}, key=int)) if rounds else "no"
    return (
        "Numbers are lower the better, and equal where one is shown; tolerances: "
        f"{'; '.join(metric.allowed for metric in METRICS)}. Loss, steps and error: mean of {trained.SEEDS} fixed "
        f"seeds of a training of {trained.STEPS} steps; loss of the last half of these, steps to a validation accuracy "
        f"of {trained.TARGET:g} restricted to these; beyond the tolerance a difference is worse where its 99 % "
        "interval over seeds leaves 0 out. Step time: head over base, timed step by step in turn, 99 % interval of "
        f"{count} rounds; worse beyond {margin:g} % and beyond the control, base timed against itself. Each step "
        "follows one of another process and finds no data in the cache, so a slowdown of arithmetic shows smaller than "
        "in training."
    )
