"""Tables as text: for GitHub, a terminal and LaTeX."""

from __future__ import annotations

import pandas as pd
from tabulate import tabulate

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
)  # columns of words


BOLD = "\ue000", "\ue001"  # around what is to be bold, until a form of table is chosen


def markdown(table: pd.DataFrame) -> str:
    """A GitHub table; columns after the first are aligned right."""
    return _drawn(table.map(lambda cell: str(cell).replace("|", "\\|")), "pipe", "**", "**")


def plain(table: pd.DataFrame) -> str:
    """A table for a terminal."""
    return _drawn(table, "simple")


def latex(table: pd.DataFrame) -> str:
    """A booktabs tabular."""
    return _drawn(table, "latex_booktabs", r"\textbf{", "}")


def _drawn(table: pd.DataFrame, form: str, begin: str = "", end: str = "") -> str:
    """begin, end: what this form writes around bold text; tabulate escapes the text, and must not escape these."""
    columns = {str(name): list(table[name]) for name in table.columns}
    if form != "latex_booktabs":
        columns = {name: [_marked(str(cell), begin, end) for cell in cells] for name, cells in columns.items()}
    text = str(tabulate(columns, headers="keys", tablefmt=form, disable_numparse=True, colalign=_align(table)))
    return _marked(text, begin, end)


def _marked(text: str, begin: str, end: str) -> str:
    return text.replace(BOLD[0], begin).replace(BOLD[1], end)


def bold(text: str, wanted: object) -> str:
    """The text as `markdown` and `latex` draw it bold, if wanted."""
    return f"{BOLD[0]}{text}{BOLD[1]}" if wanted else text


def _align(table: pd.DataFrame) -> tuple[str, ...]:
    return tuple("left" if name in LEFT else "right" for name in table.columns)
