"""Cells in Slurm's queue: one array job of `bench run`, what the queue has of it, and how a job goes back there.

    slurm/<name>/job.sh         the script; bench-<name> is the job's name
    slurm/<name>/<element>.toml the cells of an element of the array, a plan of `bench run`
    slurm/<name>/<element>.log  what it said

Slurm places, starts and repeats; the records say what is done, so nothing here asks an accounting database.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BenchError, one_line
from ..plan import Cell, Group, parse_seeds
from ..process import interrupts
from ..records.campaign import blocks_of
from ..records.running import running
from ..records.store import Store
from ..records.writing import write_whole

if TYPE_CHECKING:
    from ..prepare.modules import Where
    from .local import Job
    from .pool import Listener

AIM = 1800.0  # seconds of an element; none has more than twice as many but of a single cell
MOST_ELEMENTS = 1000  # as many as Slurm takes where MaxArraySize is its default
SIGNAL = "B:USR1@120"  # two minutes before its time is over, to the script alone, which has become `bench run`
ASKING = 5.0  # seconds from one look at the queue to the next
LATE = 60.0  # seconds after which a record that another node has written is surely seen here
Element = list[Cell]


def elements(cells: Sequence[Cell], seconds: Mapping[Cell, float], cores: int = 1) -> list[Element]:
    """Cells of similar length together, so that an element takes 10 to 60 minutes on so many cores.

    seconds: by the forecast, of one core. A longer cell is alone; all that is left at the end may take less. What no
    time can be told of goes by its group, whose seeds may train together.
    """
    known = sorted(
        (cell for cell in cells if cell in seconds), key=lambda cell: (-seconds[cell], cell.group, cell.seed)
    )
    aim = max(AIM * cores, sum(seconds[cell] for cell in known) / MOST_ELEMENTS)
    made: list[Element] = []
    took = aim
    for cell in known:
        if took >= aim or took + seconds[cell] > 2 * aim:
            made.append([])
            took = 0.0
        made[-1].append(cell)
        took += seconds[cell]
    unknown: dict[Group, Element] = {}
    for cell in cells:
        if cell not in seconds:
            unknown.setdefault(cell.group, []).append(cell)
    return made + list(unknown.values())


def plan_of(element: Iterable[Cell]) -> str:
    """Its cells as a plan of `bench run`."""
    groups: dict[Group, list[int]] = {}
    for cell in element:
        groups.setdefault(cell.group, []).append(cell.seed)
    blocks = []
    for group, seeds in groups.items():
        words = {"name": str(group), "task": group.task, "models": group.model, "protocol": group.protocol}
        # 3-3, as 3 alone would be a count
        words |= {"budget": group.budget, "seeds": ",".join(f"{seed}-{seed}" for seed in sorted(seeds))}
        blocks.append("[[block]]\n" + "".join(f"{key} = {json.dumps(word)}\n" for key, word in words.items()))
    return "\n".join(blocks)


def script(folder: Path, count: int, command: Sequence[str], options: Sequence[str], at_most: int | None = None) -> str:
    """An array job of so many elements in a folder.

    command: what an element runs, a last word but for its plan's path; options: of sbatch, as lines have them; at_most:
    elements at a time.
    """
    some = "" if at_most is None else f"%{at_most}"
    log = f"{folder}/".replace("%", "%%") + "%a.log"
    own = [f"--job-name=bench-{folder.name}", f"--array=0-{count - 1}{some}", f"--output={log}", "--open-mode=append"]
    lines = [shlex.quote(option) for option in (*own, "--requeue", f"--signal={SIGNAL}")]
    return "\n".join(
        [
            "#!/bin/bash",
            *(f"#SBATCH {line}" for line in (*lines, *options)),
            f"cd {shlex.quote(os.getcwd())} || exit 2",
            # exec, so that the signals of Slurm reach it
            f'exec {shlex.join(command)} --workers "${{SLURM_CPUS_PER_TASK:-1}}" '
            f'--plan {shlex.quote(str(folder))}/"$SLURM_ARRAY_TASK_ID".toml',
            "",
        ]
    )


def command(where: Where, device: str, replicas: str) -> list[str]:
    """What an element runs, but for its plan and its workers."""
    words = ["run", "--no-measure", "--results", str(where.results), "--device", device, "--replicas", replicas]
    words += ["--backend", where.backend, "--recompute", str(where.recompute)]
    words += [] if where.data_root is None else ["--data", str(where.data_root)]
    words += [] if where.limit is None else ["--cell-limit", f"{where.limit:f}"]
    return [sys.executable, "-m", "harness", *words]


def check_here() -> None:
    """Raise BenchError where there is no Slurm."""
    _asked("sbatch", "--version")


def new_folder(results: Path) -> Path:
    """Where a submission is to lie; a name that no other has. It is not made yet."""
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:4]}"
    return Path(os.path.abspath(results)) / "slurm" / name


def submit(folder: Path, made: Sequence[Element], text: str) -> str:
    """Write the script and its cells, and hand it to sbatch; the job's number.

    Raises BenchError where sbatch refuses it, which leaves nothing behind; Unwritable.
    """
    for number, element in enumerate(made):
        write_whole(folder / f"{number}.toml", plan_of(element).encode(), flush=False)
    write_whole(folder / "job.sh", text.encode())
    try:
        return _asked("sbatch", "--parsable", str(folder / "job.sh")).strip().partition(";")[0]
    except BenchError:
        shutil.rmtree(folder)
        raise


def submitted(results: Path) -> dict[tuple[str, int], Element]:
    """The cells of each element, by the name of its submission and its number. Raises BenchError."""
    paths = sorted((results / "slurm").glob("*/*.toml"))
    return {(path.parent.name, int(path.stem)): list(_cells_of(path.resolve())) for path in paths}


@cache
def _cells_of(plan: Path) -> tuple[Cell, ...]:
    """Of an element, which nobody changes once it is sent; who waits for it asks every few seconds."""
    blocks = [block.words for block in blocks_of(plan)]
    return tuple(
        Cell(words["protocol"], words["task"], words["models"], words["budget"], seed)
        for words in blocks
        for seed in parse_seeds(words["seeds"])
    )


def queued() -> dict[tuple[str, int], str]:
    """The state of each element that the queue has, by the same names. Raises BenchError where it cannot be asked."""
    said = _asked("squeue", "--noheader", "--array", "--format=%K %T %j")
    lines = re.findall(r"^ *(\d+) (\w+) bench-(\S+) *$", said, flags=re.MULTILINE)
    return {(name, int(number)): state for number, state, name in lines}


def execute(jobs: Sequence[Job], where: Where, workers: int, listen: Listener) -> bool:
    """Send cells to the queue, but for those that it has, and wait for their records; False after Ctrl-C.

    workers: elements at a time, of one CPU each. What was sent stays in the queue after Ctrl-C, and is taken out where
    `where.until` is over. A cell whose job ended without a record fails. Raises BenchError where something is to be
    measured, or Slurm refuses.
    """
    if any(kind == "measure" for kind, _ in jobs):
        raise BenchError("what is measured on machines that others use is false; add --no-measure")
    check_here()
    cells = [what for kind, what in jobs if kind == "cell"]
    queue = Queue(cells, where, listen)
    with interrupts() as interrupted:
        queue.send(workers)
        while queue.left and not interrupted.is_set():
            if where.until is not None and time.time() > where.until:
                queue.clear()
                return True
            queue.look()
            interrupted.wait(ASKING)
        return not queue.left


class Queue:
    """The cells that an executor waits for."""

    def __init__(self, cells: Sequence[Cell], where: Where, listen: Listener) -> None:
        self.where, self.listen, self.store = where, listen, Store(where.results)
        self.left = dict.fromkeys(cells, 0)  # and when the record was written that was read last
        self.gone: dict[Cell, float] = {}  # since when the queue has it no more
        self.told: dict[Cell, int] = {}  # the step

    def _stamp(self, cell: Cell) -> int:
        with suppress(OSError):
            return self.store.run_path(cell).stat().st_mtime_ns
        return 0

    def send(self, at_most: int) -> None:
        """What the queue does not have yet."""
        from .planning import seconds_left

        there = whereabouts(self.store)
        if todo := [cell for cell in self.left if there.get(cell, "missing") == "missing"]:
            made = elements(todo, seconds_left(todo, self.where))
            folder = new_folder(self.where.results)
            words = command(self.where, self.where.device, str(self.where.replicas))
            submit(folder, made, script(folder, len(made), words, [], max(1, at_most)))

    def look(self) -> None:
        """Tell of what runs and of what is done, and give up what was lost."""
        from .group import Progress
        from .leaving import leave

        there = {}
        with suppress(BenchError):  # its controller may begin anew
            there = whereabouts(self.store)
        for sign in running(self.store):
            if sign.cell in self.left and sign.steps and self.told.get(sign.cell) != sign.step:
                self.told[sign.cell] = sign.step
                self.listen("progress", Progress(sign.cell, sign.step, sign.steps))
        for cell, before in list(self.left.items()):
            self.left[cell] = self._stamp(cell)
            record = self.store.find_run(cell) if self.left[cell] != before else None
            if record is not None and record.is_final:
                del self.left[cell]
                self.listen("done", record)
            elif there.get(cell) != "missing":
                self.gone.pop(cell, None)
            elif time.monotonic() - self.gone.setdefault(cell, time.monotonic()) > LATE:
                del self.left[cell]
                why = f"its job ended without a record; see {self._log(cell)}"
                self.listen("done", leave(cell, self.where, "failed", why))
        self.listen("tick", None)

    def _log(self, cell: Cell) -> Path:
        name, number = [key for key, element in submitted(self.store.root).items() if cell in element][-1]
        return self.store.root / "slurm" / name / f"{number}.log"

    def clear(self) -> None:
        """Take out of the queue what is waited for; what runs leaves checkpoints."""
        names = {name for (name, _), element in submitted(self.store.root).items() if self.left.keys() & set(element)}
        for name in names:
            _asked("scancel", f"--name=bench-{name}")


def whereabouts(store: Store) -> dict[Cell, str]:
    """'running', 'waiting' or 'missing' of each cell that was submitted, by the queue alone. Raises BenchError."""
    sent = submitted(store.root)
    states, alive = queued() if sent else {}, {sign.cell for sign in running(store)}
    found: dict[Cell, str] = {}
    for key, element in sent.items():
        for cell in element:
            if key in states:
                found[cell] = "running" if states[key] != "PENDING" and cell in alive else "waiting"
            else:  # another submission may have it
                found.setdefault(cell, "missing")
    return found


def go_back() -> None:
    """Where this process is a job of Slurm, put that back in the queue, to begin again. Raises BenchError.

    Slurm answers with SIGTERM to the job, so this comes last.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return
    task = os.environ.get("SLURM_ARRAY_TASK_ID")  # the number of a job may be that of its whole array
    _asked("scontrol", "requeue", job if task is None else f"{os.environ['SLURM_ARRAY_JOB_ID']}_{task}")


def _asked(program: str, *words: str) -> str:
    """What a program of Slurm says. Raises BenchError where it is not there or refuses."""
    try:
        done = subprocess.run([program, *words], capture_output=True, text=True, errors="replace", check=False)
    except FileNotFoundError:
        raise BenchError(
            f"there is no {program} on the path; go where Slurm is, or see the script with `bench submit --dry-run`"
        ) from None
    if done.returncode:
        raise BenchError(f"{program} refused: {one_line(done.stderr).removeprefix(f'{program}: ')}")
    return done.stdout
