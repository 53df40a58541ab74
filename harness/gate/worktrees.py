"""Two commits of the repository one stands in, each in a folder of its own for as long as a block runs."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..errors import BenchError
from ..machine import git_environment

HERE = "."  # names the working tree as it is


@dataclass(frozen=True, slots=True)
class Checkout:
    """A commit, or the working tree, and its folder. side: base, or head."""

    side: str
    name: str  # as it was asked for
    commit: str  # its hash; of the working tree that of HEAD
    folder: Path

    def __str__(self) -> str:
        if self.name == HERE:
            return f"{self.side} (the working tree on {self.commit[:10]})"
        return f"{self.side} ({self.name if self.commit.startswith(self.name) else f'{self.name}, {self.commit[:10]}'})"


@contextmanager
def checkouts(base: str, head: str) -> Iterator[tuple[Checkout, Checkout, Path]]:
    """Both in folders, and an empty folder beside them; all is removed at the end, however that comes about.

    Raises BenchError for what is no repository, or no commit.
    """
    root = Path(
        _git(Path.cwd(), "rev-parse", "--show-toplevel", error="this folder is in no git repository; go to one")
    )
    hashes = [_commit(root, name) for name in (base, head)]
    scratch = Path(tempfile.mkdtemp(prefix="bench-gate-"))
    try:
        sides = []
        for side, name, commit in zip(("base", "head"), (base, head), hashes, strict=True):
            folder = root if name == HERE else scratch / side
            if name != HERE:
                why = f"commit {commit[:10]} cannot be checked out"
                _git(root, "worktree", "add", "--detach", "--quiet", str(folder), commit, error=why)
            sides.append(Checkout(side, name, commit, folder))
        (scratch / "results").mkdir()
        yield sides[0], sides[1], scratch / "results"
    finally:
        _remove(root, [scratch / side for side, name in (("base", base), ("head", head)) if name != HERE])
        shutil.rmtree(scratch, ignore_errors=True)


def _remove(root: Path, folders: Sequence[Path]) -> None:
    """Remove worktrees, also those that git has made only half or not begun."""
    for folder in folders:
        git = ["git", "-C", str(root), "worktree"]
        # git locks a worktree until it is whole; said twice, --force removes also that
        remove = [*git, "remove", "--force", "--force", str(folder)]
        done = subprocess.run(remove, env=git_environment(), capture_output=True)
        if done.returncode:
            shutil.rmtree(folder, ignore_errors=True)
            for words in (("unlock", str(folder)), ("prune",)):
                subprocess.run([*git, *words], env=git_environment(), capture_output=True)


def _commit(root: Path, name: str) -> str:
    wanted = "HEAD" if name == HERE else name
    why = f"there is no commit called '{name}' here; a shallow clone has few, and `git fetch --unshallow` completes it"
    return _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{wanted}^{{commit}}", error=why)


def _git(folder: Path, *words: str, error: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], env=git_environment(), capture_output=True, text=True)
    except OSError:
        raise BenchError("git is missing; install it, `bench gate` compares commits") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise BenchError(f"{error}{f' ({said[-1]})' if said else ''}")
    return done.stdout.strip()
