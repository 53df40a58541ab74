"""What servers send is bounded by what was declared, in bytes and in time, and nothing is left of a fetch that ends."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from support import ROOT
from support.file_server import WORDS, begun, packed, sha256, toy

from tasks.data import download, fetch
from tasks.data.sources import DataError
from tasks.data.whole import verify

GOOD = packed()
MUCH = 100 * len(GOOD)


def length(size):
    return b"Content-Length: %d\r\n" % size


def zeros(size):
    return (bytes(1 << 16) for _ in range(size >> 16))


def chunked(pieces):
    for piece in pieces:
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


@pytest.fixture
def speaker(server):
    """`speaker(head, pieces)` is the address of a server that says these to whoever connects, whatever was asked."""
    listeners = []

    def serve(listener, head, pieces):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(1 << 16)
                    connection.sendall(head + b"\r\n")
                    for piece in pieces():
                        connection.sendall(piece)
                except OSError:  # nobody listens any more
                    pass

    def speak(head, pieces=tuple, status=b"200 OK"):
        listeners.append(socket.create_server(("127.0.0.1", 0)))
        words = (listeners[-1], b"HTTP/1.1 " + status + b"\r\nConnection: close\r\n" + head, pieces)
        threading.Thread(target=serve, args=words, daemon=True).start()
        return f"http://127.0.0.1:{listeners[-1].getsockname()[1]}/toy.zip"

    yield speak
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def fetched(source, root):
    """The largest number of bytes that lay below the root while a data set was fetched."""
    most = 0

    def tell(*_):
        nonlocal most
        most = max(most, sum(file.stat().st_size for file in root.rglob("*") if file.is_file()))

    fetch.fetch(source, root, tell)
    return most


def refused(source, root):
    """Why it was refused; nothing is left of it, and it was never longer than declared."""
    heard = []
    with pytest.raises(DataError) as caught:
        fetch.fetch(source, root, lambda what, done, total: heard.append(done))
    assert max(heard, default=0) <= source.downloads[0].most + 1
    assert list((root / "toy").iterdir()) == []
    return str(caught.value)


@pytest.mark.parametrize("about", [False, True])
def test_a_server_that_says_how_much_too_much_it_has_sends_nothing(speaker, tmp_path, about):
    url = speaker(length(MUCH), lambda: zeros(MUCH))
    text = refused(toy([url], GOOD, about=about, checksum="" if about else sha256(GOOD)), tmp_path)
    assert f"a file of {MUCH:,} bytes instead of {'about ' * about}{len(GOOD):,}" in text


@pytest.mark.parametrize("about", [False, True])
@pytest.mark.parametrize(
    ("head", "pieces"),
    [
        (b"", lambda: zeros(MUCH)),
        (b"Content-Length: nonsense\r\n", lambda: zeros(MUCH)),
        (b"Content-Length: -1\r\n", lambda: zeros(MUCH)),
        (b"Transfer-Encoding: chunked\r\n", lambda: chunked(zeros(MUCH))),
        (b"Transfer-Encoding: chunked\r\n" + length(len(GOOD)), lambda: chunked(zeros(MUCH))),
    ],
)
def test_a_server_that_does_not_say_it_is_left_once_it_is_too_much(speaker, tmp_path, head, pieces, about):
    source = toy([speaker(head, pieces)], GOOD, about=about)
    assert f"more than {source.downloads[0].most:,} bytes" in refused(source, tmp_path)


def test_what_comes_whole_without_a_length_is_taken(speaker, tmp_path):
    assert fetched(toy([speaker(b"", lambda: [GOOD])], GOOD), tmp_path / "1") <= 2 * len(GOOD) + 1000
    head, pieces = b"Transfer-Encoding: chunked\r\n", lambda: chunked([GOOD[:99], GOOD[99:]])
    fetch.fetch(toy([speaker(head, pieces)], GOOD), tmp_path / "2")
    assert verify(toy((), GOOD), tmp_path / "2" / "toy").state == "whole"


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (length(0), "a file of 0 bytes instead of"),
        (length(99), "a file of 99 bytes instead of"),
        (b"", "the connection was cut after 0 of"),
        (b"Transfer-Encoding: chunked\r\n", "IncompleteRead"),
    ],
)
def test_too_little_is_refused(speaker, tmp_path, head, why):
    assert why in refused(toy([speaker(head)], GOOD), tmp_path)


@pytest.mark.parametrize("head", [b"", length(len(GOOD)), b"Transfer-Encoding: chunked\r\n"])
def test_a_server_that_drips_is_left(speaker, tmp_path, head, monkeypatch):
    monkeypatch.setattr(download, "PATIENCE", 0.3)

    def drops():
        for _ in range(100):
            time.sleep(0.05)
            yield b"1\r\nx\r\n"

    begun = time.monotonic()
    with pytest.raises(DataError, match=r"only \d+ bytes in 0 s"):
        fetch.fetch(toy([speaker(head, drops)], GOOD), tmp_path)
    assert time.monotonic() < begun + 4


def test_a_server_that_sends_a_drop_a_connection_is_left(server, tmp_path):
    server.files["toy.zip"] = GOOD
    server.cuts = [10] * 100
    with pytest.raises(DataError, match="the connection was cut after 10 of"):
        fetch.fetch(toy([f"{server.url}/toy.zip"], GOOD), tmp_path)
    assert len(server.requests) == 1


def test_words_of_a_server_cannot_write_on_the_terminal(speaker, tmp_path):
    text = refused(toy([speaker(b"", status=b"404 \x1b[2J")], GOOD), tmp_path)
    assert "404 Not Found" in text
    assert text.isprintable()
    heading = b"Location: ftp://\x1b[2J/x\r\n"
    assert refused(toy([speaker(heading, status=b"302 Found")], GOOD), tmp_path).isprintable()


def test_redirects_are_followed_but_not_to_what_is_less_safe(server, speaker, tmp_path):
    server.files["toy.zip"] = GOOD
    to = f"Location: {server.url}/toy.zip\r\n".encode()
    fetch.fetch(toy([speaker(to, status=b"302 Found")], GOOD), tmp_path / "1")
    for place, why in (("file:///etc/passwd", "302 Found"), ("ftp://127.0.0.1/toy.zip", "which is not safe")):
        url = speaker(f"Location: {place}\r\n".encode(), status=b"302 Found")
        assert why in refused(toy([url], GOOD), tmp_path / "2")
    request = urllib.request.Request("https://example.org/toy.zip")
    with pytest.raises(download.Unreachable, match=r"leads to 'http://example\.org/', which is not safe"):
        download._Redirects().redirect_request(request, None, 302, "Found", {}, "http://example.org/")
    assert download._Redirects().redirect_request(request, None, 302, "Found", {}, "https://example.com/")
    loop = speaker(b"Location: /toy.zip\r\n", status=b"302 Found")
    assert "302" in refused(toy([loop], GOOD), tmp_path / "2")


def test_a_server_that_refuses_every_range_is_left(speaker, tmp_path):
    begun(tmp_path, GOOD[:1000])
    url = speaker(b"Content-Range: bytes */5\r\n" + length(0), status=b"416 Range Not Satisfiable")
    assert f"416 {http.client.responses[416]}" in refused(toy([url], GOOD), tmp_path)


@pytest.mark.parametrize("size", [1000, len(GOOD), len(GOOD) + 1])
def test_a_damaged_part_costs_another_download_and_nothing_else(server, tmp_path, size):
    server.files["toy.zip"] = GOOD
    begun(tmp_path, bytes(size))  # as a power cut leaves it
    fetch.fetch(toy([f"{server.url}/toy.zip"], GOOD), tmp_path)
    assert verify(toy((), GOOD), tmp_path / "toy").state == "whole"


# what ends a fetch leaves nothing


PLACES = {
    "downloading": "download._read",
    "checking": "download.differs",
    "unpacking": "unpack._write",
    "checking what came out": "fetch.check",
    "noting": "fetch.write_sums",
    "moving": "fetch.merge",
}


@pytest.mark.parametrize(
    ("where", "how"),
    [
        *((where, how) for where in PLACES for how in (signal.SIGKILL, signal.SIGTERM)),
        *(("unpacking", how) for how in (signal.SIGHUP, signal.SIGINT)),
    ],
)
def test_whatever_ends_a_fetch_and_where_the_next_is_whole_and_leaves_nothing(server, tmp_path, where, how):
    """The signal comes after the first call of a function."""
    server.files["toy.zip"] = GOOD
    script = (
        "import os, sys, time; sys.path[:0] = ['tests']\n"
        "from support.file_server import packed, toy\n"
        "from harness.cli.bench import main\n"
        "from tasks.data import download, fetch, unpack\n"
        f"fetch.SOURCES['toy'] = toy(['{server.url}/toy.zip'], packed())\n"
        f"before = {PLACES[where]}\n"
        "def after(*words, **options):\n"
        "    found = before(*words, **options)\n"
        f"    os.kill(os.getpid(), {int(how)}); time.sleep(0.01)\n"
        "    return found\n"
        f"{PLACES[where]} = after\n"
        f"sys.argv = ['bench', 'data', 'fetch', 'toy', '--data', {str(tmp_path)!r}]\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == (-how if how == signal.SIGKILL else 130), done.stderr
    place = tmp_path / "toy"
    if how != signal.SIGKILL:
        assert "interrupted; the same command goes on from here" in done.stderr
        assert not (place / ".unpacking").exists()
        assert {file.name for file in place.rglob("toy.zip*")} <= {"toy.zip", "toy.zip.part"}
    fetch.fetch(toy([f"{server.url}/toy.zip"], GOOD), tmp_path)
    assert sorted(file.name for file in place.iterdir()) == ["SHA256SUMS", "a.txt", "deep"]
    assert verify(toy((), GOOD), place).state == "whole"
    assert len(server.requests) == 1 + (where == "downloading")
    assert server.requests[-1][1] is None or where == "downloading"


def test_litter_of_older_commands_is_swept_where_nothing_is_missing(server, tmp_path):
    server.files["toy.zip"] = GOOD
    source = toy([f"{server.url}/toy.zip"], GOOD)
    place = fetch.fetch(source, tmp_path)
    for name in (".download/tmpabcdefgh", ".download/toy.zip.part", ".unpacking/deep/b.txt", ".SHA256SUMS"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(b"half")
    (place / "mine.txt").write_text("a user's own")
    fetch.fetch(source, tmp_path)
    assert sorted(file.name for file in place.iterdir()) == ["SHA256SUMS", "a.txt", "deep", "mine.txt"]
    assert len(server.requests) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("what", ["toy.zip.part", "SHA256SUMS", "a.txt"])
def test_a_full_disk_is_one_sentence_and_goes_on_when_there_is_room(server, tmp_path, monkeypatch, what):
    server.files["toy.zip"] = GOOD
    source, opened = toy([f"{server.url}/toy.zip"], GOOD), fetch.Path.open

    def full(path, mode="r", *rest, **options):
        return opened(
            type(path)("/dev/full") if path.name.endswith(what) and mode != "rb" else path, mode, *rest, **options
        )

    with monkeypatch.context() as patch:
        patch.setattr(fetch.Path, "open", full)
        with pytest.raises(
            DataError, match=r"cannot write into .*toy: No space left on device; `bench data fetch toy "
        ):
            fetch.fetch(source, tmp_path)
    assert [file.name for file in (tmp_path / "toy").iterdir()] in ([".download"], [])
    fetch.fetch(source, tmp_path)
    assert sorted(file.name for file in (tmp_path / "toy").iterdir()) == ["SHA256SUMS", "a.txt", "deep"]
    assert len(server.requests) == 1 + (what == "toy.zip.part")
    assert (tmp_path / "toy" / "a.txt").read_bytes() == WORDS["toy/a.txt"]
