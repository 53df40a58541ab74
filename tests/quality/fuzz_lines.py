"""Command lines from right and wrong words: each ends in time, with a table or one sentence, and writes where it may.

    python tests/quality/fuzz_lines.py [COUNT [SEED]]

A line is right, or has a word that means nothing, or an odd one that may be taken or not. What means nothing is never
taken, what is right always, and what is refused has written nothing.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from quality.figures import Figures, by_hand  # noqa: E402
from quality.fuzz_records import good_records  # noqa: E402
from quality.words import SPOILED, VERBS, Verb  # noqa: E402

from harness.cli.bench import main  # noqa: E402
from harness.process import WORKER_ENVIRONMENT  # noqa: E402
from harness.records.store import Store  # noqa: E402

SECONDS = 60.0  # for a line that is refused or reads
RUN_SECONDS = 600.0  # for one that trains or times
MEMORY = 8 << 30
OUTPUTS = (">&-", "2>&-", ">&- 2>&-", "<&- >&-", ">/dev/full", "| true", "ascii", "latin-1")
OUTPUT_SHARE = 0.06  # of the lines, which take a process of their own
ENDS = {0: "done", 1: "done with failures", 2: "refused", 3: "worse", 4: "cannot tell"}  # the exit codes


class Line(NamedTuple):
    """kind: right, wrong or odd. output: how a process of its own is started, or an empty text for this one."""

    verb: Verb
    words: list[str]
    kind: str
    array_task: str
    output: str

    def __str__(self) -> str:
        shown = " ".join(ascii(word) if len(word) < 60 else f"{word[:20]!a}...({len(word)})" for word in self.words)
        array = f"SLURM_ARRAY_TASK_ID={self.array_task[:9]} " if self.array_task else ""
        return f"{self.kind}: {array}bench {shown} {self.output}"


class End(NamedTuple):
    """code: None where it ended in a traceback or not at all; how: in what then."""

    code: int | None
    how: str
    out: str
    err: str


def fuzz_lines(count: int, seed: int, figures: Figures) -> Figures:
    """Call so many lines, one after the other, in a folder of their own."""
    draw = Random(seed)
    with tempfile.TemporaryDirectory() as scratch, _surroundings(Path(scratch)):
        _furnish(Path(scratch))
        before = _tree(Path(scratch))
        for _ in range(count):
            line = drawn(draw, Path(scratch))
            end = _elsewhere(line) if line.output else _here(line)
            faults = [f"{line}: {fault}" for fault in wrong_with(line, end, Path(scratch), before)]
            figures.add(line.verb.words[0], ENDS.get(end.code, "did not end"), faults)
            _put_back(Path(scratch), before)
    return figures


def drawn(draw: Random, scratch: Path) -> Line:
    """A line of a verb, with none, one or two of its words spoiled."""
    verb = draw.choices(VERBS, [verb.weight for verb in VERBS])[0]
    slots = [slot for slot in verb.slots if draw.random() < slot.often]
    bad = draw.sample(range(len(slots)), min(len(slots), draw.choice((0, 1, 1, 2))))
    words, kinds = list(verb.words), {"right"}
    for place, slot in enumerate(slots):
        spoiled = [kind for kind in ("wrong", "odd") if getattr(slot.words, kind)]
        kind = draw.choice(spoiled) if place in bad or not slot.words.right else "right"
        kinds.add(kind)
        value = draw.choice(getattr(slot.words, kind)).replace("{}", str(scratch))
        if slot.option and draw.random() < 0.2:
            words.append(f"{slot.option}={value}")
        else:
            words += [slot.option, value] if slot.option else [value]
    if draw.random() < 0.12:
        more, kind = draw.choice(SPOILED)
        kinds.add("odd" if verb.passes and more != ("--results",) else kind)
        words += more
    if draw.random() < 0.05:
        kinds.add("odd")
        words += words[-2:]  # mostly an option twice: the last one counts, or both do
    kind = next(kind for kind in ("wrong", "odd", "right") if kind in kinds)
    output = draw.choice(OUTPUTS) if draw.random() < OUTPUT_SHARE else ""
    if kind == "right" and output in (">/dev/full", "| true"):  # who reads no more ends it, with 1
        kind = "odd"
    if {"--", "--help"} & set(words):  # the one may make other words of options, the other looks at none
        kind = "odd"
    return Line(verb, words, kind, draw.choice(("", "", "", "0", "3", "nan", "-1", "x" * 300)), output)


def wrong_with(line: Line, end: End, scratch: Path, before: dict[str, tuple[int, ...]]) -> Iterator[str]:
    """What is wrong with how a line ended, a sentence each."""
    if end.code is None or "Traceback" in end.err + end.out or "Exception ignored" in end.err:
        yield end.how or f"it says {last_line(end.err or end.out)}"
        return
    wanted = {"right": line.verb.codes, "wrong": (2,), "odd": (0, 1, 2, 3, 4)}[line.kind]
    if end.code not in wanted:
        yield f"it ended with {end.code}: {last_line(end.err or end.out)}"
    sentences = [text for text in end.err.splitlines() if text.startswith("error: ")]
    told = (
        line.verb.words in (("data", "verify"), ("gate",)) and not sentences
    )  # a table says what is damaged or broken
    silent = any(sign in line.output for sign in ("2>&-", "/dev/full"))
    if not silent and not told and len(sentences) != (end.code == 2):
        yield f"it ended with {end.code} and {len(sentences)} sentences: {end.err.strip()[-200:]!a}"
    elif sentences and (not end.err.endswith(f"{sentences[0]}\n") or not sentences[0].isprintable()):
        yield f"its sentence is not the last line, or cannot be printed: {end.err.strip()[-200:]!a}"
    may = [] if line.verb.reads or (end.code == 2 and "full" not in line.output) else list(_given(line.words, scratch))
    for name in sorted({*_tree(scratch)} ^ {*before}):
        if not any(Path(scratch, name).is_relative_to(folder) for folder in may):
            yield f"it wrote {name!a}"
    for name, facts in _tree(scratch).items():
        if before.get(name, facts) != facts:
            yield f"it changed {name!a}"


def last_line(text: str) -> str:
    return ascii((text.strip().splitlines() or ["nothing"])[-1][:300])


def _given(words: list[str], scratch: Path) -> Iterator[Path]:
    """The folders that a line names, and the usual ones where it names none; and those above, where they are made."""
    split = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
    for option, usual in (("--results", "results"), ("--reports", "reports/own")):
        values = [value for name, value in pairwise(split) if name == option] or [usual]
        yield from (Path(os.path.realpath(scratch / "here" / value)) for value in values)
    yield scratch / "fresh"


def _here(line: Line) -> End:
    """Call the command in this process."""
    late, out, err = [], _stream("strict"), _stream("backslashreplace")

    def ring(*_: object) -> None:
        late.append(True)
        raise TimeoutError

    handler = signal.signal(signal.SIGALRM, ring)
    argv, sys.argv = sys.argv, ["bench", *line.words]
    os.environ["SLURM_ARRAY_TASK_ID"] = line.array_task
    signal.setitimer(signal.ITIMER_REAL, RUN_SECONDS if line.verb.slow else SECONDS)
    code, how = None, "it did not exit"
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
            warnings.simplefilter("error")
            main()
    except SystemExit as left:
        code = int(left.code or 0)
    except BaseException as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        how = f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}: {str(error)[:80]!a}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        sys.argv = argv
    if late:
        code, how = None, f"it took longer than {RUN_SECONDS if line.verb.slow else SECONDS:.0f} s"
    return End(code, how, _text(out), _text(err))


def _elsewhere(line: Line) -> End:
    """Call the command in a process of its own, whose output is closed, or full, or cannot show every sign."""
    encoding = line.output if line.output in ("ascii", "latin-1") else ""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "SLURM_ARRAY_TASK_ID": line.array_task}
    env |= {"PYTHONIOENCODING": encoding} if encoding else {}
    shell = f'set -o pipefail; "$@" {"" if encoding else line.output}'
    command = ["bash", "-c", shell, "bash", sys.executable, "-m", "harness", *line.words]
    try:
        done = subprocess.run(command, env=env, capture_output=True, timeout=RUN_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return End(None, f"it took longer than {RUN_SECONDS:.0f} s", "", "")
    return End(done.returncode, "", *(stream.decode(errors="replace") for stream in (done.stdout, done.stderr)))


@contextlib.contextmanager
def _surroundings(scratch: Path) -> Iterator[None]:
    """A working folder, a folder for temporary files, a bound on memory; and what a process that times must have."""
    folder, temporary, environment = os.getcwd(), tempfile.tempdir, dict(os.environ)
    limits = resource.getrlimit(resource.RLIMIT_DATA)  # not of addresses, of which what draws charts reserves many
    for name in ("here", "tmp"):
        (scratch / name).mkdir()
    os.chdir(scratch / "here")
    tempfile.tempdir = str(scratch / "tmp")
    os.environ |= {"TMPDIR": tempfile.tempdir, "PYTHONDONTWRITEBYTECODE": "1"}
    os.environ |= {key: value for key, value in WORKER_ENVIRONMENT.items() if key not in os.environ}
    sys.dont_write_bytecode, bytecode = True, sys.dont_write_bytecode
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, limits)
        sys.dont_write_bytecode, tempfile.tempdir = bytecode, temporary
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)


def _furnish(scratch: Path) -> None:
    """Good records, files of strangers, and what is no folder."""
    good_records(Store(scratch / "good"))
    shutil.copy(Path(__file__).with_name("own.py"), scratch)
    for name, text in (
        ("broken", "def task(:"),
        ("exits", "raise SystemExit(0)"),
        ("leaves", "import os; os._exit(0)"),
    ):
        (scratch / f"{name}.py").write_text(f"{text}\n")
    for name in ("empty", "data", "locked"):
        (scratch / name).mkdir()
    (scratch / "locked").chmod(0)
    (scratch / "file").write_text("here")
    (scratch / "loop").symlink_to("loop")
    (scratch / "link").symlink_to("good")
    git = ["git", "-c", "user.name=x", "-c", "user.email=x", "-C", str(scratch / "here")]
    for words in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "--message", "nothing"]):
        subprocess.run([*git, *words], check=True)


def _tree(folder: Path) -> dict[str, tuple[int, ...]]:
    """Everything in a folder, with its kind, size and time."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(place, name)
            facts = os.lstat(path)
            if f"{os.sep}.git{os.sep}" not in path and not name.startswith("torchinductor_"):
                more = (facts.st_size, facts.st_mtime_ns) if stat.S_ISREG(facts.st_mode) else ()
                found[os.path.relpath(path, folder)] = (facts.st_mode, *more)
    return found


def _put_back(scratch: Path, before: dict[str, tuple[int, ...]]) -> None:
    for name in _tree(scratch).keys() - before.keys():
        path = scratch / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _stream(errors: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors=errors)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    found: Any = stream.buffer
    return str(found.getvalue().decode(errors="replace"))


if __name__ == "__main__":
    by_hand(fuzz_lines, 400)
