"""asv names an environment that exists by the whole path of its interpreter, which no committed result should have.

`asv_names.py in|out FOLDER INTERPRETER`: in: give the results in a folder the name that asv looks for; out: the
version of Python instead.
"""

import json
import subprocess
import sys
from pathlib import Path


def rename(folder: Path, source: str, target: str) -> None:
    """Give results of the environment `source` the name `target`, in the name of the file and inside."""
    for path in folder.glob(f"*-{source}.json"):
        text = path.read_text(encoding="utf-8")
        new = path.with_name(path.name.removesuffix(f"{source}.json") + f"{target}.json")
        new.write_text(text.replace(json.dumps(source), json.dumps(target)), encoding="utf-8")
        path.unlink()


def main(way: str, folder: str, interpreter: str) -> None:
    code = "import sys; print('existing-python%d.%d' % sys.version_info[:2])"
    ours = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    theirs = "existing-py" + interpreter.replace("/", "_")
    rename(Path(folder), *((ours, theirs) if way == "in" else (theirs, ours)))


if __name__ == "__main__":
    main(*sys.argv[1:])
