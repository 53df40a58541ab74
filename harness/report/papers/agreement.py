"""Do our numbers agree with the published ones? Two one-sided t tests against a margin that was stated beforehand.

    reproduced        mean - published is above -margin and below +margin, each with p < 0.05
    not reproduced    it is below -margin, or above +margin, with p < 0.05; or every seed diverged
    cannot tell       neither, or there is nothing to test
    unknown           the number is not known here

This is Schuirmann's test of equivalence (1987), with the seeds as the sample and the published number as a constant:
its own error is in the margin (`papers`). No correction for the number of tests: a page is read number by number.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...compare.order import facts_of
from ...compare.parted import shown_runs
from ...errors import counted
from ...records.kinds import INTERRUPTED
from ...stats import equivalence, shares
from ...stats.verdicts import ALPHA, CANNOT_TELL, NOT_REPRODUCED, NOT_RUN, REPRODUCED
from ...write import tables, words
from . import book as papers
from .book import Book, Published
from .recorded import Recorded
from .tables import ours, scores

UNKNOWN, NOT_COMPARABLE = "unknown in the source", "not comparable"
VERDICTS = (REPRODUCED, NOT_REPRODUCED, CANNOT_TELL, NOT_RUN, UNKNOWN, NOT_COMPARABLE)
TITLE = "Agreement with the papers"
SHORTER = """\
**A second verdict.** These runs train as `paper` does, on the same data, lengths and widths, but for a part of the
time, which stands in each verdict. A number that is reproduced here came sooner; one that is lower may still come, and
is no verdict on the paper. Those that were run:"""
HOW_TO_READ = """\
The verdict is of two one-sided t tests over seeds against a margin that was stated before any run. *Reproduced*: our
mean lies within the margin of the published number, with p < 0.05 on either side, and every seed has a result; so many
seeds leave it open (5 %) that a share of up to 1 - 0.05^(1/n) of further ones fails, which stands beside it. *Not
reproduced*: it lies outside, with p < 0.05, or every seed diverged. *Cannot tell*: neither can be said, also where a
seed has no result, or did not learn where others did. The margin is the half width of the binomial 95 % interval of
one test set at the lowest accuracy that the papers' own tables have there of any model, baselines included, rounded up
to half a point: what a single published figure is uncertain by. Read several rows together with care, as nothing is
corrected for their number."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What can be said of one published number. `difference`: ours less the paper's, in its unit; `p`: equivalence."""

    word: str
    why: str = ""
    difference: float | None = None
    p: float | None = None


def verdict(number: Published, here: Recorded) -> Verdict:
    runs = [run for run in here.of(number) if run.status != INTERRUPTED]
    if not here.comparable:
        return Verdict(NOT_COMPARABLE)
    if number.status in papers.UNKNOWN:
        return Verdict(UNKNOWN)
    if not runs:
        return Verdict(NOT_RUN)
    facts = facts_of(runs)
    values = scores(number, runs if facts is None else shown_runs(runs, facts))
    if isinstance(number.value, str) or number.value is None:
        return Verdict(CANNOT_TELL, f"the paper says '{number.value}', which is no number")
    if not values:
        counts = Counter(run.status for run in runs)
        if set(counts) == {"diverged"}:
            return Verdict(NOT_REPRODUCED, "every seed diverged")
        return Verdict(CANNOT_TELL, ", ".join(f"{n} {status}" for status, n in sorted(counts.items())))
    difference = float(np.mean(values)) - number.value
    if len(values) < len(runs):  # what the others say is not what the model does
        why = f"{len(runs) - len(values)} of {len(runs)} seeds have no result or did not learn"
        return Verdict(CANNOT_TELL, why, difference)
    margin = papers.book().tasks[number.task].margin
    if number.status == "digitised":
        return Verdict(CANNOT_TELL, "the number was read off a figure by eye", difference)
    if margin is None:
        return Verdict(CANNOT_TELL, "no margin was stated", difference)
    if len(values) < 2:
        return Verdict(CANNOT_TELL, "one seed has no spread", difference)
    found = equivalence.two_one_sided(np.array(values) - number.value, margin)
    length = here.length(papers.book().tasks[number.task].name)
    after = f", after {length}" if length else ""
    if found.outside < ALPHA:
        side = "higher" if difference > 0 else "lower"
        return Verdict(NOT_REPRODUCED, f"ours is {side}{after}", difference, found.p)
    if found.p < ALPHA:
        open_ = f"of further seeds up to {shares.unseen(len(values)):.0%} may fail"
        return Verdict(REPRODUCED, open_ + after, difference, found.p)
    if min(values) == max(values):
        return Verdict(CANNOT_TELL, "without any spread nothing is proved", difference, found.p)
    return Verdict(CANNOT_TELL, f"{counted(len(values), 'seed')} spread too wide for the margin", difference, found.p)


def verdicts(here: Recorded) -> list[tuple[list[str], Published, Verdict]]:
    """Each number of the two papers that a model here answers, once: the tables it is in, the number, the verdict."""
    book = papers.book()
    found: dict[object, tuple[list[str], Published]] = {}
    for number in _numbers():
        if number.metric == papers.STEPS or book.ours(number) is None:
            continue
        key = (number.paper, book.ours(number), number.metric, str(number.value))
        found.setdefault(key, ([], number))[0].append(number.table)
    return [(where, number, verdict(number, here)) for where, number in found.values()]


def counts(here: Recorded) -> str:
    """'3 reproduced, 90 not run'."""
    number = Counter(found.word for _, _, found in verdicts(here))
    return ", ".join(f"{number[word]} {word}" for word in VERDICTS if number[word])


def text(here: Recorded) -> str:
    rows = verdicts(here)
    parts = [f"# {TITLE}", f"Protocol `{here.protocol}`, version {here.version}, budget {here.budget}: {counts(here)}."]
    if here.cut:
        parts.append(SHORTER)
        rows = [row for row in rows if here.of(row[1])]
    if not here.comparable:
        parts.append(
            "**Not comparable as values.** These records are not of protocol `paper` with each model at its paper's "
            "width, so that no verdict is given; the other pages say what differs. Those that were run:"
        )
        rows = [row for row in rows if here.of(row[1])]
    if rows:
        book = papers.book()
        parts.append(
            tables.markdown(pd.DataFrame([_row(book, where, number, found, here) for where, number, found in rows]))
        )
    else:
        parts.append("Nothing of the papers' was run.")
    parts += [HOW_TO_READ] if here.comparable else []
    for paper, sentences in papers.DIFFERENCES.items():
        parts.append(f"Where `paper` differs from {paper}, or may:")
        parts.append("\n".join(f"- {sentence}" for sentence in sentences))
    absent = dict.fromkeys(n.model for n in _numbers() if papers.book().ours(n) is None)
    parts.append(f"Not in this harness: {', '.join(absent)}.")
    parts.append(
        "Steps to a low error (Figure 3) are on their own page: the paper states no threshold to test against."
    )
    return "\n\n".join([*parts, *here.notes]) + "\n"


def _numbers() -> list[Published]:
    """The numbers of the two papers themselves that are not a dash."""
    return [n for n in papers.book().results if n.paper in papers.DIFFERENCES and n.status not in papers.ABSENT]


def _row(book: Book, where: list[str], number: Published, found: Verdict, here: Recorded) -> dict[str, str]:
    margin = book.tasks[number.task].margin
    unit = number.metric in papers.PERCENT
    return {
        "Task": number.task,
        "Model": number.model,
        "Where": f"{number.paper} {', '.join(where)}",
        "Published": book.shown(number),
        "Ours": ours(number, here),
        "Difference": words.number(found.difference, "+.1f" if unit else "+.4g"),
        "Margin": words.number(margin if here.comparable else None, "g"),
        "p": words.number(found.p, ".2g"),
        "Verdict": f"{found.word}: {found.why}" if found.why else found.word,
    }
