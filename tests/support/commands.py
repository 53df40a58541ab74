"""What a command line may say: the targets of make and the options of each verb; and what a run leaves."""

import json
import re
from pathlib import Path
from typing import Any

from harness.cli import cli

from . import ROOT

RUN = ("run", "--task", "sfc", "--protocol", "smoke", "--workers", 0, "--seeds", 1)
TARGETS = set(re.findall(r"^([\w-]+):(?!=)", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def options_of(*words: str) -> set[str]:
    """Of the verb, and of the verb below it where it has some."""
    known = cli.commands[words[0]]
    if isinstance(known, type(cli)):
        known = known.commands[words[1]]
    return {word for option in known.params for word in (*option.opts, *option.secondary_opts)}


def records(folder: Path, kind: str = "runs") -> list[dict[str, Any]]:
    """The records of runs, or the measures, anywhere below a folder, in the order of their paths."""
    return [json.loads(path.read_text()) for path in sorted(folder.rglob(f"{kind}/**/*.json"))]


def statuses(folder: Path) -> dict[str, str]:
    """Of the runs, by the model's name in its file."""
    return {record["cell"]["model"].rpartition(":")[2]: record["status"] for record in records(folder)}
