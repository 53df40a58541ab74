"""Cells in Slurm's queue: one array job of `bench run`, what the queue has of it, and how a job goes back there.

    slurm/<name>/job.sh         the script; bench-<name> is the job's name
    slurm/<name>/<element>.toml the cells of an element of the array, a plan of `bench run`
    slurm/<name>/<element>.log  what it said

Slurm places, starts and repeats; the records say what is done, so nothing here asks an accounting database.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..errors import BenchError, one_line
from ..plan import Cell, Group, parse_seeds
from ..records.campaign import blocks_of
from ..records.running import running
from ..records.store import Store
from ..records.writing import write_whole

AIM = 1800.0  # seconds of an element; none has more than twice as many but of a single cell
MOST_ELEMENTS = 1000  # as many as Slurm takes where MaxArraySize is its default
SIGNAL = "B:USR1@120"  # two minutes before its time is over, to the script alone, which has become `bench run`
OURS = {"array", "a", "job-name", "J"}  # options of sbatch by which `queued` knows what is what
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


def options_of(words: Sequence[str]) -> list[str]:
    """The options of sbatch among these words, each with its value, as lines of a script have them.

    Raises BenchError for a word that belongs to none, and for an option that is not to be had.
    """
    options: list[str] = []
    for word in words:
        name = re.match(r"--?([a-zA-Z][\w-]*)", word)
        if name is None and (not options or " " in options[-1] or "=" in options[-1]):
            raise BenchError(f"'{word[:40]}' belongs to no option; `bench submit --help` and `man sbatch` have them")
        if name is not None and name[1] in OURS:
            raise BenchError(
                f"{name[0]} is set by `bench submit` itself; --at-most N says how many elements run at once"
            )
        if not word.isprintable():
            raise BenchError(f"{word[:40]!a} cannot stand in a line of a script")
        if name is None:
            options[-1] += f" {shlex.quote(word)}"
        else:
            options.append(shlex.quote(word))
    return options


def script(folder: Path, count: int, command: Sequence[str], options: Sequence[str], at_most: int | None = None) -> str:
    """An array job of so many elements in a folder.

    command: what an element runs, a last word but for its plan's path; options: of `options_of`; at_most: elements at a
    time.
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
    found = {}
    for path in sorted((results / "slurm").glob("*/*.toml")):
        blocks = [block.words for block in blocks_of(path)]
        found[path.parent.name, int(path.stem)] = [
            Cell(words["protocol"], words["task"], words["models"], words["budget"], seed)
            for words in blocks
            for seed in parse_seeds(words["seeds"])
        ]
    return found


def queued() -> dict[tuple[str, int], str]:
    """The state of each element that the queue has, by the same names. Raises BenchError where it cannot be asked."""
    said = _asked("squeue", "--noheader", "--array", "--format=%K %T %j")
    lines = re.findall(r"^ *(\d+) (\w+) bench-(\S+) *$", said, flags=re.MULTILINE)
    return {(name, int(number)): state for number, state, name in lines}


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
