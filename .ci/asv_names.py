"""asv names an environment that exists by the whole path of its interpreter, which no committed result should have.

`asv_names.py in|out FOLDER INTERPRETER`: in: give the results in a folder the names that asv looks for; out: the
version of Python instead.
"""

import json
import subprocess
import sys
from pathlib import Path


def rename(folder: Path, source: tuple[str, str], target: tuple[str, str]) -> None:
    """Give results of the environment and interpreter `source` those of `target`, in the file's name and inside."""
    for path in folder.glob(f"*-{source[0]}.json"):
        data = json.loads(path.read_text(encoding="utf-8"))
        data["env_name"], data["python"] = target
        data["params"]["python"] = target[1]
        new = path.with_name(path.name.removesuffix(f"{source[0]}.json") + f"{target[0]}.json")
        new.write_text(json.dumps(data) + "\n", encoding="utf-8")
        if new != path:
            path.unlink()


def main(way: str, folder: str, interpreter: str) -> None:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    version = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    ours = f"existing-py{version}", version
    theirs = "existing-py" + interpreter.replace("/", "_"), interpreter
    rename(Path(folder), *((ours, theirs) if way == "in" else (theirs, ours)))


if __name__ == "__main__":
    main(*sys.argv[1:])
