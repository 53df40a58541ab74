"""For a reader of five minutes: what holds of the papers' claims, what does not, and what nobody had asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ...compare import follow_up
from ...compare.alive import committed
from ...compare.claims import REFUTED, SUPPORTED, Judged, judge_declared
from ...compare.material import Material
from ...errors import counted
from ...records.claims import Claim
from ...stats.verdicts import CANNOT_TELL
from ...write import origin
from ...write.sheet import Sheet
from ...write.words import literal
from .page import decisive, effect, source_of, verdict_of

TITLE = "Findings, for a reader of five minutes"
INTRODUCTION = """\
Each sentence was [declared](claims.md) before the runs that it rests on, and stands here with its verdict, what its
runs show (a less b: the difference of two models with its 95 % interval, and the *p* of the test that was declared;
that of *share* is the larger of two one-sided ones), their records and the command that makes them."""
AFTERWARDS = (
    "Looked into after the result, so not declared: [what was supposed and which runs tried it](differences.md)."
)
NOTHING = "Nothing so far."
DECIDED = {SUPPORTED: "supported", REFUTED: "refuted", CANNOT_TELL: "cannot be told"}


def sheet(material: Material) -> Sheet | None:
    """The page; None before all runs of any claim are there."""
    declared = material.declared
    found = judge_declared(declared, material.runs, committed())
    told = [one for one in found if one.verdict in DECIDED]
    if not told:
        return None
    papers, own = ([one for one in found if _is_own(one.claim) == mine] for mine in (False, True))
    sections = {
        "What holds of the papers": [one for one in papers if one.verdict == SUPPORTED],
        "What does not": [one for one in papers if one.verdict == REFUTED],
        "What nobody had asked": [one for one in own if one.verdict in (SUPPORTED, REFUTED)],
        "What these runs cannot tell": [one for one in told if one.verdict == CANNOT_TELL],
    }
    summary = " ".join(filter(None, [_summary("of the papers", papers), _summary("of our own", own)]))
    parts = [f"# {TITLE}", f"**{summary}**", INTRODUCTION]
    for heading, mine in sections.items():
        parts += [f"## {heading}", "\n".join(_finding(one, declared.folder) for one in mine) or NOTHING]
    ran = {(run.cell.task, run.cell.model) for run in material.runs}
    looked_into = [one for one in declared.differences if any((one.task, model) in ran for model in one.models)]
    if looked_into:
        parts += ["## Where a result is another than the paper's", AFTERWARDS]
        parts.append("\n".join(f"- `{one.model}` on `{one.task}`: {literal(one.found)}" for one in looked_into))
    if any(one.verdict not in DECIDED for one in found):
        parts.append("What waits for runs, with its command and hours: [claims](claims.md).")
    used = {run.cell: run for one in told for run in one.runs}
    return Sheet("\n\n".join(parts) + "\n", records=list(used.values()))


def _is_own(claim: Claim) -> bool:
    """Is it no paper's?"""
    return not claim.where or claim.where.startswith("asked by")


def _summary(whose: str, found: Sequence[Judged]) -> str:
    """'Of 22 claims of the papers: 3 supported, 1 refuted, 18 not run yet.'"""
    counts = Counter(DECIDED.get(one.verdict, "not run yet") for one in found)
    said = [f"{counts[end]} {end}" for end in (*DECIDED.values(), "not run yet") if counts[end]]
    return f"Of {counted(len(found), 'claim')} {whose}: {', '.join(said)}." if found else ""


def _finding(one: Judged, folder: str) -> str:
    claim = one.claim
    source = source_of(claim)
    return (
        f"- **{literal(claim.says)}**{f' ({source})' if source else ''} {verdict_of(one)}: "
        f"{_shown(one)}. Records: `{origin.records(run.cell for run in one.runs)}`; "
        f"{follow_up.commands(claim.cells, folder)}."
    )


def _shown(one: Judged) -> str:
    """'gru less lstm-s on sfc +36.0 (+31.4 to +40.6) % of the way, p 0.008', of the contrast that decides."""
    if (found := decisive(one)) is None:
        return "no effect is known"
    which = "the surest against it" if one.verdict == REFUTED else "the least sure"
    among = f", {which} of {len(one.contrasts)} contrasts ([all](claims.md))" if len(one.contrasts) > 1 else ""
    return (
        f"{literal(found.a)} less {literal(found.b)} on {literal(found.task)} {effect(found)}, *p* {found.p:.3g}{among}"
    )
