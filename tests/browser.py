"""Chromium without a window, driven by the DevTools protocol.

Source: https://chromedevtools.github.io/devtools-protocol/.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import websocket
from polling import until

PATIENCE = 60.0


def chromium() -> str:
    """Return the program; a test is skipped without it, and fails where CI is set."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("there is no chromium")
    return found


class Page:
    """One page of a browser: what it said on its console, and what a person would do there."""

    def __init__(self, socket: websocket.WebSocket) -> None:
        self._socket = socket
        self._last = 0
        self.events: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == self._last:
                assert "error" not in message, message
                return dict(message["result"])
            self.events.append(message)

    def value(self, expression: str) -> Any:
        """Return what an expression of JavaScript comes to."""
        result = self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def open(self, path: Path) -> None:
        """Open a file, and return when its program has drawn all."""
        self.events.clear()
        self.ask("Page.navigate", url=path.absolute().as_uri())
        until(
            lambda: self.value("document.documentElement?.dataset.drawn === 'yes'"),
            PATIENCE,
            seen=self.complaints,
        )

    def complaints(self) -> list[str]:
        """Return what the browser had to complain about, refused requests among others."""
        self.value("1")
        found = []
        for event in self.events:
            params = event.get("params") or {}
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(json.dumps(params["exceptionDetails"]))
            if event.get("method") == "Log.entryAdded" and params["entry"]["level"] != "verbose":
                found.append(json.dumps(params["entry"]))
            if event.get("method") == "Runtime.consoleAPICalled":
                found.append(json.dumps(params["args"]))
        return found

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since the page was opened."""
        self.value("1")
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]

    def looks(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        """Give the window a size, and the person's wish a colour scheme."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        wish = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[wish])

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write a picture of what is seen, or of the whole page."""
        answer = self.ask("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))


@contextmanager
def opened_browser(folder: Path) -> Iterator[Page]:
    """Start Chromium, which keeps its own files below ``folder``, and give a page of it."""
    port_file = folder / "DevToolsActivePort"
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
    options += ["--no-first-run", "--disable-dev-shm-usage", f"--user-data-dir={folder}"]
    browser = subprocess.Popen(
        [chromium(), *options, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        lines = until(lambda: _lines(port_file), PATIENCE)
        with urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json/list") as answer:
            pages = [each for each in json.load(answer) if each["type"] == "page"]
        socket = websocket.create_connection(
            pages[0]["webSocketDebuggerUrl"], timeout=PATIENCE, suppress_origin=True
        )
        try:
            yield Page(socket)
        finally:
            socket.close()
    finally:
        browser.terminate()
        browser.wait(timeout=PATIENCE)


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text().split()
    except OSError:
        return []
    return lines if len(lines) > 1 else []
