"""Faults that `bench gate` must find, planted into one model of a copy of this repository."""

import shutil
import statistics
import subprocess
from pathlib import Path

from harness.gate.workers import Worker

from . import ROOT

MODEL, FILE, SPEC = "hm-lstm", "hmlstm.py", "HM_LSTM"  # whose training notices at once what it cannot see
HOOK = """

# ---- planted by tests/support/plants.py
def _planted(build):
    import time
    from dataclasses import replace

    def before(module, args):
        {body}

    def made(shape, width):
        module = build(shape, width)
        module.register_forward_pre_hook(before)
        return module

    return replace({spec}, build=made)


{spec} = _planted({spec}.build)
"""
BODIES = {
    "slow": "end = time.perf_counter() + {milliseconds} / 1000\n        while time.perf_counter() < end: pass",
    # kept until the next step, as an activation that somebody forgot
    "activation": "module.kept = args[0].new_zeros(args[0].shape[0], args[0].shape[1], 32)",
    # all but the last quarter of a sequence is forgotten
    "accuracy": "kept = args[0].clone(); kept[:, : 3 * kept.shape[1] // 4] = 0; return (kept,)",
}


def git(folder: Path, *words: str) -> str:
    """What git says in a folder."""
    own = ("-c", "user.name=gate", "-c", "user.email=gate@localhost", "-c", "commit.gpgsign=false")
    return subprocess.run(
        ["git", "-C", folder, *own, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


def repository(folder: Path) -> Path:
    """A repository of one commit with the three packages of this tree."""
    for package in ("harness", "models", "tasks"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    git(folder, "init", "--quiet", "--initial-branch", "main")
    return commit(folder, "base")


def commit(folder: Path, message: str) -> Path:
    """Commit all that lies there."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)
    return folder


def usual(folder: Path, model: str = MODEL) -> float:
    """Milliseconds of the median step of a model, in a process that works alone."""
    worker = Worker("the copy", folder)
    try:
        worker.ask(ask="make", model=model)
        return statistics.median(worker.ask(ask="steps", count=400)["milliseconds"])
    finally:
        worker.close()


def plant(folder: Path, fault: str, *, milliseconds: float = 0.0) -> None:
    """Append a fault to the file of the model."""
    text = 'raise RuntimeError("planted")\n'
    if fault != "import":
        text = HOOK.format(spec=SPEC, body=BODIES[fault].format(milliseconds=milliseconds))
    with (folder / "models" / FILE).open("a", encoding="utf-8") as end:
        end.write(text)
