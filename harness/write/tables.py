"""Tables as text, for GitHub and for a terminal; markdown.py makes LaTeX of the former."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .words import literal

if TYPE_CHECKING:
    import pandas as pd

LEFT = (
    "Task",
    "Model",
    "Planted",
    "Title",
    "Target",
    "Note",
    "Metric",
    "Protocol",
    "Verdict",
    "Scale",
    "Class",
    "Claim",
    "Effect, 95 %",
)  # columns of words


BOLD = "\ue000"  # on both sides of what is to be bold, until a form of table is chosen


def markdown(table: pd.DataFrame) -> str:
    """A GitHub table; columns after the first are aligned right. What stands in a cell is no markup."""
    return _drawn(table.map(lambda cell: literal(str(cell))).rename(columns=literal), "pipe", "**")


def plain(table: pd.DataFrame) -> str:
    return _drawn(table, "simple", "")


def _drawn(table: pd.DataFrame, form: str, mark: str) -> str:
    """mark: what this form writes on both sides of bold text."""
    from tabulate import tabulate

    columns = {_line(name): [_line(cell).replace(BOLD, mark) for cell in table[name]] for name in table.columns}
    return str(tabulate(columns, headers="keys", tablefmt=form, disable_numparse=True, colalign=_align(table)))


def _line(cell: object) -> str:
    return " ".join(str(cell).splitlines())


def bold(text: str, wanted: object) -> str:
    """The text as `markdown` draws it bold, if wanted."""
    return f"{BOLD}{text}{BOLD}" if wanted else text


def _align(table: pd.DataFrame) -> tuple[str, ...]:
    return tuple("left" if name in LEFT else "right" for name in table.columns)
