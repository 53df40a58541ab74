"""Pages in memory become files: Markdown with its pictures, one HTML file, CSV, LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from . import markdown
from .errors import BenchError
from .sheet import Sheet

FORMATS = ("md", "html", "csv", "tex")
BY_PAGE = ("md", "csv", "tex")  # those that are files beside a page
HTML = "report.html"
TABLES: dict[str, Callable[[markdown.Table], str]] = {"csv": markdown.as_csv, "tex": markdown.as_latex}


def chosen(words: str) -> tuple[str, ...]:
    """'md,html' as formats, in the order of FORMATS. Raises BenchError on any other word."""
    asked = [word.strip() for word in words.split(",") if word.strip()]
    if strange := [word for word in asked if word not in FORMATS]:
        raise BenchError(f"there is no format '{strange[0]}' of a report; there are {', '.join(FORMATS)}")
    if not asked:
        raise BenchError(f"no format of the report is named; there are {', '.join(FORMATS)}")
    return tuple(word for word in FORMATS if word in asked)


def files(sheets: Mapping[str, Sheet], formats: Collection[str]) -> dict[str, str | bytes]:
    """File name -> content, of the formats that are files beside a page."""
    found: dict[str, str | bytes] = {}
    for name, sheet in sheets.items():
        if "md" in formats:
            found |= {name: sheet.text, **sheet.pictures}
        for kind, written in TABLES.items():
            if kind in formats:
                own = {file: text for file, text in sheet.files.items() if file.endswith(f".{kind}")}
                found |= own or {
                    f"{name.removesuffix('.md')}{f'-{place}' * (place > 1)}.{kind}": written(table)
                    for place, table in enumerate(markdown.tables(markdown.parse(sheet.text)), 1)
                }
    return found


def write(sheets: Mapping[str, Sheet], folder: Path, formats: Collection[str] = BY_PAGE) -> list[Path]:
    """Write the pages to a folder in these formats; the paths of what was written. Nothing there is deleted."""
    contents = files(sheets, formats)
    if "html" in formats:
        from . import html

        contents[HTML] = html.document(sheets)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return [folder / name for name in contents]
