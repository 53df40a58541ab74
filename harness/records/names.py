"""Names become parts of paths: each another one, none too long, none a way out of its folder."""

import hashlib
import re
from pathlib import Path

from ..plan import split_options

LONGEST = 200  # bytes; a file system takes 255 with what stands around a name


def folder(name: str) -> str:
    """The folder of a protocol, a task or a model in a results folder; '/my/net.py:Net' is 'net.py:Net~' and a digest.

    The record inside says what the name was.
    """
    return _safe(name, r",:()\[\]")


def page(name: str) -> str:
    """A protocol's folder of pages, or a task's name as part of a page's; a link can hold it as it is."""
    return _safe(name, "")


def _safe(name: str, also: str) -> str:
    """The name if it is plain, else what is plain of it and a digest of the whole."""
    base, _ = split_options(name)
    place, colon, attribute = base.rpartition(":")
    short = f"{Path(place).name}:{attribute}{name[len(base) :]}" if colon else name
    word = re.sub(rf"^\.|[^\w.@=+{also}-]", "_", short)
    if word and word == name and len(name.encode()) <= LONGEST:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{word.encode()[: LONGEST - 11].decode(errors='ignore')}~{digest}"
