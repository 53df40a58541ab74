"""Measurements as pages show them: those of one task, budget and machine together, models in their order."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...compare.material import Material
from ...compare.order import ordered, task_title, title_of
from ...draw import curves as charts
from ...errors import BenchError
from ...protocol import find_protocol
from ...records.kinds import Growth, Measurement, Ratio, RunRecord
from ...records.names import page
from ...write import origin
from ...write.sheet import Sheet
from ...write.words import literal
from . import conditions


@dataclass(frozen=True, slots=True)
class Part:
    """One measurement of each model. title: the task's."""

    budget: str
    task: str
    machine: str
    title: str
    titles: tuple[str, ...]  # the models'
    measured: tuple[Measurement, ...]

    @property
    def controls(self) -> list[Ratio]:
        """The yardstick beside itself, of all models."""
        return [control for one in self.measured for control in one.controls]

    def slug(self, number: int) -> str:
        """A file name without ending, for the part of this number on its page."""
        return f"{page(self.task)}-{self.budget}-{number}"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of measurements, with a section and a figure over the length of sequences for each part.

    name: of its files; opening: up to the first section; whats: the first sentence of each; body: its paragraphs;
    growth: what the figure shows; axis: its label; told: what and unit, for readers without pictures; named: the
    measurements that are missed where a model has none.
    """

    name: str
    opening: str
    whats: str
    body: Callable[[Part], list[str]]
    growth: Callable[[Growth], Sequence[float]]
    axis: str
    told: tuple[str, str]
    named: tuple[str, ...]

    def sheet(self, material: Material) -> Sheet | None:
        """The page on all tasks, or None where nothing was measured."""
        parts = arranged(material.measurements, material.runs, material.order)
        if not parts:
            return None
        sections, pictures, places = [self.opening], {}, material.places()
        for number, part in enumerate(parts):
            sections += [heading(part, self.whats), *self.body(part)]
            curves = {
                title: (one.over_length.sizes, self.growth(one.over_length))
                for title, one in zip(part.titles, part.measured, strict=True)
                if one.over_length is not None
            }
            if curves:
                name = f"{self.name}-{part.slug(number)}.svg"
                colours = {title: places[one.model] for title, one in zip(part.titles, part.measured, strict=True)}
                pictures[name] = charts.growth(curves, colours, "time steps of a sequence", self.axis, part.title)
                sections.append(f"![{literal(charts.grown(curves, *self.told))}]({name})")
            if reasons := absent(part, self.named):
                sections.append("\n".join(reasons))
        measured = [one for part in parts for one in part.measured]
        return Sheet("\n\n".join(sections) + "\n", pictures, measured=measured)


def arranged(measurements: Sequence[Measurement], runs: Sequence[RunRecord], order: Sequence[str]) -> list[Part]:
    """The parts in the order of budgets, tasks and machines; what was skipped is left out."""
    grouped: dict[tuple[str, str, str], list[Measurement]] = defaultdict(list)
    for one in sorted(measurements, key=lambda one: one.finished):
        if one.status != "skipped":
            grouped[one.budget, one.task, origin.whole_machine(one.machine)].append(one)
    of_task, of_model = defaultdict(list), defaultdict(list)
    for run in runs:
        of_task[run.cell.task].append(run)
        of_model[run.cell.model].append(run)
    parts = []
    for (budget, task, machine), group in sorted(grouped.items()):
        latest = {one.model: one for one in group}
        names = ordered(latest, order)
        titles = tuple(title_of([latest[name], *of_model[name]], name) for name in names)
        measured = tuple(latest[name] for name in names)
        parts.append(Part(budget, task, machine, task_title(of_task[task], task), titles, measured))
    return parts


def heading(part: Part, whats: str) -> str:
    """What was measured, where, from what state of the code and by which command."""
    first = part.measured[0]
    length = next((one.length for one in part.measured if one.length), None)
    versions = sorted({str(one.machine.get("torch")) for one in part.measured if one.machine.get("torch")})
    backends = sorted({one.backend for one in part.measured if one.backend})
    dates = sorted({one.finished[:10] for one in part.measured if one.finished})
    disturbed = literal(conditions.words([one.conditions for one in part.measured]))
    return (
        f"## {literal(part.title)} (`{part.task}`), budget {part.budget}\n\n"
        f"{whats} Protocol `{first.protocol}`, version {first.protocol_version}: "
        f"{'' if length is None else f'{length:,} steps a sequence, '}batch {first.batch}. "
        f"Measured on {literal(part.machine)}; "
        f"torch {literal(', '.join(versions)) or '?'}; back ends: {literal(', '.join(backends)) or '?'}; "
        f"commit {origin.commits(one.machine for one in part.measured)}; "
        f"{' to '.join(dict.fromkeys((dates[0], dates[-1]))) if dates else 'an unknown day'}. "
        f"Absolute numbers of time are of that machine alone.{disturbed and ' '}{disturbed}\n\n    {command(part)}"
    )


def command(part: Part) -> str:
    first = part.measured[0]
    try:
        usual = find_protocol(first.protocol).budget
    except BenchError:  # a protocol of another version of this program
        usual = ""
    budget = "" if part.budget == usual else part.budget
    return origin.command("measure", [part.task], [one.model for one in part.measured], first.protocol, budget)


def absent(part: Part, names: Sequence[str]) -> list[str]:
    """Why some of these are not there, a sentence for each reason and the models that it holds for."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for title, one in zip(part.titles, part.measured, strict=True):
        if one.status != "ok":
            reasons[f"{one.status}: {literal(one.reason)}"].append(title)
        if one.settled is False and "settled" in names:
            reasons["the warm-up ended with its time, before its last medians agreed within 2 %"].append(title)
        if "settled" in names and (why := conditions.slowed(one.conditions)):
            reasons[f"the board was slowed down while it was timed: {literal(why)}"].append(title)
        for name in names:
            if name in one.missing:
                reasons[f"no {name.replace('_', ' ')}: {literal(one.missing[name])}"].append(title)
    if hasty := [t for t, one in zip(part.titles, part.measured, strict=True) if not one.whole and one.status == "ok"]:
        reasons["only the quick pass of `bench run`; `bench measure` takes the rest"] = hasty
    return [f"- {literal('; '.join(titles))}: {reason}" for reason, titles in reasons.items()]
