"""Pages in memory become files: Markdown with its pictures, one HTML file, CSV, LaTeX."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from ..draw import picture
from ..errors import BenchError
from . import markdown
from .sheet import Sheet

FORMATS = ("md", "html", "csv", "tex")
HTML = "report.html"
PICTURE = re.compile(r"^!\[(.*)\]\([^()]*\)$", re.MULTILINE)
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
            found |= {name: sheet.text, **{file: shown.svg for file, shown in sheet.pictures.items()}}
        for kind, written in TABLES.items():
            if kind in formats:
                own = {file: text for file, text in sheet.files.items() if file.endswith(f".{kind}")}
                found |= own or {
                    f"{name.removesuffix('.md')}{f'-{place}' * (place > 1)}.{kind}": written(table)
                    for place, table in enumerate(markdown.tables(markdown.parse(sheet.text)), 1)
                }
    return found


def contents(sheets: Mapping[str, Sheet], formats: Collection[str]) -> dict[str, str | bytes]:
    """File name -> content, of all these formats; where no chart can be drawn, a sentence stands for each."""
    if picture.missing():
        sheets = {
            name: replace(sheet, text=PICTURE.sub(r"\1", sheet.text), pictures={}) for name, sheet in sheets.items()
        }
    found = files(sheets, formats)
    if "html" in formats:
        from . import html

        found[HTML] = html.document(sheets)
    return found


def save(made: Mapping[str, str | bytes], folder: Path) -> list[Path]:
    """Write these files to a folder; their paths. Nothing there is deleted.

    Raises BenchError where one would lie elsewhere, through a link, or cannot be written.
    """
    path = folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in made.items():
            path = folder / name
            if path.resolve() != folder.resolve() / name:
                raise BenchError(f"the page {path} would be written to {path.resolve()}; remove the link")
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise BenchError(f"{path} cannot be written ({error.strerror}); choose another folder with --reports") from None
    return [folder / name for name in made]


def differences(made: Mapping[str, str | bytes], folder: Path) -> list[str]:
    """How the files of a folder differ from what was made of the records, a sentence each.

    A picture by another version of what draws them only has to be there: see `other_makers`.
    """
    found = []
    for name, content in sorted(made.items()):
        path = folder / name
        if not path.is_file():
            found.append(f"{path} is missing")
        elif not (name.endswith(".svg") and _made_otherwise(path)):
            here, there = (_text(text) for text in (content, path.read_bytes()))
            if here != there:
                lines = zip(here.splitlines(), there.splitlines(), strict=False)
                first = next((n for n, (a, b) in enumerate(lines, 1) if a != b), min(map(_lines, (here, there))) + 1)
                found.append(f"{path} differs from what the records give, from line {first} on")
    return found


def other_makers(made: Collection[str], folder: Path) -> str:
    """Which pictures were not compared, as something else drew them, in a sentence; "" where there are none."""
    others = [path for name in made if name.endswith(".svg") and _made_otherwise(path := folder / name)]
    makers = sorted({picture.maker(_text(path.read_bytes())) or "something that does not say so" for path in others})
    return (
        others
        and (
            f"{folder}: {len(others)} pictures are not compared: they were drawn by {'; '.join(makers)}, and here is "
            f"{picture.made_by()}"
        )
    ) or ""


def _made_otherwise(path: Path) -> bool:
    return path.is_file() and picture.maker(_text(path.read_bytes())) != picture.made_by()


def _text(content: str | bytes) -> str:
    return content if isinstance(content, str) else content.decode(errors="replace")


def _lines(text: str) -> int:
    return len(text.splitlines())
