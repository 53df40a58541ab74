"""Where data sets lie, and whether they are whole."""

import os
from pathlib import Path


class DataError(Exception):
    """Data that are missing or damaged, and what to do about it, in one sentence."""


def cache_folder() -> Path:
    """The user's cache folder of this project."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "multiscale-rnn-bench"


def data_folder(data_root: Path | None) -> Path:
    """Where the data sets lie: the root that was given, else a folder in the user's cache."""
    return data_root or cache_folder() / "data"


def folder(name: str, data_root: Path | None) -> Path:
    """The folder of a data set with all its files. Raises DataError where it is not there."""
    found = data_folder(data_root) / name
    if not found.is_dir():
        raise DataError(f"the data set {name} is missing: there is no folder {found}")
    return found


def derived(name: str) -> Path:
    """A writable folder for what is computed from a data set."""
    made = cache_folder() / "derived" / name
    made.mkdir(parents=True, exist_ok=True)
    return made
