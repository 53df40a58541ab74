"""A checkpoint as bytes: a line of JSON that says what it is of, then what torch saves.

Its checksum tells whether it is what was written, and what it is of whether it may be gone on from. A model may keep
anything in its state, so what this user has written here, which a seal with a key of the user's shows, is read back
whole. What comes from elsewhere could run code while it is read; of that only tensors and plain values are taken.
"""

import hashlib
import hmac
import io
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import BenchError, sentence

FORMAT = "bench checkpoint 5"


class Unkeepable(BenchError):
    """A state that cannot be saved, as it holds what cannot be pickled."""


class Refused(BenchError):
    """A checkpoint that is damaged, or of something else."""


def packed(made_for: Mapping[str, Any], state: Mapping[str, Any]) -> bytes:
    """A checkpoint of what `made_for` says, words and plain values. Raises Unkeepable."""
    import torch

    buffer = io.BytesIO()
    try:
        torch.save(dict(state), buffer)
    except OSError:
        raise
    except Exception as error:  # whatever pickling the parts of a stranger's model raises
        raise Unkeepable(f"its state cannot be saved: {sentence(error)}") from None
    content = buffer.getvalue()
    head = {"format": FORMAT, **made_for, "sha256": hashlib.sha256(content).hexdigest()}
    line = json.dumps(head | {"seal": _seal(head)}).encode()
    return line + b"\n" + content


def unpacked(packed: bytes, made_for: Mapping[str, Any]) -> dict[str, Any]:
    """The state of a checkpoint, on the CPU. Raises Refused, which says what is wrong with it, unless it is of this."""
    import torch

    line, _, content = packed.partition(b"\n")
    try:
        head = json.loads(line)
        seal = head.pop("seal")
    except (ValueError, KeyError, AttributeError):
        raise Refused("it is damaged, or of an older version") from None
    if head.pop("sha256", None) != hashlib.sha256(content).hexdigest():
        raise Refused("it is damaged: its checksum is another one")
    for word, wanted in {"format": FORMAT, **made_for}.items():
        if head.get(word) != wanted:
            raise Refused(f"its {word} is {head.get(word)} where {wanted} is wanted")
    own = hmac.compare_digest(str(seal), _seal({**head, "sha256": hashlib.sha256(content).hexdigest()}) or "none")
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=not own)
    except Exception as error:  # torch raises many kinds; a checkpoint only saves time
        why = sentence(error) if own else "it holds more than numbers, and was not written by this user on this system"
        raise Refused(f"it cannot be read: {why}") from None
    return state


def _seal(head: Mapping[str, Any]) -> str:
    """What only this user can write under a head, or an empty text where no key can be kept."""
    key = _key()
    return hmac.new(key, json.dumps(head, sort_keys=True).encode(), hashlib.sha256).hexdigest() if key else ""


@cache
def _key() -> bytes:
    """A secret of this user's, made when it is first needed; empty where it cannot be kept, or others may read it."""
    path = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "multiscale-rnn-bench" / "checkpoint-key"
    with suppress(OSError, RuntimeError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(32))
        state = path.stat()
        if state.st_uid == os.getuid() and not state.st_mode & 0o077:
            key = path.read_bytes()
            return key if len(key) == 32 else b""
    return b""
