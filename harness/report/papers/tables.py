"""The tables of the papers in their own layout: every published number with ours beside it."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import pandas as pd

from ...compare.order import facts_of
from ...compare.pairwise import best_of, scored
from ...compare.parted import shown_runs
from ...protocol import PAPER
from ...records.kinds import RunRecord, TaskFacts
from ...stats import over_seeds as stats
from ...stats import survival
from ...stats.verdicts import NOT_RUN
from ...write import origin, settings, tables, words
from . import book as papers
from .book import Page, Published
from .recorded import Recorded

NOT_HERE, NO_SCALE = "not in this harness", "not at this scale"
SAID = ("batch", "optimizer", "learning_rate", "clip", "epochs")
HOW_TO_READ = """\
Beside each published number stands ours: mean ± half of the Student-t 95 % interval over seeds, with the trained
parameters in brackets. Of how many seeds it is, is said where that is not all of them: of those with a result, and
where seeds part in two (some come halfway from chance to the task's target, others do not) of those that learned. A
number marked `ca.` was read off a figure by eye. Bold: our best mean on a task, of those in a column. `–`: the paper
has none; `not recovered`: it has one, but the text that we have lost it."""


def scores(number: Published, runs: Sequence[RunRecord]) -> list[float]:
    """Ours in the unit of the published number, one a seed that has a result."""
    validation, factor = number.metric.startswith("val_"), 100.0 if number.metric in papers.PERCENT else 1.0
    found = [run.valid_metric if validation else run.test_metric for run in runs]
    return [factor * value for value in found if value is not None]


def ours(number: Published, here: Recorded) -> str:
    """Our side of a published number, or why there is none."""
    if number.status == "not_applicable":
        return words.DASH
    if papers.book().ours(number) is None:
        return NOT_HERE
    runs = here.of(number)
    if not runs:
        return NOT_RUN if here.offers(number) else NO_SCALE
    if number.metric == papers.STEPS:
        text, whole = _steps(runs, here), ""
    else:
        facts = facts_of(runs)
        shown = runs if facts is None else shown_runs(runs, facts)
        values, planned = scores(number, shown), max(here.wanted(runs[0].cell.task), len(runs))
        text = interval(values, number) if values else ""
        whole = "" if len(values) == planned else f", {len(values)} of {planned} seeds"
        whole += " that learned" if len(shown) < sum(run.test_metric is not None for run in runs) else ""
    if not text:
        return ", ".join(f"{count} {status}" for status, count in sorted(Counter(run.status for run in runs).items()))
    return text + next((f" ({run.params:,})" for run in runs if run.params is not None), "") + whole


def interval(values: Sequence[float], number: Published) -> str:
    """'97.9 ± 0.2', or the mean alone for one seed."""
    found = stats.mean_interval(values)
    form = ".1f" if number.metric in papers.ONE_DECIMAL else ".4g"
    return words.spread(found.mean, found.half, form, (0.0, 100.0 if number.metric in papers.PERCENT else math.inf))


def _steps(runs: Sequence[RunRecord], here: Recorded) -> str:
    """'7,200, 3/3 seeds': the restricted mean of the steps to the task's target, and how many seeds got there.

    As in the task's own table: restricted to the longest run of any model, and a run that broke off never arrived.
    """
    task = runs[0].cell.task
    facts = facts_of(runs)
    target = None if facts is None else facts.target
    horizon = max(
        (run.curve[-1].step for key in here.runs for run in here.runs[key] if key[0] == task and run.curve), default=0
    )
    found = survival.steps_to_target(runs, target, horizon)
    if found is None:
        return ""
    return f"{words.restricted(found.mean, found.arrived, found.runs)}, {found.arrived}/{found.runs} seeds"


def table(page: Page, here: Recorded) -> pd.DataFrame:
    """The page's layout with ours in a column after each column of published numbers; a string in every place."""
    book = papers.book()
    columns: dict[str, list[str]] = {}
    for place, heading in enumerate(page.headings):
        cells = [row[place] for row in page.rows]
        columns[heading] = [
            cell if isinstance(cell, str) else " / ".join(book.shown(number) for number in cell) for cell in cells
        ]
        if not all(isinstance(cell, str) for cell in cells):
            best = _best([number for cell in cells if not isinstance(cell, str) for number in cell], here)
            columns[f"{heading}, ours"] = [
                cell
                if isinstance(cell, str)
                else " / ".join(tables.bold(ours(number, here), book.ours(number) in best) for number in cell)
                for cell in cells
            ]
    return pd.DataFrame(columns)


def _best(column: Sequence[Published], here: Recorded) -> set[tuple[str, str]]:
    """The (task, model) of ours with the best mean on each task of a column, or none."""
    found: set[tuple[str, str]] = set()
    tested = [n for n in column if n.metric != papers.STEPS and not n.metric.startswith("val_") and here.of(n)]
    for task in dict.fromkeys(number.task for number in tested):
        by_model = {place: here.of(n) for n in tested if n.task == task and (place := papers.book().ours(n))}
        facts = facts_of(run for runs in by_model.values() for run in runs)
        if facts is not None:
            scores = scored({place[1]: runs for place, runs in by_model.items()}, facts)
            found |= {place for place in by_model if len(scores) > 1 and place[1] == best_of(scores)}
    return found


def text(page: Page, here: Recorded, drawn: Sequence[str] = ()) -> str:
    """The page in Markdown. drawn: paragraphs with pictures, which stand below the table."""
    parts = [
        f"# {page.title}",
        page.caption,
        *_warning(page, here),
        tables.markdown(table(page, here)),
        *drawn,
        HOW_TO_READ,
        *filter(None, [page.note]),
        *_bullets("Of the published numbers:", _noted(page)),
        *_bullets("Runs of ours that did not end well:", _ends(page, here)),
        *here.notes,
        *_commands(page, here),
        "How training here differs from the papers', and whether the numbers agree: [agreement.md](agreement.md).",
    ]
    return "\n\n".join(parts) + "\n"


def progress(page: Page, here: Recorded) -> tuple[int, int]:
    """Of the numbers on the page that have a model here and a task at this scale: how many were run, and all."""
    book = papers.book()
    possible = {place: here.lacks(n) for n in page.numbers if (place := book.ours(n)) and here.offers(n)}
    return sum(not lacks for lacks in possible.values()), len(possible)


def _warning(page: Page, here: Recorded) -> list[str]:
    """What makes these records no match for the paper's numbers: scale, budget and training, from the records."""
    if here.comparable:
        ours = f"Ours: protocol `{here.protocol}`, version {here.version}, each model at its paper's width"
        tasks = dict.fromkeys(papers.book().tasks[number.task].name for number in page.numbers)
        shorter = [f"{task}, {length}" for task in tasks if (length := here.length(task))]
        return [f"{ours}, trained for shorter: {'; '.join(shorter)}." if shorter else f"{ours}."]
    budget = "each model at its paper's width" if here.budget == PAPER.budget else f"{here.budget} parameters each"
    differ = "the budget differs" if here.protocol == PAPER.name else "scale, budget and training differ"
    first = (
        f"**Not comparable as values.** Ours are of protocol `{here.protocol}`, version {here.version}, {budget}: "
        f"{differ} from the paper's"
    )
    found = []
    for task in dict.fromkeys(papers.book().tasks[number.task].name for number in page.numbers):
        runs = [run for key in sorted(here.runs) if key[0] == task for run in here.runs[key]]
        if (facts := facts_of(runs)) is not None:
            found.append(_setting(task, facts, runs))
    return [first + (", as here:" if found else ". Nothing on this page was run."), *_bullets("", found)]


def _setting(task: str, facts: TaskFacts, runs: Sequence[RunRecord]) -> str:
    lengths = sorted({run.curve[-1].step for run in runs if run.curve and run.status == "ok"})
    trained = f"{', '.join(f'{steps:,}' for steps in lengths)} training steps" if lengths else "no run that ended well"
    title, detail = words.literal(facts.title), f" ({words.literal(facts.detail)})" if facts.detail else ""
    said = ", ".join(f"{key.replace('_', ' ')} {value}" for key in SAID if (value := settings.said_of(runs, key)))
    said = words.literal(f"{said}, ") if said else ""
    return f"{title} (`{task}`): {facts.length:,} steps a sequence{detail}; {said}{trained}."


def _noted(page: Page) -> list[str]:
    """The notes on published numbers, each with the models that it is about."""
    about: dict[str, list[str]] = defaultdict(list)
    for number in page.numbers:
        if number.note and number.model not in about[number.note]:
            about[number.note].append(number.model)
    models = {number.model for number in page.numbers}
    return [f"{', '.join(about[note]) if len(about[note]) < len(models) else 'all'}: {note}." for note in about]


def _ends(page: Page, here: Recorded) -> list[str]:
    found: dict[str, None] = {}
    for number in page.numbers:
        for run in here.of(number):
            if run.status != "ok":
                reason = (run.reason.strip() or "no reason recorded").splitlines()[0].rstrip(".")
                cell = f"{run.cell.task}, {run.cell.model}, seed {run.cell.seed}"
                found[words.literal(f"{cell}: {run.status}: {reason}.")] = None
    return list(found)


def _commands(page: Page, here: Recorded) -> list[str]:
    """How to run what is missing, a command for the tasks that lack the same models."""
    lacking: dict[str, dict[str, None]] = defaultdict(dict)
    for number in page.numbers:
        if here.lacks(number) and (place := papers.book().ours(number)):
            lacking[place[0]][place[1]] = None
    if not lacking:
        return ["Nothing that this harness has of this page is missing."]
    if here.current is None:
        return [f"Something is missing, but this harness has no protocol `{here.protocol}` to run it under."]
    together: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for task, models in lacking.items():
        together[tuple(models)].append(task)
    budget = "" if here.usual else here.budget
    lines = [origin.command("run", tasks, models, here.protocol, budget) for models, tasks in together.items()]
    refused = f"{here.outdated} Move these records away first. " if here.outdated else ""
    return [f"{refused}What is missing, and nothing else, is run by:", "```sh\n" + "\n".join(lines) + "\n```"]


def _bullets(heading: str, lines: Sequence[str]) -> list[str]:
    return [*filter(None, [heading]), "\n".join(f"- {line}" for line in lines)] if lines else []
