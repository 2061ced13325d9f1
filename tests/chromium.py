"""Pages in a real browser: Chromium without a window, driven through the pipe of its DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

needs_chromium = pytest.mark.skipif(BROWSER is None, reason="no Chromium here (Debian: apt-get install chromium)")

PATIENCE = 600.0
"""Seconds until what should happen counts as not happening: the machine may be busy."""

KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "Tab": (9, ""), "Backspace": (8, ""), " ": (32, " ")} | {
    f"Arrow{name}": (code, "") for name, code in (("Left", 37), ("Up", 38), ("Right", 39), ("Down", 40))
}

START = """
import fcntl, os, sys
# The browser reads commands from its file 3 and writes answers to its file 4; first both out of each other's way.
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for end, place in zip(ends, (3, 4)):
    os.dup2(end, place)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Refused(AssertionError):
    """The browser could not do what it was asked."""


class Chromium:
    """The browser process. `page` opens pages in it."""

    def __init__(self, profile: Path) -> None:
        to_browser, self._commands = os.pipe()
        self._answers, from_browser = os.pipe()
        command = [
            sys.executable, "-c", START, str(to_browser), str(from_browser), str(BROWSER), "--headless=new",
            "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--allow-file-access-from-files",
            "--disable-background-networking", f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank",
        ]  # fmt: skip
        self._log = (profile.parent / f"{profile.name}.log").open("wb")
        self._process = subprocess.Popen(
            command, pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )
        os.close(to_browser)
        os.close(from_browser)
        self._rest = b""
        self._number = 0
        self._pages: dict[str, Page] = {}

    def page(self, address: str, *, width: int = 1280, height: int = 900, dark: bool = False) -> Page:
        """Open a page in a window of this size, and wait until it is loaded."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log"):
            page.call(f"{domain}.enable")
        page.look(width=width, height=height, dark=dark)
        page.call("Page.navigate", {"url": address})
        page.wait("location.href !== 'about:blank' && document.readyState === 'complete'")
        return page

    def call(self, method: str, parameters: dict[str, Any] | None = None, session: str | None = None) -> dict[str, Any]:
        """One command of the protocol, and its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters or {}}
        if session is not None:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self._read(deadline, method)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise Refused(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result
            page = self._pages.get(answer.get("sessionId", ""))
            if page is not None:
                page.heard(answer)

    def _read(self, deadline: float, method: str) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))[0], (
                f"{method}: no answer"
            )
            more = os.read(self._answers, 1 << 20)
            assert more, f"{method}: the browser ended with {self._process.wait()}; see {self._log.name}"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer

    def close(self) -> None:
        os.close(self._commands)  # which ends it
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._answers)
        self._log.close()


class Page:
    """One page.

    Attributes:
        problems: what it had to complain of: errors on its console, exceptions, violations of its security policy.
    """

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session
        self.problems: list[str] = []

    def call(self, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._browser.call(method, parameters, self._session)

    def close(self) -> None:
        self.call("Page.close")

    def heard(self, event: dict[str, Any]) -> None:
        """Note what the browser reports beside the answers."""
        parameters = event.get("params", {})
        if event["method"] == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"]))
        elif event["method"] == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "assert"):
            self.problems.append(" ".join(str(one.get("value", one)) for one in parameters["args"]))
        elif event["method"] == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.problems.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")

    def look(self, *, width: int, height: int = 900, dark: bool = False, still: bool = False) -> None:
        """Give the window this size and the reader these wishes: dark colours, nothing that moves."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        wishes = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"},
        ]
        self.call("Emulation.setEmulatedMedia", {"features": wishes})

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited where it is a promise."""
        answer = self.call(
            "Runtime.evaluate",
            {"expression": expression, "awaitPromise": True, "returnByValue": True, "userGesture": True},
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise AssertionError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def wait(self, expression: str) -> None:
        """Until an expression is true, as JavaScript has it: an element that is there is."""
        deadline = time.monotonic() + PATIENCE
        while not self._holds(expression):
            assert time.monotonic() < deadline, f"still not: {expression}\n{self.problems}"
            time.sleep(0.05)

    def wait_for_none(self, expression: str) -> None:
        """Until a JavaScript list is empty; what is in it else is in the message."""
        deadline = time.monotonic() + PATIENCE
        while found := self.evaluate(expression):
            assert time.monotonic() < deadline, f"still there: {found}"
            time.sleep(0.05)

    def _holds(self, expression: str) -> bool:
        try:
            return bool(self.evaluate(f"Boolean({expression})"))
        except Refused:  # another page is just coming in place of this one
            return False

    def press(self, key: str, *, shift: bool = False) -> None:
        """A key, pressed and let go."""
        code, text = KEYS.get(key, (ord(key[0].upper()), key))
        event = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", {"type": "keyDown", "text": text, **event})
        self.call("Input.dispatchKeyEvent", {"type": "keyUp", **event})

    def mouse(self, *points: tuple[float, float], drag: bool = False) -> None:
        """Clicks at points of the window, in CSS pixels, or one drag along them."""
        for at, (x, y) in enumerate(points):
            first, last = not drag or at == 0, not drag or at == len(points) - 1
            self._mouse("Moved", x, y, buttons=int(not first))
            if first:
                self._mouse("Pressed", x, y, button="left", clickCount=1)
            if last:
                self._mouse("Released", x, y, button="left", clickCount=1)

    def _mouse(self, kind: str, x: float, y: float, **more: object) -> None:
        self.call("Input.dispatchMouseEvent", {"type": f"mouse{kind}", "x": x, "y": y, **more})

    def click(self, selector: str) -> None:
        """The middle of an element, scrolled into view; once more where it moved away under the mouse."""
        aim = f"window.aim = {json.dumps(selector)}; window.hit = false;"
        listen = "document.addEventListener('click', event => window.hit ||= !!event.target.closest(window.aim), true)"
        self.evaluate(f"{aim} window.aims ??= ({listen}, true)")
        deadline = time.monotonic() + PATIENCE
        while True:
            self.mouse(self.place(selector))
            for _ in range(40):
                if self.evaluate("window.hit !== false"):  # undefined on another page: the click has led there
                    return
                time.sleep(0.05)
            assert time.monotonic() < deadline, f"{selector} does not get the click"

    def place(self, selector: str, x: float = 0.5, y: float = 0.5) -> tuple[float, float]:
        """Where in the window a point of an element is, as parts of its width and height."""
        found = self.evaluate(
            f"(() => {{ const element = document.querySelector({json.dumps(selector)});"
            "element.scrollIntoView({block: 'nearest', behavior: 'instant'});"
            "const box = element.getBoundingClientRect();"
            f"return [box.x + {x} * box.width, box.y + {y} * box.height]; }})()"
        )
        return found[0], found[1]

    def choose_file(self, selector: str, path: Path) -> None:
        """Put a file into a file input."""
        found = self.call("Runtime.evaluate", {"expression": f"document.querySelector({json.dumps(selector)})"})
        self.call("DOM.setFileInputFiles", {"files": [str(path)], "objectId": found["result"]["objectId"]})

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """A PNG of what can be seen, or of the whole page."""
        answer = self.call("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": whole})
        path.write_bytes(base64.b64decode(answer["data"]))


@contextmanager
def chromium(folder: Path) -> Iterator[Chromium]:
    """A browser with a fresh profile in a folder."""
    browser = Chromium(folder / "profile")
    try:
        yield browser
    finally:
        browser.close()
