"""Servers that artifacts come from: pages, and repositories of git."""

from __future__ import annotations

import base64
import gzip
import io
import os
import shutil
import socket
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from polling import until

USER, PASSWORD = "somebody", "s3cret of:theirs"
MOMENT = "2026-11-05T08:00:00Z"


def packed() -> bytes:
    """Return a compressed tar of a folder with a program in it."""
    data = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=data, mode="wb", mtime=0) as whole,
        tarfile.open(fileobj=whole, mode="w") as tar,
    ):
        for name, mode, text in (("top/run", 0o750, "run"), ("top/inner/file", 0o640, "text")):
            header = tarfile.TarInfo(name)
            header.mode, header.size = mode, len(text)
            tar.addfile(header, io.BytesIO(text.encode()))
    return data.getvalue()


def zipped() -> bytes:
    """Return a zip as the program of that name makes it: folders have entries of their own."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, mode, text in (("top/", 0o40755, ""), ("top/file", 0o100640, "text")):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16 | (0x10 if name.endswith("/") else 0)
            archive.writestr(entry, text)
    return data.getvalue()


class Pages(BaseHTTPRequestHandler):
    """Answers as the tests want it, and keeps what it is sent."""

    protocol_version = "HTTP/1.1"
    sent: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.path == "/moved":
            self._answer(302, b"", Location="/page")
        elif self.path == "/auth" and self.headers.get("Authorization") != expected:
            self._answer(401, b"")
        elif self.path == "/header":
            self._answer(200, self.headers.get("X-Word", "nothing").encode())
        elif self.path in ("/page", "/auth"):
            self._answer(200, b"a page\n")
        elif self.path == "/packed":
            self._answer(200, packed())
        elif self.path == "/zipped":
            self._answer(200, zipped())
        elif self.path == "/failing":
            self._answer(500, b"no")
        else:
            self._answer(404, b"no")

    def do_PUT(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            data = self.rfile.read(int(self.headers["Content-Length"]))
        self.sent[self.path] = data
        self._answer(200, b"")

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that leave."""


@contextmanager
def serve_pages(address: str = "127.0.0.1") -> Iterator[int]:
    """Serve :class:`Pages` and yield the port."""
    server = _Server((address, 0), Pages)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_repository(folder: Path) -> Path:
    """Make a bare repository of two branches and a tag, ``repo.git``, and return it."""
    work = folder / "work"
    work.mkdir(parents=True)
    _git(work, "init", "--quiet", "--initial-branch", "main")
    _commit(work, "file", "first")
    _git(work, "tag", "v1")
    _commit(work, "file", "second")
    _git(work, "checkout", "--quiet", "-b", "other")
    _commit(work, "file", "other")
    _git(work, "checkout", "--quiet", "main")
    bare = folder / "repo.git"
    _git(folder, "clone", "--quiet", "--bare", str(work), str(bare))
    shutil.rmtree(work)
    return bare


def add_submodule(bare: Path, inner: Path) -> None:
    """Give ``bare`` the repository ``inner`` as a submodule."""
    work = bare.with_name("with-submodule")
    allow = ("-c", "protocol.file.allow=always")
    _git(bare.parent, "clone", "--quiet", str(bare), str(work))
    _git(work, *allow, "submodule", "--quiet", "add", str(inner), "inner")
    _git(work, "commit", "--quiet", "-m", "submodule")
    _git(work, "push", "--quiet", "origin", "main")


@contextmanager
def serve_git(folder: Path, address: str = "127.0.0.1") -> Iterator[int]:
    """Serve the repositories in ``folder`` by git's own protocol and yield the port."""
    with socket.create_server((address, 0)) as free:
        port = free.getsockname()[1]
    daemon = subprocess.Popen(
        [
            *("git", "daemon", "--export-all", f"--base-path={folder}", "--reuseaddr"),
            *(f"--listen={address}", f"--port={port}", str(folder)),
        ],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: _listens(address, port), 10, 0.05)
        yield port
    finally:
        os.killpg(daemon.pid, 15)
        daemon.wait(10)


def _listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 1).close()
    except OSError:
        return False
    return True


def _commit(work: Path, name: str, text: str) -> None:
    (work / name).write_text(f"{text}\n")
    _git(work, "add", name)
    _git(work, "commit", "--quiet", "-m", text)


def _git(folder: Path, *words: str) -> None:
    who = {
        f"GIT_{role}_{part}": "t@example.org"
        for role in ("AUTHOR", "COMMITTER")
        for part in ("NAME", "EMAIL")
    }
    when = {"GIT_AUTHOR_DATE": MOMENT, "GIT_COMMITTER_DATE": MOMENT}
    own = {"HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    subprocess.run(["git", *words], cwd=folder, check=True, env={**own, **who, **when})
