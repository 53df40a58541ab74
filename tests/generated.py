"""Tables of the documents that a command prints.

    python tests/generated.py        prints them anew into the documents; `make docs`

A table stands between `<!-- generated: bench WORDS -->` and `<!-- /generated -->`.
"""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = "make docs"
BLOCK = re.compile(r"(<!-- generated: bench ([^\n]*) -->\n).*?(<!-- /generated -->)", flags=re.DOTALL)


def renewed(text: str, printed: Callable[..., str]) -> str:
    """A document whose tables are what their commands print now; printed(*words) is what `bench` prints."""
    return BLOCK.sub(lambda found: found[1] + printed(*shlex.split(found[2])) + found[3], text)


def _printed(*words: str) -> str:
    command = [sys.executable, "-m", "harness", *words]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, encoding="utf-8").stdout


if __name__ == "__main__":
    for path in DOCUMENTS:
        before = path.read_text(encoding="utf-8")
        after = renewed(before, _printed)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(path.relative_to(ROOT))
