"""Download a file that may be there in part; the only module that uses the network, and only `fetch` asks it to."""

import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from .sources import Download

AGENT = "multiscale-rnn-bench"
CHUNK = 1 << 18
TIMEOUT = 30.0  # seconds without a byte
PAUSE = 1.0  # seconds before a connection that was cut is opened again

Tell = Callable[[str, int, int], None]
"""Hears of the progress: what is done, bytes so far, bytes in all."""


class Unreachable(ValueError):
    """A server that is not there, breaks off, or has something else; the next mirror may do better."""


def download(url: str, wanted: Download, waiting: Path, tell: Tell) -> Path:
    """Bring a file into the folder `waiting` and check it. Raises Unreachable.

    What came before an interruption stays there as FILE.part, and the next call goes on behind it.
    """
    import pooch

    pooch.get_logger().setLevel("ERROR")
    part = waiting / f"{wanted.file}.part"
    if not wanted.checksum:
        part.unlink(missing_ok=True)  # the rest of another packing would not fit

    def bring(url: str, output: str, _: object) -> None:
        _resume(url, part, wanted, tell)
        _lend(part, Path(output))

    try:
        got = pooch.retrieve(url, wanted.checksum or None, fname=wanted.file, path=waiting, downloader=bring)
    except Unreachable:
        raise
    except ValueError as error:  # pooch, of a checksum
        part.unlink(missing_ok=True)
        raise Unreachable(str(error).partition(". Deleted")[0]) from None
    part.unlink(missing_ok=True)
    return Path(got)


def _lend(part: Path, output: Path) -> None:
    """Give pooch the file but keep hold of it: pooch deletes what it has when it is interrupted over the checksum."""
    output.unlink(missing_ok=True)
    try:
        os.link(part, output)
    except OSError:  # a file system without hard links
        os.replace(part, output)


def _resume(url: str, part: Path, wanted: Download, tell: Tell) -> None:
    """Open connections as long as every one of them brings something."""
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _connect(url, part, wanted, tell)
            return
        except Unreachable:
            if not part.exists() or part.stat().st_size <= before:
                raise
        time.sleep(PAUSE)


def _connect(url: str, part: Path, wanted: Download, tell: Tell) -> None:
    """Go on with a file over one connection. Raises Unreachable where that ends before the file does."""
    exact = 0 if wanted.about else wanted.size
    begun = part.stat().st_size if part.exists() else 0
    if exact and begun == exact:
        return
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
    if begun:
        headers["Range"] = f"bytes={begun}-"
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            rest = error.headers.get("Content-Range", "")
        if error.code != 416:
            raise Unreachable(f"{error.code} {error.reason}") from None
        if rest == f"bytes */{begun}":  # nothing is left to send
            return None
        part.unlink()  # longer than what the server has
        return _connect(url, part, wanted, tell)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreachable(str(getattr(error, "reason", error) or type(error).__name__)) from None
    with response:
        if response.status != 206 or not response.headers.get("Content-Range", "").startswith(f"bytes {begun}-"):
            begun = 0  # the server sends all of it again
        length = response.headers.get("Content-Length")
        total = begun + int(length) if length else exact
        if exact and total != exact:
            raise Unreachable(f"a file of {total:,} bytes instead of {exact:,}")
        with part.open("ab" if begun else "wb") as sink:
            while chunk := _read(response):
                sink.write(chunk)
                tell(wanted.file, sink.tell(), total or wanted.size)
            if total and sink.tell() < total:
                raise Unreachable(f"the connection was cut after {sink.tell():,} of {total:,} bytes")


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(str(error) or type(error).__name__) from None
