"""Files that are written whole or not at all, under names that say whose they are until then."""

import os
import uuid
from contextlib import suppress
from pathlib import Path

from .. import machine
from ..errors import Unwritable


def write_whole(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Write a temporary file beside it, flushed to the disk, then renamed. Raises Unwritable.

    The umask holds. What dies meanwhile leaves `.<machine>-<process>-....tmp`, which `running.sweep` deletes.
    """
    temporary = path.with_name(f".{machine.here()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            if flush:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise Unwritable(
            f"{path} cannot be written ({error.strerror or error}); nothing of it is lost that was there before, "
            "and with room or permission the same command goes on from here"
        ) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
