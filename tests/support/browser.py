"""A headless Chromium over its debugging pipe: real clicks and keys, the width of a phone, what the page logs."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-pipe",
)
KEYS = {"Enter": (13, "\r"), "Tab": (9, ""), " ": (32, " "), "Escape": (27, "")}


def found() -> str | None:
    """The path of a Chromium of this machine."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def _loaded(message: dict[str, Any]) -> bool:
    return message.get("method") == "Page.loadEventFired"


class Browser:
    """One page of one browser. `events`: all that it reported since it was opened, in order."""

    def __init__(self, profile: Path, patience: float = 60.0) -> None:
        self.patience, self.events, self._last, self._read = patience, [], 0, b""
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs_in, theirs_out)]  # clear of 3 and 4

        def ends() -> None:  # Chromium reads from 3 and writes to 4
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen(
            [found(), *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=ends,
            pass_fds=(3, 4),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (theirs_in, theirs_out, *high):
            os.close(end)
        self._session: str | None = None
        page = next(t for t in self("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self._session = self("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self(f"{domain}.enable")

    def __call__(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self._last += 1
        number = self._last
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        answer = self._until(lambda message: message.get("id") == number, method)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def open(self, path: Path, fragment: str = "", *, width: int = 1280, height: int = 900) -> None:
        """Load a file in a window of this size, and forget what was reported before."""
        self("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        for url in ("about:blank", path.as_uri() + fragment):  # the first, since a fragment alone loads nothing
            self.events.clear()
            self("Page.navigate", url=url)
            if not any(map(_loaded, self.events)):  # it may have come before the answer
                self._until(_loaded, "load")
        self.expect("document.readyState", "complete")

    def run(self, expression: str) -> Any:
        """The value of an expression of JavaScript on the page."""
        answer = self("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def expect(self, expression: str, expected: Any, patience: float = 10.0) -> None:
        """Wait until an expression gives what is expected, since what a link leads to comes some time after the click.

        Raises AssertionError where it still gives something else after so many seconds.
        """
        end = time.monotonic() + patience
        while (value := self.run(expression)) != expected:
            assert time.monotonic() < end, f"{expression} gives {value!r}, not {expected!r}"
            time.sleep(0.02)

    def _middle(self, element: str) -> list[float]:
        found: list[float] = self.run(
            f"(e => {{ e.scrollIntoView({{block: 'center'}}); const r = e.getBoundingClientRect();"
            f" return [r.x + r.width / 2, r.y + r.height / 2] }})({element})"
        )
        return found

    def click(self, element: str) -> None:
        """Click the middle of the element that an expression of JavaScript gives, as a mouse does, once it is still."""
        place, before = self._middle(element), None
        while place != before:  # a chart that is drawn above it moves it
            time.sleep(0.05)
            place, before = self._middle(element), place
        for kind in ("mousePressed", "mouseReleased"):
            self("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def press(self, key: str) -> None:
        code, text = KEYS[key]
        for kind in ("keyDown", "keyUp"):
            written = {"text": text} if kind == "keyDown" and text else {}
            self("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **written)

    def type(self, text: str) -> None:
        """Write into what has the focus."""
        self("Input.insertText", text=text)

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self("Page.captureScreenshot", format="png")["data"]))

    def paper(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self("Page.printToPDF", preferCSSPageSize=True)["data"]))

    def close(self) -> None:
        try:
            self._session = None
            self("Browser.close")
            self.process.wait(self.patience)
        finally:
            self.process.kill()
            self.process.wait()
            os.close(self._to)
            os.close(self._from)

    def _until(self, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Read until such a message comes; the others are kept as events."""
        end = time.monotonic() + self.patience
        while True:
            while b"\0" not in self._read:
                ready, _, _ = select.select([self._from], [], [], max(0.0, end - time.monotonic()))
                if not ready:
                    raise TimeoutError(f"Chromium did not answer to {what} within {self.patience:g} s")
                piece = os.read(self._from, 1 << 20)
                if not piece:
                    raise RuntimeError(f"Chromium ended at {what}")
                self._read += piece
            line, _, self._read = self._read.partition(b"\0")
            message = json.loads(line)
            if "method" in message:
                self.events.append(message)
            if wanted(message):
                return message
