"""What a user sees while cells run: a bar with an ETA, plain lines, or JSON lines."""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

from ..execute.group import Progress
from ..execute.local import Job
from ..plan import Cell, Group
from ..protocol import find_protocol
from ..records.kinds import Measurement, RunRecord
from ..tune.space import together_of
from ..write.words import clock

LONG_SECONDS = 2.0  # what takes longer has a line when it begins
ALIVE_SECONDS = 25.0  # of silence at most, while cells run
MOST_NAMED = 4  # cells in such a line


class Estimate:
    """The time that is left, from what steps have taken so far.

    steps: of a task's cells, where they are known before; replicas: cells that train together, so in the time of one.
    """

    def __init__(
        self, cells: Sequence[Cell], workers: int, steps: Mapping[str, int] | None = None, replicas: int = 1
    ) -> None:
        self.pending = set(cells)
        self.workers, self.replicas = max(1, workers), replicas
        self.started: dict[Cell, tuple[float, int]] = {}
        self.done_steps: dict[Cell, int] = {}
        self.steps: dict[str, int] = dict(steps or {})
        self.pace: dict[tuple[str, str], float] = {}  # seconds a step of (task, model)

    def heard(self, kind: str, what: Any) -> None:
        if isinstance(what, Progress):
            start, first = self.started.setdefault(what.cell, (time.monotonic(), what.step))
            self.steps[what.cell.task] = what.steps
            self.done_steps[what.cell] = what.step
            if what.step - first >= 5:
                self.pace[what.cell.task, what.cell.model] = (time.monotonic() - start) / (what.step - first)
        elif isinstance(what, RunRecord):
            self.pending.discard(what.cell)
        elif isinstance(what, Measurement) and what.step is not None:
            self.pace.setdefault((what.task, what.model), what.step.median / 1000)

    def seconds(self) -> float | None:
        """Seconds until all is done, or None while nothing is known."""
        if not self.pace or not self.steps:
            return None
        usual = sum(self.pace.values()) / len(self.pace)
        longest = max(self.steps.values())
        groups: dict[Group, list[float]] = defaultdict(list)
        for cell in self.pending:
            steps = self.steps.get(cell.task, longest) - self.done_steps.get(cell, 0)
            groups[together_of(cell.group)].append(self.pace.get((cell.task, cell.model), usual) * steps)
        whole = sum(sum(left) / min(self.replicas, len(left)) for left in groups.values())
        return max(whole / self.workers, max(map(max, groups.values()), default=0.0))


def describe(what: RunRecord | Measurement) -> str:
    """One line for a finished job."""
    if isinstance(what, Measurement):
        name = f"measured {what.group}"
        if what.step is None:
            return f"{name}: {what.status}: {what.reason}"
        return f"{name}: step {what.step.median:.1f} ms, {what.ratio:.2f} x {what.yardstick}"
    if what.status == "ok" and what.task is not None:
        metric, found = what.task.metric, what.test_metric
        if found is None:  # a trial of tuning reads no test set
            metric, found = f"validation {metric}", what.valid_metric
        return f"{called(what.cell)}: ok, {metric} {found:.4g} in {what.train_seconds:.1f} s"
    return f"{called(what.cell)}: {what.status}: {what.reason}"


def called(cell: Cell, *others: Cell) -> str:
    """A cell as a line names it, a trial with its point; or it and others that train with it."""
    point = find_protocol(cell.protocol).point
    if any(one.group != cell.group for one in others):
        return f"{cell.group}, {len(others) + 1} trials"
    seeds = f"seeds {', '.join(str(one.seed) for one in (cell, *others))}" if others else f"seed {cell.seed}"
    return f"{cell.group} {seeds}" + ("" if point is None else f", point {point}")


class Shown:
    """Something that is told what happens while a block runs; on a terminal it has a display, which ends with that."""

    display: Any = None

    def __enter__(self) -> Self:
        if self.display is not None:
            self.display.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.display is not None:
            self.display.stop()


class Lines(Shown):
    """One plain line for each finished job, or one JSON object for each event.

    A cell that takes long has a line when it begins, and all that run have one at least every half minute.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        workers: int,
        say: Callable[[str], None],
        *,
        as_json: bool = False,
        live: bool = True,
        steps: Mapping[str, int] | None = None,
        replicas: int = 1,
    ) -> None:
        self.total, self.count, self.say, self.as_json = len(jobs), 0, say, as_json
        self.estimate = Estimate([what for kind, what in jobs if kind == "cell"], workers, steps, replicas)
        self.noted: set[str] = set()
        self.running: dict[Cell, tuple[float, Progress]] = {}  # since when, and how far
        self.begun: set[Cell] = set()
        self.live, self.spoke = live, time.monotonic()

    def __call__(self, kind: str, what: Any) -> None:
        self.estimate.heard(kind, what)
        if kind == "done":
            self.count += 1
            self.running.pop(getattr(what, "cell", None), None)  # type: ignore[arg-type]
        elif isinstance(what, Progress):
            since, _ = self.running.get(what.cell, (time.monotonic(), what))
            self.running[what.cell] = (since, what)
        if self.live:
            self._live()
        if self.as_json:
            if kind == "done" or (isinstance(what, Progress) and what.point is not None):
                self.say(self._event("point" if isinstance(what, Progress) else type(what).__name__.lower(), what))
        elif kind == "done":
            left = clock(self.estimate.seconds()) if self.count < self.total else "0:00"
            self.say(f"[{self.count}/{self.total}] {describe(what)} (ETA {left})")
            for note in getattr(what, "notes", "").splitlines():
                if note not in self.noted:
                    self.noted.add(note)
                    self.say(f"note: {note}")

    def _live(self) -> None:
        """Say that cells run, now and then."""
        now = time.monotonic()
        for ones in () if self.as_json else self._together():
            new = [one for one in ones if one.cell not in self.begun]
            if any(now - self.running[one.cell][0] > LONG_SECONDS for one in new):
                self.begun |= {one.cell for one in new}
                self.say(f"{called(*(one.cell for one in new))}: training, {new[0].steps:,} steps")
        if not self.running or now - self.spoke < ALIVE_SECONDS:
            return
        self.spoke = now
        if self.as_json:
            for _, progress in self.running.values():
                self.say(self._event("progress", progress))
            return
        some = [
            f"{called(*(one.cell for one in ones))} at step {min(one.step for one in ones):,} of {ones[0].steps:,}"
            for ones in self._together()
        ]
        more = f"; and {len(some) - MOST_NAMED} more" if len(some) > MOST_NAMED else ""
        self.say(f"running: {'; '.join(some[:MOST_NAMED])}{more} (ETA {clock(self.estimate.seconds())})")

    def _together(self) -> list[list[Progress]]:
        """What runs, a list for all that may train together."""
        found: dict[Group | Cell, list[Progress]] = defaultdict(list)
        for cell, (_, far) in self.running.items():
            found[together_of(cell.group) if self.estimate.replicas > 1 else cell].append(far)
        return list(found.values())

    def _event(self, name: str, what: Any) -> str:
        facts = {key: value for key, value in asdict(what).items() if key != "before"}
        return json.dumps({"event": name, **facts, "eta_seconds": self.estimate.seconds()})


class Bars(Shown):
    """A rich display: one bar for everything with its ETA, one line for each running cell."""

    def __init__(
        self,
        jobs: Sequence[Job],
        workers: int,
        console: Any,
        *,
        steps: Mapping[str, int] | None = None,
        replicas: int = 1,
    ) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Display

        self.lines = Lines(
            jobs,
            workers,
            lambda text: console.print(text, highlight=False, markup=False),
            live=False,  # the rows show what runs
            steps=steps,
            replicas=replicas,
        )
        self.display = Display(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
        )
        self.whole = self.display.add_task("all cells", total=len(jobs), note="ETA ?")
        self.rows: dict[Cell, Any] = {}
        self.last: dict[Cell, str] = defaultdict(str)

    def __call__(self, kind: str, what: Any) -> None:
        if isinstance(what, Progress):
            if what.cell not in self.rows:
                self.rows[what.cell] = self.display.add_task(called(what.cell), total=what.steps, note="")
            if what.point is not None and what.point.valid_metric is not None:
                self.last[what.cell] = f"validation {what.point.valid_metric:.4g}"
            self.display.update(self.rows[what.cell], completed=what.step, note=self.last[what.cell])
        self.lines(kind, what)
        if kind == "done":
            self.display.advance(self.whole)
            cell = getattr(what, "cell", None)
            if cell in self.rows:
                self.display.remove_task(self.rows.pop(cell))
        self.display.update(self.whole, note=f"ETA {clock(self.lines.estimate.seconds())}")


def terminal() -> Any:
    """A console to draw on, or None where the output goes elsewhere."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    from rich.console import Console

    return Console()


class Preparation(Shown):
    """How far data are prepared: on a terminal a bar with the time that is left, else a line now and then."""

    def __init__(self, say: Callable[[str], None], console: Any = None) -> None:
        self.say, self.told = say, time.monotonic()
        if console is not None:
            from rich.progress import Progress as Display

            self.display = Display(console=console)
        self.bars: dict[str, Any] = {}

    def __call__(self, task: str, done: int, total: int) -> None:
        if self.display is not None:
            if task not in self.bars:
                self.bars[task] = self.display.add_task(f"preparing the data of {task}", total=total)
            self.display.update(self.bars[task], completed=done)
        elif done == total or time.monotonic() - self.told > 10:
            self.told = time.monotonic()
            self.say(f"preparing the data of {task}: {done:,} of {total:,}")


class Countdown(Shown):
    """Jobs of several kinds, one after the other: a line for each that is done, and on a terminal a bar, with the ETA.

    kinds: of all jobs, in order; jobs of one kind take about equally long.
    """

    def __init__(self, kinds: Sequence[str], say: Callable[[str], None], console: Any = None) -> None:
        self.left, self.total, self.say = list(kinds), len(kinds), say
        self.took: dict[str, list[float]] = defaultdict(list)
        self.began = time.monotonic()
        if console is not None:
            from rich.progress import Progress as Display

            self.display = Display(*Display.get_default_columns()[:2], "{task.fields[note]}", console=console)
            self.bar = self.display.add_task("measuring", total=self.total, note="ETA ?")
            self.say = lambda text: console.print(text, highlight=False, markup=False)

    def __call__(self, kind: str, name: str, found: str) -> None:
        """A job begins where nothing was found yet, else it is done."""
        if not found:
            self.began = time.monotonic()
        else:
            self.took[kind].append(time.monotonic() - self.began)
            self.left.pop(0)
            done = self.total - len(self.left)
            self.say(f"[{done}/{self.total}] {name}: {found} (ETA {clock(self.seconds())})")
        if self.display is not None:
            done, note = self.total - len(self.left), f"{name}; ETA {clock(self.seconds())}"
            self.display.update(self.bar, completed=done, note=note)

    def seconds(self) -> float | None:
        """Seconds until all is done, from the mean of each kind so far."""
        every = [seconds for took in self.took.values() for seconds in took]
        if not every:
            return None if self.left else 0.0
        usual = sum(every) / len(every)
        return sum(sum(took) / len(took) if (took := self.took.get(kind)) else usual for kind in self.left)
