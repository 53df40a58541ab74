"""The pages of a report but the tasks', as `bench report` makes them, and what stands in their tables."""

from collections.abc import Collection, Sequence

from harness.records.store import Loaded
from harness.report import pages
from harness.report.index import index
from harness.report.papers.book import Page, book
from harness.write.sheet import Sheet


def other_pages(loaded: Loaded, order: Sequence[str], there: Collection[str] = ()) -> dict[str, Sheet]:
    """These pages and the index; there: the names of the tasks' pages that it links."""
    found = pages.other_pages(loaded, order)
    return found | {"index.md": index(loaded, order, found, there)}


def paper_page(name: str) -> Page:
    """The page of this name that mirrors a paper's table or figure."""
    (found,) = [entry for entry in book().pages if entry.name == name]
    return found


def table_of(text: str) -> list[list[str]]:
    """The cells of every row of every table, headings included; what is bold as if it were not."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip().strip("*") for cell in line.strip("|").split("|")] for line in lines]


def rows_of(text: str) -> dict[str, list[str]]:
    """First cell of a row -> the others."""
    return {first: rest for first, *rest in table_of(text)}
