"""Markdown pages, read: one parser for every format, and the tables of a page as CSV and as LaTeX."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from . import words

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LATEX = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "→": r"$\rightarrow$",
    "−": "$-$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "\N{NO-BREAK SPACE}": "~",
}
MARKED = {"strong_open": r"\textbf{", "em_open": r"\emph{", "strong_close": "}", "em_close": "}"}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells as the parser left them, the heading first; `align`: left, right, center or nothing, by column."""

    rows: tuple[tuple[Token, ...], ...]
    align: tuple[str, ...]


@cache
def parser() -> MarkdownIt:
    """CommonMark with tables; HTML in the text is text."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")


@cache
def parse(text: str) -> tuple[Token, ...]:
    """The page as tokens, which nobody changes: every format reads the same ones."""
    return tuple(parser().parse(text))


def plain(inline: Token) -> str:
    """The words alone: no emphasis, no links."""
    return "".join(
        " " if token.type in ("softbreak", "hardbreak") else token.content for token in inline.children or []
    )


def first_lines(text: str, most: int = 8) -> list[str]:
    """What a page says first, in words alone: its headings, paragraphs and points as far as its first table."""
    lines: list[str] = []
    mark = ""
    for token in parse(text):
        if token.type == "table_open" or len(lines) == most:
            break
        if token.type == "list_item_open":
            mark = "- "
        elif token.type == "inline" and (said := plain(token)):
            lines.append(mark + said)
            mark = ""
    return lines


def column_align(cell: Token) -> str:
    """What the table's second line says of a cell's column."""
    return str(cell.attrGet("style") or "").removeprefix("text-align:")


def tables(tokens: Sequence[Token]) -> list[Table]:
    """Every table of a page, in order."""
    found: list[Table] = []
    rows: list[list[Token]] = []
    align: list[str] = []
    for place, token in enumerate(tokens):
        if token.type == "table_open":
            rows, align = [], []
        elif token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open"):
            rows[-1].append(tokens[place + 1])
            if token.type == "th_open":
                align.append(column_align(token))
        elif token.type == "table_close":
            found.append(Table(tuple(map(tuple, rows)), tuple(align)))
    return found


def as_csv(table: Table) -> str:
    """The table as shown, without emphasis."""
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\n").writerows([words.cell(plain(cell)) for cell in row] for row in table.rows)
    return sink.getvalue()


def as_latex(table: Table) -> str:
    """A booktabs tabular."""
    heading, *rows = (" & ".join(map(_latex, row)) + r" \\" for row in table.rows)
    columns = "".join({"right": "r", "center": "c"}.get(align, "l") for align in table.align)
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", heading, r"\midrule", *rows, r"\bottomrule"]
    return "\n".join([*lines, r"\end{tabular}"]) + "\n"


def latex_text(text: str) -> str:
    """Any text, safe in LaTeX."""
    return "".join(LATEX.get(letter) or _greek(letter) or letter for letter in text)


def _latex(cell: Token) -> str:
    parts = []
    for token in cell.children or []:
        if token.type in MARKED:
            parts.append(MARKED[token.type])
        elif token.type == "code_inline":
            parts.append(rf"\texttt{{{latex_text(token.content)}}}")
        else:
            parts.append(latex_text(token.content) or " " * token.type.endswith("break"))
    return "".join(parts)


def _greek(letter: str) -> str:
    """'$\\lambda$' of λ: LaTeX has the small letters by name, but does not read them without a package."""
    name = unicodedata.name(letter, "")
    if not name.startswith("GREEK SMALL LETTER ") or " WITH " in name:
        return ""
    short = name.rpartition(" ")[2].lower().replace("lamda", "lambda")
    return "o" if short == "omicron" else rf"$\{short}$"
