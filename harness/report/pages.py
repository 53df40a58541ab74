"""Which pages there are beside the tasks': records in, pages out."""

from collections.abc import Sequence
from dataclasses import replace

from ..compare.alive import committed
from ..compare.material import Material
from ..records.store import Loaded
from ..write import origin as provenance
from ..write.sheet import Sheet
from .cards.page import cards
from .index import PAGES, measured, offered
from .papers import agreement
from .papers import figures as paper_figures
from .papers.book import book
from .papers.recorded import recorded


def other_pages(loaded: Loaded, order: Sequence[str]) -> dict[str, Sheet]:
    """All tasks together, the papers' tables with ours beside them, and agreement; without a run, what was measured.

    loaded: all records of one protocol, so that no page says `not run` of what was only not asked for.
    """
    if not loaded.runs:
        return _across(loaded, *measured(loaded), order)
    here = recorded(loaded.runs, loaded.declared.blocks)
    remake = f"bench report --protocol {here.protocol}"
    used = [run for runs in here.runs.values() for run in runs]
    places = Material(loaded.runs, loaded.measurements, order).places()
    sheets = {}
    for page in offered(here):
        answered = {place for number in page.numbers if (place := book().ours(number)) in here.runs}
        mine = [run for place in sorted(answered) for run in here.runs[place]]
        sheet = paper_figures.sheet(page, here, places)
        sheets[f"{page.name}.md"] = replace(sheet, text=f"{sheet.text}\n{provenance.sentence(mine, remake)}\n")
    sheets["agreement.md"] = Sheet(f"{agreement.text(here)}\n{provenance.sentence(used, remake)}\n")
    return sheets | _across(loaded, here.protocol, here.version, order)


def _across(loaded: Loaded, protocol: str, version: int, order: Sequence[str]) -> dict[str, Sheet]:
    """The pages on all tasks, from the records of one version; those without anything to say are left out."""
    newest = [run for run in loaded.runs if run.protocol_version == version]
    measurements = [m for m in loaded.measurements if m.protocol_version == version]
    material = Material(newest, measurements, order, loaded.declared)
    remake = f"bench report --protocol {protocol}"
    sheets = {}
    for name, (_, make) in PAGES.items():
        if (made := make(material)) is not None:
            used = newest if made.records is None else made.records
            end = provenance.measured(made.measured, remake) if made.measured else provenance.sentence(used, remake)
            sheets[name] = replace(made, text=f"{made.text}\n{end}\n")
    for name, made in cards(material, committed()).items():
        sheets[name] = replace(made, text=f"{made.text}\n{provenance.sentence(made.records or (), remake)}\n")
    return sheets
