"""Download a file that may be there in part; the only module that uses the network, and only `fetch` asks it to."""

import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from .sources import Download
from .whole import differs

AGENT = "multiscale-rnn-bench"
CHUNK = 1 << 18
TIMEOUT = 30.0  # seconds without a byte
PATIENCE = 60.0  # seconds in which LEAST bytes must come
LEAST = 1 << 16  # nor is a connection taken up again that broke off before these
PAUSE = 1.0  # seconds before a connection that was cut is opened again

Tell = Callable[[str, int, int], None]
"""Hears of the progress: what is done, bytes so far, bytes in all."""


class Unreachable(Exception):
    """A server that is not there, breaks off, or has something else; the next mirror may do better."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to other servers, but never from a safe connection to an open one."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        if urlsplit(newurl).scheme not in ("https", req.type):
            raise Unreachable(f"it leads to {newurl!r:.100}, which is not safe")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(url: str, wanted: Download, waiting: Path, tell: Tell) -> Path:
    """Bring a file into the folder `waiting` and check it. Raises Unreachable.

    What came before an interruption stays there as FILE.part, and the next call goes on behind it. Never more
    than `wanted.most` bytes are kept.
    """
    whole, part = waiting / wanted.file, waiting / f"{wanted.file}.part"
    if whole.is_file() and not differs(wanted, whole):  # the command ended before it was unpacked
        return whole
    if not wanted.checksum:
        part.unlink(missing_ok=True)  # the rest of another packing would not fit
    begun = part.exists()
    _resume(url, part, wanted, tell)
    if wrong := differs(wanted, part):
        part.unlink()
        if begun:  # it may be what was there before
            return download(url, wanted, waiting, tell)
        raise Unreachable(wrong)
    os.replace(part, whole)
    return whole


def _resume(url: str, part: Path, wanted: Download, tell: Tell) -> None:
    """Open connections as long as every one of them brings something."""
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            return _connect(url, part, wanted, tell)
        except Unreachable:
            if not part.exists() or part.stat().st_size < before + LEAST:
                raise
        time.sleep(PAUSE)


def _connect(url: str, part: Path, wanted: Download, tell: Tell) -> None:
    """Go on with a file over one connection. Raises Unreachable where that ends before the file does."""
    exact = 0 if wanted.about else wanted.size
    begun = part.stat().st_size if part.exists() else 0
    if begun > wanted.most:
        part.unlink()
        begun = 0
    if exact and begun == exact:
        return None
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
    if begun:
        headers["Range"] = f"bytes={begun}-"
    try:
        request = urllib.request.Request(url, headers=headers)
        response = urllib.request.build_opener(_Redirects).open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            rest = error.headers.get("Content-Range", "")
        if error.code != 416 or not begun:
            raise Unreachable(f"{error.code} {http.client.responses.get(error.code, '')}") from None
        if rest == f"bytes */{begun}":  # nothing is left to send
            return None
        part.unlink()  # longer than what the server has
        return _connect(url, part, wanted, tell)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreachable(_words(error)) from None
    with response:
        if response.status != 206 or not response.headers.get("Content-Range", "").startswith(f"bytes {begun}-"):
            begun = 0  # the server sends all of it again
        total = exact if response.length is None else begun + response.length
        if total > wanted.most or (exact and total != exact):
            raise Unreachable(f"a file of {total:,} bytes instead of {'about ' * wanted.about}{wanted.size:,}")
        with part.open("ab" if begun else "wb") as sink:
            _pour(response, sink, wanted, lambda done: tell(wanted.file, done, total or wanted.size))
    come = part.stat().st_size
    if come > wanted.most:
        part.unlink()
        raise Unreachable(f"more than {wanted.most:,} bytes")
    if come < total:
        raise Unreachable(f"the connection was cut after {come:,} of {total:,} bytes")


def _pour(response: http.client.HTTPResponse, sink: IO[bytes], wanted: Download, tell: Callable[[int], None]) -> None:
    """Write what comes, until it ends or is too much. Raises Unreachable where it comes too slowly or breaks."""
    since, before = time.monotonic(), sink.tell()
    while chunk := _read(response, min(CHUNK, wanted.most + 1 - sink.tell())):  # one more than allowed, to know it
        sink.write(chunk)
        tell(sink.tell())
        if time.monotonic() > since + PATIENCE:
            if sink.tell() < before + LEAST:
                raise Unreachable(f"only {sink.tell() - before:,} bytes in {PATIENCE:.0f} s")
            since, before = time.monotonic(), sink.tell()


def _read(response: http.client.HTTPResponse, most: int) -> bytes:
    try:
        return response.read1(most)  # not `read`, which waits until all of it is there
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreachable(_words(error)) from None


def _words(error: Exception) -> str:
    """What went wrong, in one line; a server may have chosen the words."""
    return "".join(filter(str.isprintable, str(getattr(error, "reason", error) or type(error).__name__)))[:200]
