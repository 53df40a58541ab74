"""What the records say of the claims that were declared before them: a verdict for each, whatever it is.

supported     `every`: each contrast is shown, each at 5 % (intersection-union needs no correction); `any`: one is,
              after Holm's correction over all
refuted       `every`: the contrary of one is shown, after Holm over all; `any`: that of each
cannot tell   all its runs are there, and neither is shown
not run       not all its runs are there, which is no verdict
not planned   and some of them stand in no plan

Of forty epochs a contrast is decided only once each model that misses the target there had one seed at the paper's
length, unless steps are tested; where that comes to the target, forty epochs cannot tell.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..catalog import FAMILIES, chosen, find_task, model_names, task_names
from ..errors import BenchError, nearest
from ..plan import Cell, Group, find_budget, parse_seeds, plan, split_options, split_words
from ..protocol import DESK, find_protocol, for_task
from ..records.campaign import Block
from ..records.claims import Claim, Declared
from ..records.kinds import NOT_COUNTED, RunRecord
from ..stats.over_seeds import holm
from ..stats.verdicts import ALPHA, CANNOT_TELL, NOT_RUN
from .alive import Sign
from .contrasts import OPEN, A, B, Contrast, arrived, contrast
from .order import facts_of
from .parted import untuned

SUPPORTED, REFUTED, NOT_PLANNED = "supported", "refuted", "not planned"
PAPER = "paper"  # the scale, and the protocol, of which nothing must be said
WAKES = "comes to the target at the paper's length"


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim and its verdict. seeds: of how many all runs are there; p: of the verdict, 1 where nothing is shown.

    missing: cells without a run that counts, and those at the paper's length that it hangs on; undeclared: how many
    have a run that was made when the claim was not declared; skipped: why some can have none; blocks: of the plan,
    which run what is missing; unplanned: what is missing and in none of them.
    """

    claim: Claim
    verdict: str
    contrasts: tuple[Contrast, ...]
    seeds: int
    runs: tuple[RunRecord, ...]
    missing: tuple[Cell, ...]
    undeclared: int
    skipped: str
    blocks: tuple[str, ...]
    unplanned: tuple[Cell, ...]
    p: float

    @property
    def said(self) -> str:
        """The verdict, with the scale at which it holds."""
        if self.verdict == NOT_RUN:
            longer = {cell.model: None for cell in self.missing if cell.protocol != self.claim.protocol}
            also = f", but {', '.join(longer)} not at the paper's length" if longer else ""
            return f"{NOT_RUN}: {self.seeds} of {self.claim.seeds} seeds{also}"
        if self.verdict == CANNOT_TELL and any(WAKES in one.reason for one in self.contrasts):
            return f"{CANNOT_TELL} at {_length(self.claim)}"
        if self.verdict == NOT_PLANNED:
            return self.verdict
        sources = "not all models tuned" if any(map(untuned, self.runs)) else ""
        return ", ".join(filter(None, [self.verdict, scale_of(self.claim), sources]))


def scale_of(claim: Claim) -> str:
    """At which scale its verdict holds, in words; nothing for the papers'."""
    protocol = find_protocol(claim.protocol)
    budget = find_budget(claim.budget or protocol.budget)
    if protocol.scale == PAPER:
        return "" if protocol.name == PAPER else f"at the scale of `{protocol.name}`"
    size = budget.name if budget.params is None else f"{budget.params:,} parameters"
    return f"at {size}, a laptop's scale"


def check(claims: Sequence[Claim]) -> None:
    """Raise BenchError for a claim on a model or a task that there is not; of strangers' files only a run can tell."""
    models, tasks = model_names(), [*task_names(), *FAMILIES]
    for claim in claims:
        for a, b, task in claim.contrasts:
            for kind, name, known in (("model", a, models), ("model", b, models), ("task", task, tasks)):
                base = split_options(name)[0]
                family = base.rpartition("-")[0] if base.rpartition("-")[2].isdigit() else base
                if ":" not in base and not {base, family if kind == "task" else base} & set(known):
                    raise BenchError(f"claim {claim.id}: {nearest(kind, base, known, '`bench list`')}")


def planned(blocks: Sequence[Block]) -> dict[Cell, str]:
    """The cells of a plan, and the first block that has each."""
    found: dict[Cell, str] = {}
    for block in blocks:
        words = block.words
        protocol = find_protocol(words.get("protocol", "quick"))
        budget = find_budget(words.get("budget", protocol.budget)).name
        seeds = parse_seeds(words["seeds"]) if "seeds" in words else range(protocol.seeds)
        for cell in plan(protocol.name, split_words(words["task"]), chosen(words.get("models", "all")), budget, seeds):
            found.setdefault(cell, block.name)
    return found


def judge_declared(declared: Declared, runs: Sequence[RunRecord], vitals: Sequence[Sign] | None) -> list[Judged]:
    """The same of all that a results folder declared, with its plan and its runs at the papers' length."""
    return judge(declared.claims, [*runs, *declared.longer], declared.blocks, vitals)


def judge(
    claims: Sequence[Claim],
    runs: Sequence[RunRecord],
    blocks: Sequence[Block] = (),
    vitals: Sequence[Sign] | None = None,
) -> list[Judged]:
    """The verdict on each claim, in their order, from the runs that were made for it.

    vitals: which models are alive; None: all.
    """
    here, plans = {run.cell: run for run in runs}, planned(blocks)
    return [_judged(claim, here, plans, bool(blocks), vitals) for claim in claims]


def separated(found: Iterable[Judged], group: Group) -> dict[str, list[str]]:
    """Each model that a declared contrast finds below the group's, on the same task, and the ids of the claims."""
    below: dict[str, list[str]] = defaultdict(list)
    for one in found:
        claim = one.claim
        budget = find_budget(claim.budget or find_protocol(claim.protocol).budget).name
        for each in one.contrasts if (claim.protocol, budget) == (group.protocol, group.budget) else ():
            winner, loser = (each.a, each.b) if each.end == A else (each.b, each.a)
            decided = each.end in (A, B) and claim.test == "metric"
            if decided and (winner, each.task) == (group.model, group.task) and claim.id not in below[loser]:
                below[loser].append(claim.id)
    return dict(below)


def _judged(
    claim: Claim, here: Mapping[Cell, RunRecord], plans: Mapping[Cell, str], plan: bool, vitals: Sequence[Sign] | None
) -> Judged:
    cells, digest = claim.cells, claim.digest
    known = [here[cell] for cell in cells if cell in here]
    longer: list[RunRecord] = []
    declared = {run.cell: run for run in known if run.claims.get(claim.id) == digest}
    counted = {cell: run for cell, run in declared.items() if run.status not in NOT_COUNTED}
    missing = tuple(cell for cell in cells if cell not in counted)
    unplanned = tuple(cell for cell in missing if cell not in plans) if plan else ()
    by_place: dict[tuple[str, str], list[RunRecord]] = defaultdict(list)
    for cell, run in counted.items():
        by_place[cell.model, cell.task].append(run)
    found: list[Contrast] = [Contrast(*names) for names in claim.contrasts]
    verdict, p = NOT_RUN, 1.0
    if claim.measure or unplanned:
        verdict = NOT_PLANNED
    elif not missing:
        found = [
            contrast(claim, (a, b, task), by_place[a, task], by_place[b, task], vitals)
            for a, b, task in claim.contrasts
        ]
        verdict, p = _together(claim.outcome, found)
        if verdict != CANNOT_TELL and (sleepers := _sleepers(claim, found, by_place)):
            missing = tuple(cell for cell in sleepers if not _ran(here.get(cell)))
            unplanned = tuple(cell for cell in missing if cell not in plans) if plan else ()
            longer = [here[cell] for cell in sleepers if cell not in missing]
            found = [_unless_woken(one, longer) for one in found]
            verdict, p = _together(claim.outcome, found)
        if missing:
            verdict, p = (NOT_PLANNED if unplanned else NOT_RUN), 1.0
    return Judged(
        claim,
        verdict,
        tuple(found),
        min(sum(cell in counted for cell in cells if cell.group == group) for group in {cell.group for cell in cells}),
        (*counted.values(), *longer),
        missing,
        len(known) - len(declared),
        next((run.reason for run in declared.values() if run.status == "skipped"), ""),
        tuple(dict.fromkeys(plans[cell] for cell in missing if cell in plans)),
        unplanned,
        p,
    )


def _sleepers(
    claim: Claim, found: Sequence[Contrast], runs: Mapping[tuple[str, str], Sequence[RunRecord]]
) -> list[Cell]:
    """The cell at the paper's length of each model that misses the target in less, where that decides a contrast."""
    if find_protocol(claim.protocol).name != DESK.name or claim.test == "steps":
        return []
    places = dict.fromkeys((model, one.task) for one in found if one.end != OPEN for model in (one.a, one.b))
    cells = []
    for place in places:
        facts = facts_of(runs[place])
        if facts is None or facts.target is None:
            continue
        come, n = arrived(runs[place], facts)
        if 2 * come <= n:
            cell = runs[place][0].cell
            cells.append(replace(cell, protocol=PAPER, seed=0))
    return cells


def _ran(run: RunRecord | None) -> bool:
    return run is not None and run.status not in NOT_COUNTED


def _unless_woken(one: Contrast, longer: Sequence[RunRecord]) -> Contrast:
    """A contrast, open where a model of it comes to the target at the paper's length."""
    woken = [
        run.cell.model
        for run in longer
        if run.cell.task == one.task
        and run.cell.model in (one.a, one.b)
        and run.task is not None
        and run.task.target is not None
        and arrived([run], run.task)[0]
    ]
    if one.end == OPEN or not woken:
        return one
    return replace(one, end=OPEN, holds=1.0, fails=1.0, reason=f"{', '.join(woken)} {WAKES}")


def _length(claim: Claim) -> str:
    """How long its models train, in words."""
    protocol = find_protocol(claim.protocol)
    return ", ".join(dict.fromkeys(for_task(protocol, find_task(task).training).length for task in claim.tasks))


def _together(outcome: str, found: Collection[Contrast]) -> tuple[str, float]:
    """The verdict on all contrasts, and its p."""
    holds, fails = [one.holds for one in found], [one.fails for one in found]
    if outcome == "any":
        shown, contrary = float(holm(holds).min()), max(fails)
    else:
        shown, contrary = max(holds), float(holm(fails).min())
    if shown <= ALPHA or contrary <= ALPHA:  # both cannot be: a contrast that holds does not fail
        return (SUPPORTED, shown) if shown <= ALPHA else (REFUTED, contrary)
    return CANNOT_TELL, min(shown, contrary)
