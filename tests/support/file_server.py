"""A server of files on this machine, which can break off, and a data set that lies on it."""

import contextlib
import hashlib
import io
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tasks.data.sources import Content, DataSet, Download

WORDS = {"toy/a.txt": b"a" * 400_000, "toy/deep/b.txt": bytes(range(256)) * 1000}


def sha256(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def packed(files=WORDS):
    """A zip of these files, name -> bytes; not compressed, so that it is long."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as pack:
        for name, content in files.items():
            pack.writestr(zipfile.ZipInfo(name), content)  # of a fixed date
    return made.getvalue()


def begun(root, part):
    """What an earlier command left of a download of the toy data set."""
    folder = root / "toy" / ".download"
    folder.mkdir(parents=True)
    (folder / "toy.zip.part").write_bytes(part)


class Server:
    """Serves `files`, path -> bytes.

    cuts: bytes after which the next connections break off, one each. hold: bytes after which the server waits
    for the event `go_on`, 0: never. ranges: can it begin in the middle? requests: (path, Range) of each.
    """

    def __init__(self):
        self.files, self.cuts, self.hold, self.ranges, self.requests = {}, [], 0, True, []
        self.go_on = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, handler):
        wanted = handler.headers.get("Range")
        self.requests.append((handler.path, wanted))
        content = self.files.get(handler.path.lstrip("/"))
        if content is None:
            handler.send_error(404)
            return
        begin = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.ranges else 0
        if begin >= len(content):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(content)}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.send_response(206 if begin else 200)
        if begin:
            handler.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        handler.send_header("Content-Length", str(len(content) - begin))
        handler.end_headers()
        end = begin + self.cuts.pop(0) if self.cuts else len(content)
        if self.hold:
            handler.wfile.write(content[begin : self.hold])
            self.go_on.wait(60)
            begin = self.hold
        with contextlib.suppress(ConnectionError):  # nobody listens any more
            handler.wfile.write(content[begin:end])

    def close(self):
        self.go_on.set()
        self.http.shutdown()
        self.http.server_close()


def toy(urls, packing, /, **changes):
    """A data set of one zip archive."""
    download = {
        "file": "toy.zip",
        "urls": tuple(urls),
        "size": len(packing),
        "checksum": sha256(packing),
        "unpacked": 700_000,
        "strip": 1,
        "files": tuple(
            Content(name.removeprefix("toy/"), len(content), {"original": sha256(content)})
            for name, content in WORDS.items()
        ),
    }
    return DataSet("toy", "Two files", "CC0", "nowhere", (Download(**{**download, **changes}),))
