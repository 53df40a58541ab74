"""The pages on all tasks, and the index of a report: what each page is about, and how much of it was run."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from functools import partial

from ..compare.alive import committed
from ..compare.material import Material
from ..compare.order import ordered, task_title
from ..errors import BenchError, counted
from ..protocol import find_protocol
from ..records.kinds import STATUSES, RunRecord
from ..records.store import Loaded
from ..write.sheet import Sheet
from ..write.words import literal
from . import front
from .cards.page import card_of
from .claims import findings
from .claims import page as claims
from .convergence import page as convergence
from .insight import gradients, scales
from .measured import latency, memory, tradeoffs
from .overall import page as overall
from .overall import pairwise, zoo
from .papers import agreement, differences
from .papers import scales as scale_figures
from .papers import tables as paper_tables
from .papers.book import Page, book
from .papers.recorded import Recorded, recorded
from .task.page import task_page

PAGES: dict[str, tuple[str, Callable[[Material], Sheet | None]]] = {
    "findings.md": (findings.TITLE, findings.sheet),
    "claims.md": (claims.TITLE, claims.sheet),
    "differences.md": (differences.TITLE, differences.sheet),
    "overall.md": ("All tasks together", overall.sheet),
    "pairwise.md": (pairwise.TITLE, pairwise.sheet),
    "zoo.md": (zoo.TITLE, zoo.sheet),
    "convergence.md": ("How fast the models learn", convergence.sheet),
    "tradeoffs.md": ("Accuracy against cost", tradeoffs.sheet),
    "latency.md": ("How long a step takes", latency.sheet),
    "memory.md": ("What a step holds and computes", memory.sheet),
    "gradients.md": (gradients.TITLE, gradients.sheet),
    "scales.md": (scales.TITLE, scales.sheet),
    "asrnn-figure-1.md": ("ASRNN, Figure 1", partial(scale_figures.sheet, "asrnn-figure-1")),
    "asrnn-figure-3.md": ("ASRNN, Figure 3", partial(scale_figures.sheet, "asrnn-figure-3")),
    "asrnn-figure-4.md": ("ASRNN, Figure 4", partial(scale_figures.sheet, "asrnn-figure-4")),
}  # pages on all tasks of a protocol: file -> title, and what makes it


def index(loaded: Loaded, order: Sequence[str], others: Collection[str], there: Collection[str]) -> Sheet:
    """The first screen, and a line for each page of a protocol: what it is about, and how much of it was run.

    others: the names of the pages on all tasks; there: those of the tasks' pages that can be linked.
    """
    if not loaded.runs:
        return _index_of_measurements(loaded, order, others)
    here = recorded(loaded.runs, loaded.declared.blocks)
    groups: dict[tuple[str, str], list[RunRecord]] = defaultdict(list)
    for run in sorted(loaded.runs, key=lambda run: run.cell):
        groups[run.cell.task, run.cell.budget].append(run)
    lines = []
    for (task, budget), runs in groups.items():
        title = literal(task_title(runs, task))
        shown = f"[{title}]({task_page(task)})" if task_page(task) in there else title
        seeds = Counter(run.cell.model for run in runs).values()
        each = counted(max(seeds), "seed") if min(seeds) == max(seeds) else f"{min(seeds)} to {max(seeds)} seeds"
        size = f"{counted(len(seeds), 'model')} x {each}"
        ends = Counter(run.status for run in runs)
        said = ", ".join(f"{ends[status]} {status}" for status in STATUSES if ends[status])
        lines.append(f"- {shown} (`{task}`): {size} recorded ({said}), budget {budget}")
    tables_of = [
        f"- [{page.title}]({page.name}.md): {page.caption.rstrip('.')}; "
        + "{} of {} cells run, budget {}".format(*paper_tables.progress(page, here), here.budget)
        for page in offered(here)
    ]
    drawn = {f"{figure.name}.md": figure for figure in book().figures.values()}
    tables_of += [
        f"- [{figure.title}]({name}): {figure.caption.rstrip('.')}" for name, figure in drawn.items() if name in others
    ]
    across = [f"- [{title}]({name})" for name, (title, _) in PAGES.items() if name in others and name not in drawn]
    newest = [run for run in loaded.runs if run.protocol_version == here.version]
    titles = {run.cell.model: run.title or run.cell.model for run in newest}
    models = [
        f"- [{literal(titles[name])}]({card_of(name)})" for name in ordered(titles, order) if card_of(name) in others
    ]
    measurements = [one for one in loaded.measurements if one.protocol_version == here.version]
    first = front.first(Material(newest, measurements, order, loaded.declared), committed())
    parts = [
        first.text,
        *([here.outdated] if here.outdated else []),
        "## Tasks",
        "\n".join(lines),
        *(["## All tasks", "\n".join(across)] if across else []),
        *(["## Models", "\n".join(models)] if models else []),
        "## The papers' tables, with ours beside them",
        "\n".join([*tables_of, f"- [{agreement.TITLE}](agreement.md): {agreement.counts(here)}"]),
    ]
    return Sheet("\n\n".join([*parts, *_left_out(loaded)]) + "\n", first.pictures)


def _index_of_measurements(loaded: Loaded, order: Sequence[str], others: Collection[str]) -> Sheet:
    across = [f"- [{title}]({name})" for name, (title, _) in PAGES.items() if name in others]
    protocol, version = measured(loaded)
    said = "measured" if loaded.measurements else "claimed"
    first = front.first(Material([], loaded.measurements, order, loaded.declared), committed())
    parts = [first.text, f"Protocol `{protocol}`, version {version}. Nothing was run; this was {said}."]
    return Sheet("\n\n".join([*parts, "## All tasks", "\n".join(across), *_left_out(loaded)]) + "\n")


def _left_out(loaded: Loaded) -> list[str]:
    if not loaded.left_out:
        return []
    lines = "\n".join(f"- {literal(sentence)}" for sentence in sorted(loaded.left_out))
    return ["Records that are left out:", lines]


def offered(here: Recorded) -> list[Page]:
    """The papers' pages that have anything to do with the tasks of this protocol's scale."""
    return [page for page in book().pages if any(here.offers(number) for number in page.numbers)]


def measured(loaded: Loaded) -> tuple[str, int]:
    """The protocol of the measurements and their newest version; without any, that of the claims."""
    if not loaded.measurements and loaded.declared.claims:
        protocol = find_protocol(loaded.declared.claims[0].protocol)
        return protocol.name, protocol.version
    if not loaded.measurements:
        raise BenchError("there is no record to report on; `bench run` makes some")
    return loaded.measurements[0].protocol, max(m.protocol_version for m in loaded.measurements)
