"""The pages of a report but the tasks', as `bench report` makes them, for the tests of what is on them."""

from collections.abc import Collection, Sequence

from harness.records.store import Loaded
from harness.report import pages
from harness.report.index import index
from harness.write.sheet import Sheet


def other_pages(loaded: Loaded, order: Sequence[str], there: Collection[str] = ()) -> dict[str, Sheet]:
    """These pages and the index; there: the names of the tasks' pages that it links."""
    found = pages.other_pages(loaded, order)
    return found | {"index.md": index(loaded, found, there)}
