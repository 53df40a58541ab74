"""The claims of a campaign: the verdict first, what it rests on, and what is missing with the command that runs it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ...compare import follow_up
from ...compare.alive import committed
from ...compare.claims import NOT_PLANNED, REFUTED, SUPPORTED, WAKES, Judged, check, judge_declared
from ...compare.contrasts import NOT_ALIVE, UNREACHED, Contrast
from ...compare.material import Material
from ...errors import counted
from ...plan import Cell
from ...records.claims import KINDS, TESTS, Claim, Declared
from ...records.kinds import RunRecord
from ...stats.contrasts import false_discovery
from ...stats.shares import unseen
from ...stats.verdicts import ALPHA, CANNOT_TELL, EQUIVALENT, NOT_RUN
from ...write import tables
from ...write.sheet import Sheet
from ...write.words import DASH, clock, literal, rounded

TITLE = "Claims, declared before their runs"
SECTIONS = {
    SUPPORTED: "Supported",
    REFUTED: "Refuted",
    CANNOT_TELL: "Cannot tell",
    NOT_RUN: "Not run",
    NOT_PLANNED: "Not planned",
}
INTRODUCTION = """\
Each claim was written down with its models, tasks, seeds, margin and test before its first run, and each run keeps a
digest of the claims that it serves; one that lacks it does not count. A contrast, one model against another on one
task, ends as *a better* or *b better* (two-sided p ≤ 5 %; *share*: two exact one-sided tests, each at 5 %, the larger
*p* of which is shown), as *equivalent* (the whole 95 % interval of the difference
within the margin, in % of the way from chance to a perfect score), or *open*. A claim is *supported* if every contrast
holds, each at 5 %, and *refuted* if the contrary of one is shown after Holm's correction for all its contrasts (`any`:
supported if one holds after the correction, refuted if the contrary of each is shown). There is no verdict before all
its seeds are there, nor, in less than a paper's time, before each model that misses the target had one seed of the
paper's length: where that comes to the target, the shorter time *cannot tell*. That a is not above b by more than the
margin holds where b is better, or where a one-sided test puts the difference below the margin. A test is of the runs'
order, the interval beside it of their means: where one run lies far off, it may reach beyond what the test shows. A
verdict on tuned models is one on the points that were chosen; as one on the models themselves it errs more often. How
often: `reports/quality/claims.md`."""


def sheet(material: Material) -> Sheet | None:
    """The page; None where nothing was claimed."""
    declared = material.declared
    if not declared.claims:
        return None
    check(declared.claims)
    found = judge_declared(declared, material.runs, committed())
    counts = Counter(one.verdict for one in found)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in SECTIONS if counts[verdict])
    tests = "\n".join(f"- *{test}*: {TESTS[test]}" for test in TESTS if any(one.claim.test == test for one in found))
    parts = [f"# {TITLE}", f"**Of {counted(len(found), 'claim')}: {said}.**", INTRODUCTION, f"Tests:\n\n{tests}"]
    parts += [*_discoveries(found), *_waiting(found, material.runs)]
    for verdict, heading in SECTIONS.items():
        mine = [one for one in found if one.verdict == verdict]
        if mine:
            parts += [f"## {heading}", *(_claim(one, material.runs, declared) for one in mine)]
    used = {run.cell: run for one in found for run in one.runs}
    return Sheet("\n\n".join(parts) + "\n", records=list(used.values()))


def lines(declared: Declared, runs: Sequence[RunRecord]) -> list[str]:
    """For a terminal: the verdicts that these runs allow, a line each, and how many claims on their tasks wait."""
    here = {run.cell.task for run in runs}
    asked = replace(declared, claims=tuple(claim for claim in declared.claims if here >= set(claim.tasks)))
    found = judge_declared(asked, runs, committed())
    told = [one for one in found if one.verdict in (SUPPORTED, REFUTED, CANNOT_TELL)]
    said = [f"{one.said}: {one.claim.says} ({one.claim.id})" for one in told]
    if rest := len(found) - len(told):
        wait = "wait" if rest > 1 else "waits"
        said.append(f"{counted(rest, 'claim')} on these tasks {wait} for more runs: claims.md of the report")
    return said


def _discoveries(found: Sequence[Judged]) -> list[str]:
    """How many of the verdicts stand where all claims of the page are looked at together."""
    judged = [one for one in found if one.verdict in (SUPPORTED, REFUTED, CANNOT_TELL)]
    if not judged:
        return []
    adjusted = false_discovery([one.p for one in judged])
    decided = [q for one, q in zip(judged, adjusted, strict=True) if one.verdict != CANNOT_TELL]
    rows = [
        {"Claim": one.claim.id, "Verdict": one.said, "p": f"{one.p:.3g}", "q": f"{q:.3g}"}
        for one, q in zip(judged, adjusted, strict=True)
    ]
    return [
        f"{sum(q <= ALPHA for q in decided)} of {counted(len(decided), 'verdict')} on the "
        f"{counted(len(judged), 'claim')} whose runs are all there stand where at most {ALPHA:.0%} of those that stand "
        "are to be wrong (*q*: Benjamini and Hochberg's false-discovery rate over these claims, beside each *p*).",
        tables.markdown(pd.DataFrame(rows)),
    ]


def _waiting(found: Sequence[Judged], runs: Sequence[RunRecord]) -> list[str]:
    """What is there of each claim without a verdict, and which block of the plan runs the rest, in how long."""
    rows = []
    for one in found:
        if one.verdict in (NOT_RUN, NOT_PLANNED):
            seconds = follow_up.seconds(one.missing, runs)
            blocks = [*map(literal, one.blocks), *([NOT_PLANNED] if one.unplanned else [])]
            rows.append(
                {
                    "Claim": one.claim.id,
                    "Block": "; ".join(blocks) or DASH,
                    "Seeds": f"{one.seeds} of {one.claim.seeds}",
                    "Runs missing": str(len(one.missing)),
                    "h:min:s, as other seeds took": DASH if seconds is None else clock(seconds),
                }
            )
    return ["What waits for its runs:", tables.markdown(pd.DataFrame(rows))] if rows else []


def _claim(one: Judged, runs: Sequence[RunRecord], declared: Declared) -> str:
    claim = one.claim
    parts = [f"**{verdict_of(one)}.** {literal(claim.says)} (`{claim.id}`; {source_of(claim) or 'own'})"]
    kind = KINDS[claim.kind] + (f", {claim.margin:g} %" if "margin" in KINDS[claim.kind] else "")
    outcome = "" if len(claim.contrasts) == 1 else f", {claim.outcome} of {len(claim.contrasts)} contrasts"
    parts.append(f"Asked: {kind}{outcome}; test *{claim.test}*, {claim.seeds} seeds.")
    if one.verdict in (SUPPORTED, REFUTED, CANNOT_TELL):
        parts.append(tables.markdown(pd.DataFrame([_row(contrast) for contrast in one.contrasts])))
    parts.append(
        " ".join(filter(None, [_there(one), _unseen(one), _missing(one, runs, declared), _further(one, runs)]))
    )
    return "\n\n".join(parts)


def verdict_of(one: Judged) -> str:
    """'Supported, at the scale of `desk`'."""
    return one.said[0].upper() + one.said[1:]


def source_of(claim: Claim) -> str:
    """'TP-RNN, Table 2; there 99.8 against 50.2', or an empty string."""
    return literal("; ".join(filter(None, [claim.where, claim.paper and f"there {claim.paper}"])))


def _row(found: Contrast) -> dict[str, str]:
    end = found.end + (f": {found.reason}" if found.reason else "")
    return {
        "a": found.a,
        "b": found.b,
        "Task": found.task,
        "a less b": effect(found),
        "p": f"{found.p:.3g}",
        "End": end,
    }


def effect(found: Contrast) -> str:
    """'+36.0 (+31.4 to +40.6) % of the way', of a less b."""
    known, form = found.effect, "+.0f" if found.unit == "steps" else "+.1f"
    if known is None:
        return DASH
    mean, low, high = (rounded(value, form) for value in (known.mean, known.low, known.high))
    return f"{mean} {found.unit}" if np.isnan(known.low) else f"{mean} ({low} to {high}) {found.unit}"


def decisive(one: Judged) -> Contrast | None:
    """The contrast on which the verdict hangs: of a claim that is supported the weakest, of a refuted one the worst.

    Of several with one p it is the one whose interval lies nearest to no difference, or farthest from it.
    """
    known = [each for each in one.contrasts if each.effect is not None]
    if not known:
        return None
    if one.verdict == REFUTED:
        return min(known, key=lambda each: (each.fails, -_apart(each)))
    return max(known, key=lambda each: (each.holds, -_apart(each)))


def _apart(found: Contrast) -> float:
    """How far its interval lies from no difference; without one, its effect."""
    assert found.effect is not None
    if np.isnan(found.effect.low):
        return abs(found.effect.mean)
    return max(0.0, found.effect.low, -found.effect.high)


def _there(one: Judged) -> str:
    """How many of its runs are there, and why others do not count."""
    cells = one.claim.cells
    there, every = len({run.cell for run in one.runs} & set(cells)), len(cells)
    text = f"All {every} runs are there." if there == every else f"{there} of {every} runs are there."
    if longer := [run.cell.model for run in one.runs if run.cell not in cells]:
        text += f" At the paper's length ran {', '.join(longer)}, which missed the target here."
    if one.undeclared:
        text += (
            f" {counted(one.undeclared, 'more run')} of these cells, made without this claim declared, do not count."
        )
    if one.skipped:
        text += f" Some were skipped: {literal(one.skipped)}."
    return text


def _unseen(one: Judged) -> str:
    """What so few runs leave open where they were found equivalent."""
    if all(found.end != EQUIVALENT for found in one.contrasts):
        return ""
    return (
        f"Equivalent is said of the runs seen: {one.claim.seeds} of a kind leave it open (5 %) that up to "
        f"{unseen(one.claim.seeds):.0%} of further runs end otherwise."
    )


def _missing(one: Judged, runs: Sequence[RunRecord], declared: Declared) -> str:
    """What is missing: in which block of the plan it stands, or that none has it, and the command."""
    if one.claim.measure:
        return f"No test of it yet: {literal(one.claim.measure)}; of each model's first seed gradients.md may show it."
    text = []
    if one.blocks:
        text.append(f"The plan runs {'some of them' if one.unplanned else 'them'}: {_listed(one.blocks)}.")
    if one.unplanned:
        text.append(f"*Not planned*: {_named(one.unplanned)}.")
    if one.missing:
        text.append(f"{follow_up.commands(one.missing, declared.folder)}{_hours(one.missing, runs)}.")
    return " ".join(text)


def _further(one: Judged, runs: Sequence[RunRecord]) -> str:
    """What a follow-up claim with fresh seeds alone would need."""
    if one.verdict != CANNOT_TELL:
        return ""
    if any(WAKES in contrast.reason for contrast in one.contrasts):
        return "Only a claim of the protocol `paper` can tell."
    claim, undecided = one.claim, [contrast for contrast in one.contrasts if contrast.holds > ALPHA]
    hopeless = [contrast.reason.startswith(UNREACHED) for contrast in undecided]
    if all(hopeless) if claim.outcome == "any" else any(hopeless):
        return "No number of seeds can tell while no run comes to the target; a longer training or another target may."
    dead = [contrast for contrast in undecided if contrast.reason.startswith(NOT_ALIVE)]
    if dead:
        return "No number of seeds settles it before each of its models is shown alive: `bench vitals`."
    if claim.test in ("metric", "share"):
        if claim.test == "metric":
            wanted = [follow_up.seeds_for(contrast.size) for contrast in undecided]
            seen, why = "find the differences", "find differences as large as those seen here with 80 % each"
        else:
            wanted = [follow_up.seeds_for_shares(contrast.arrived) for contrast in undecided]
            seen, why = "show shares like those", "show shares like those seen here with 80 % each"
        if None in wanted:
            return f"No number of seeds in reach ({follow_up.REACH}) would {seen} seen here with 80 %."
        seeds = max(number for number in wanted if number is not None)
    else:
        seeds, why = 2 * claim.seeds, "are twice as many as here, with what power nobody has worked out"
    first = claim.numbers[-1] + 1
    cells = [Cell(*cell.group, seed) for cell in claim.cells[:: claim.seeds] for seed in range(first, first + seeds)]
    return (
        "A follow-up claim, in a folder of its own, needs fresh seeds alone, as adding to these until they are "
        f"significant errs in 12 % of the cases: first_seed = {first} and seeds = {seeds}, which {why}: "
        f"{follow_up.commands(cells, follow_up.FOLDER)}{_hours(cells, runs)}."
    )


def _hours(cells: Sequence[Cell], runs: Sequence[RunRecord]) -> str:
    seconds = follow_up.seconds(cells, runs)
    return "" if seconds is None else f", about {clock(seconds)} (h:min:s) as other seeds took"


def _named(cells: Sequence[Cell]) -> str:
    """'hm-lstm and gru on sfc': models on the tasks on which they lack a run."""
    models: dict[str, list[str]] = {}
    for cell in cells:
        models.setdefault(cell.task, [])
        if cell.model not in models[cell.task]:
            models[cell.task].append(cell.model)
    tasks: dict[tuple[str, ...], list[str]] = {}
    for task, names in models.items():
        tasks.setdefault(tuple(names), []).append(task)
    return "; ".join(f"{', '.join(names)} on {', '.join(where)}" for names, where in tasks.items())


def _listed(blocks: Sequence[str]) -> str:
    return ", ".join(f"*{literal(block)}*" for block in blocks)
