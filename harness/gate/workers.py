"""Processes that a gate asks, one for each side: a JSON line to standard input, one back."""

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..process import WORKER_ENVIRONMENT

PROBE = Path(__file__).with_name("probe.py")
PATIENCE = 180.0  # seconds for an answer; building the native code is the longest


class Broken(Exception):
    """A commit that cannot be judged; the text is a sentence without a full stop."""


class Worker:
    """A process in a commit's folder with its code on the path, this interpreter and the probe of this tree."""

    def __init__(
        self,
        who: str,
        folder: Path,
        device: str = "cpu",
        *,
        command: Sequence[str] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.who, self.patience = who, patience
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it is open as long as the process
        # -P: the folder of the probe, which has our modules, stays off the path
        self.process = subprocess.Popen(
            command or [sys.executable, "-P", str(PROBE), device],
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,  # Ctrl-C is ours alone
        )

    def ask(self, **request: object) -> dict[str, Any]:
        """The answer. Raises Broken where there is none, or it is an error."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            raise Broken(f"{self.who} ended: {self._last_words()}") from None
        ready, _, _ = select.select([self.process.stdout], [], [], self.patience)
        if not ready:
            raise Broken(f"{self.who} has not answered for {self.patience:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            raise Broken(f"{self.who} ended: {self._last_words()}")
        said: dict[str, Any] = json.loads(line)
        if "error" in said:
            raise Broken(f"{self.who} fails: {said['error']}")
        return said

    def close(self) -> None:
        """End the process, whatever it is at."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self._errors):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was not sent yet has no reader any more
                    continue

    def _last_words(self) -> str:
        code = self.process.wait(timeout=10)
        self._errors.seek(0)
        return last_line(self._errors.read().decode(errors="replace")) or f"exit code {code}"


def environment(folder: Path) -> dict[str, str]:
    """One thread, the allocator as `bench run` sets it, and the code of a commit before any other."""
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    return {**os.environ, **WORKER_ENVIRONMENT, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
