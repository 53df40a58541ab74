"""A campaign of cells that is disturbed once at a random moment, and then the same command again.

What is disturbed runs in a process of its own, on a small disk of its own where that can be mounted.
"""

from __future__ import annotations

import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from support.cells import apart_from_times

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120.0  # longer than any of these takes, however loaded the machine
TRIES = 3  # of the same command, until it ends with 0
SLOW = """
import time
from harness.catalog import find_model

def Slow(shape, width):
    "A GRU whose training takes a while and no processor."
    module = find_model("gru").build(shape, width)
    module.register_forward_pre_hook(lambda module, given: time.sleep(0.12) if module.training else None)
    return module
"""
WORDS = shlex.split("run --task sfc --models gru,slow:Slow --protocol smoke --seeds 2 --workers 2 --no-measure")
CLOCK = """
import time
from pathlib import Path

def told(true=time.time, file=Path(__file__).with_name("back")):
    "The time of day, so many seconds back."
    try:
        return true() - float(file.read_text())
    except (OSError, ValueError):
        return true()

time.time = told
time.time_ns = lambda: int(told() * 1e9)
"""
DISK = 2**21  # bytes
ASIDE = {"machine", "notes", "reason", "digest"}  # of a record: where it ran, and what is said of that


class Impossible(Exception):
    """This disturbance cannot be made here, and why."""


class Campaign:
    """The folder of a campaign, and its command."""

    def __init__(self, folder: Path, more: tuple[str, ...] = ()) -> None:
        self.folder, self.results = folder, folder / "results"
        self.words = [*WORDS, *more, "--results", str(self.results)]
        self.env = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"}
        self.said: list[str] = []  # by each process, whole
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "slow.py").write_text(SLOW)

    def on(self, executor: str, env: dict[str, str]) -> None:
        """From now on its cells run there."""
        self.words += ["--executor", executor]
        self.env = self.env | env

    def begin(self) -> subprocess.Popen[bytes]:
        """Start the command, in a session of its own."""
        self.said.append("")
        out = (self.folder / f"said-{len(self.said)}").open("wb")
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *self.words],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def end(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for it and for all that it began. Raises TimeoutError, with all of them killed."""
        last = time.monotonic() + SECONDS
        try:
            code = process.wait(SECONDS)
            while left := session(process.pid):
                if time.monotonic() > last:
                    raise TimeoutError(f"{len(left)} processes are left")
                time.sleep(0.1)
            return code
        except subprocess.TimeoutExpired:
            raise TimeoutError("the command does not end") from None
        finally:
            for pid in session(process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def output(self) -> str:
        """What all its processes have said."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("said-*")))

    def records(self) -> dict[str, bytes]:
        """Path -> content of every record."""
        return {
            str(path.relative_to(self.results)): path.read_bytes()
            for path in sorted((self.results / "runs").rglob("*.json"))
        }

    def checkpoints(self) -> list[Path]:
        """Those of unfinished cells."""
        return sorted((self.results / "checkpoints").rglob("*.pt"))


def numbers(content: bytes) -> Any:
    """What a record says of its cell, apart from times and from where it ran."""
    return apart_from_times({key: value for key, value in json.loads(content).items() if key not in ASIDE})


def table(said: str) -> str:
    """The last table that was printed."""
    lines = said.splitlines()
    start = max((n for n, line in enumerate(lines) if line.startswith("Model ")), default=0)
    return "\n".join(line.rstrip() for line in lines[start : start + 4])


def session(leader: int) -> list[int]:
    """The processes of a session that live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError, ValueError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader and fields[0] != "Z":
                found.append(int(path.parent.name))
    return found


# ----------------------------------------------------------------------------- what disturbs
# each begins the command, disturbs it and waits for it

Fault = Callable[[Campaign, random.Random, float], None]  # the seconds that an undisturbed command takes


def sent(number: signal.Signals) -> Fault:
    """A signal to the runner or to one of its workers at any moment; one that stops is followed by SIGCONT."""

    def disturb(campaign: Campaign, rng: random.Random, seconds: float) -> None:
        process = campaign.begin()
        time.sleep(rng.uniform(0.1, seconds))
        others = [pid for pid in session(process.pid) if pid != process.pid]
        target = rng.choice(others) if rng.random() < 0.5 and others else process.pid
        with suppress(ProcessLookupError):
            os.kill(target, number)
            if number == signal.SIGSTOP:
                time.sleep(rng.uniform(1, 5))
                os.kill(target, signal.SIGCONT)
        campaign.end(process)

    return disturb


@contextmanager
def disk(campaign: Campaign) -> Iterator[Path]:
    """The results lie on a small disk. Raises Impossible where none can be mounted."""
    campaign.results.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", campaign.results], capture_output=True, text=True
    )
    if mounted.returncode:
        raise Impossible(f"a small disk needs the right to mount: {mounted.stderr.strip()}")
    try:
        yield campaign.results
        kept = campaign.folder / "kept"
        shutil.copytree(campaign.results, kept)
    finally:
        subprocess.run(["umount", campaign.results], check=True)
    campaign.results.rmdir()
    kept.rename(campaign.results)


def full(campaign: Campaign, rng: random.Random, seconds: float) -> None:
    """Somebody else fills the disk, and empties it after the command has ended."""
    with disk(campaign) as place:
        process = campaign.begin()
        time.sleep(rng.uniform(0.1, seconds))
        other = place / "of-others"
        with suppress(OSError), other.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(256))
        campaign.end(process)
        other.unlink()


def read_only(campaign: Campaign, rng: random.Random, seconds: float) -> None:
    """The disk is read-only from some moment on, until the command has ended."""
    with disk(campaign) as place:
        process = campaign.begin()
        time.sleep(rng.uniform(0.1, seconds))
        while subprocess.run(["mount", "-o", "remount,ro", place], capture_output=True).returncode:
            time.sleep(0.01)  # a file is being written
        campaign.end(process)
        subprocess.run(["mount", "-o", "remount,rw", place], check=True)


def clock(campaign: Campaign, rng: random.Random, seconds: float) -> None:
    """The clock is set back, by up to two days."""
    (campaign.folder / "sitecustomize.py").write_text(CLOCK)
    process = campaign.begin()
    time.sleep(rng.uniform(0.1, seconds))
    (campaign.folder / "back").write_text(str(rng.randrange(1, 2 * 86400)))
    campaign.end(process)


def two_runners(campaign: Campaign, rng: random.Random, seconds: float) -> None:
    """The command is given twice, the second time while the first is at work."""
    first = campaign.begin()
    time.sleep(rng.uniform(0, seconds))
    second = campaign.begin()
    campaign.end(second)
    campaign.end(first)


def library(campaign: Campaign, rng: random.Random, seconds: float) -> None:
    """The compiled kernels in the cache end too early."""
    from tasks.data.fetch import cache_folder

    cache = campaign.folder / "cache"
    for path in cache_folder().rglob("*.so"):
        copy = cache / cache_folder().name / path.relative_to(cache_folder())
        copy.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        copy.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)])
    if not cache.exists():
        raise Impossible("no kernels are in the cache; `bench run` builds them")
    campaign.env = campaign.env | {"XDG_CACHE_HOME": str(cache)}
    campaign.end(campaign.begin())


def flipped(path: Path, rng: random.Random) -> None:
    """One bit of a file, any."""
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def checkpoint(campaign: Campaign, rng: random.Random, seconds: float) -> None:
    """A bit of a checkpoint that an interrupted command left."""
    process = campaign.begin()
    while not any("step" in path.read_text(errors="replace") for path in campaign.folder.glob("said-*")):
        if process.poll() is not None:
            break
        time.sleep(0.05)
    time.sleep(rng.uniform(0.5, 2))
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGINT)
    campaign.end(process)
    if left := campaign.checkpoints():
        flipped(rng.choice(left), rng)


def record(campaign: Campaign, rng: random.Random, seconds: float) -> None:
    """A bit of a record."""
    campaign.end(campaign.begin())
    flipped(campaign.results / rng.choice(sorted(campaign.records())), rng)


KINDS: dict[str, Fault] = {
    **{
        f"{number.name} to the runner or a worker": sent(number)
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGSTOP)
    },
    "a full disk": full,
    "a read-only folder of results": read_only,
    "a clock set back": clock,
    "two runners on one folder": two_runners,
    "a truncated native library": library,
    "a flipped bit of a checkpoint": checkpoint,
    "a flipped bit of a record": record,
}
