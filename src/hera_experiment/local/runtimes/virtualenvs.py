"""Virtual environments of containers: one per distinct content of their requirements, kept."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hera_experiment.local.runtimes.base import Announce
from hera_experiment.local.runtimes.children import Children, Stopped
from hera_experiment.local.runtimes.paths import system_path
from hera_experiment.local.runtimes.run_instructions import PipInstall

_COMPLETE = "complete"
_LAST_LINES = 15
_LONGEST_LINE = 200
_LAST_BYTES = 1 << 18
_TRIES, _PAUSE = 5, 0.1
_OTHER_PYTHON = re.compile(r"Package '([^']+)' requires a different Python: \S+ not in '([^']*)'")
_NO_VERSION = re.compile(r"satisfies the requirement (.+?) \(from versions: ([^)]*)\)")
_INCLUDED = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[\s=]*(\S+)", re.MULTILINE)
_FOR_PIP = re.compile(
    r"PIP_\w+|(?:https?|ftp|all|no)_proxy|SSL_CERT_(?:FILE|DIR)|REQUESTS_CA_BUNDLE|HOME|NETRC"
    r"|XDG_(?:CONFIG|CACHE)_(?:HOME|DIRS)",
    re.IGNORECASE,
)


class InstallationFailed(Exception):
    """A virtual environment could not be made; the text is for people, pip's last lines in it."""


class VirtualEnvironments:
    """The environments below ``folder``, made with ``python`` (default: the one running this).

    ``environ`` is the user's: of it pip gets its own configuration and the proxies. With ``place``
    they are made to be used at that path, where ``bubblewrap``, a program, shows them to pip.
    """

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        python: str = "",
        *,
        place: str = "",
        bubblewrap: str = "",
    ) -> None:
        self._folder = folder
        self._environ = {k: v for k, v in environ.items() if _FOR_PIP.fullmatch(k)}
        # The base interpreter: environments made from an environment would lean on it.
        self._python = python or getattr(sys, "_base_executable", "") or sys.executable
        self._place = place
        self._bubblewrap = bubblewrap
        self._ready: set[Path] = set()
        self._lock = threading.Lock()

    def provide(
        self, installs: Sequence[PipInstall], label: str, children: Children, announce: Announce
    ) -> Path:
        """Return the folder of the environment with these packages.

        It is made on first use, by one thread of one process while the others wait.

        Raises
        ------
        InstallationFailed
            When it cannot be made.
        Stopped
            When the pod it is for is stopped meanwhile.
        """
        target = self._folder / self._name(installs)
        if target in self._ready:
            return target
        if not (target / _COMPLETE).exists():
            self._make(target, installs, label, children, announce)
        with self._lock:
            self._ready.add(target)
        return target

    def _name(self, installs: Sequence[PipInstall]) -> str:
        version = "{}.{}".format(*sys.version_info)
        digest = hashlib.sha256()
        place = (self._place,) if self._place else ()
        which = (self._python, platform.python_version(), platform.machine(), *place)
        for part in (*which, *_of(installs)):
            digest.update(f"{len(part)}:{part}".encode("utf-8", "surrogateescape"))
        kind = "packages" if installs else "stdlib"
        return f"{kind}-{version}-{digest.hexdigest()[:16]}"

    def _make(
        self,
        target: Path,
        installs: Sequence[PipInstall],
        label: str,
        children: Children,
        announce: Announce,
    ) -> None:
        if installs:
            announce(f"installing the requirements of {label} (first use)")
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = self._folder / f"{target.name}.log"
        with _locked(self._folder / f"{target.name}.lock", children):
            if (target / _COMPLETE).exists():
                return
            # An unfinished one is left over from a process that was killed.
            shutil.rmtree(target, ignore_errors=True)
            for argv in self._commands(target, installs):
                self._run(self._placed(argv, target), target, log, label, children)
            (target / _COMPLETE).touch()

    def _commands(self, target: Path, installs: Sequence[PipInstall]) -> Iterator[list[str]]:
        place = self._place or str(target)
        venv = [self._python, "-I", "-m", "venv", place]
        yield venv if installs else [*venv, "--without-pip"]
        python = f"{place}/bin/python"
        for install in installs:
            yield [
                *(python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"),
                *install.arguments,
            ]

    def _placed(self, argv: list[str], target: Path) -> list[str]:
        """Return how ``argv`` is run where the environment lies at its place."""
        if not self._place:
            return argv
        target.mkdir(exist_ok=True)
        everything = ("--die-with-parent", "--dev-bind", "/", "/")
        return [self._bubblewrap, *everything, "--bind", str(target), self._place, "--", *argv]

    def _run(
        self, argv: Sequence[str], target: Path, log: Path, label: str, children: Children
    ) -> None:
        programs = f"{self._place or target}/bin"
        environment = {"PATH": f"{programs}:{system_path()}", "LANG": "C.UTF-8"}
        environment.update(self._environ)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(log, flags, 0o600)
        try:
            for again in range(_TRIES):
                os.write(descriptor, f"$ {' '.join(argv)}\n".encode("utf-8", "replace"))
                begin = os.fstat(descriptor).st_size
                status = children.run(
                    argv, environment=environment, folder=str(self._folder), log=descriptor
                )
                if status == 0 or children.stopping or not _not_shown(log, begin):
                    break
                time.sleep(_PAUSE * again)
        except OSError as error:
            raise InstallationFailed(f"cannot run {argv[0]}: {error}") from None
        finally:
            os.close(descriptor)
        if children.stopping:
            raise Stopped
        if status != 0:
            raise InstallationFailed(
                f"the requirements of {label} cannot be installed: {what_pip_said(log)}"
                f" (all that pip said is in {log})"
            )


def _not_shown(log: Path, begin: int) -> bool:
    """Tell whether bubblewrap failed before its program: a mount of the machine came or went."""
    with log.open("rb") as file:
        file.seek(begin)
        return file.read(7).startswith(b"bwrap: ")


def _of(installs: Iterable[PipInstall]) -> Iterator[str]:
    """Yield all that decides what is installed, wherever the files happen to lie."""
    for install in installs:
        for argument in install.arguments:
            if argument not in install.files:
                yield argument
        for name in install.files:
            yield from _contents(Path(name), set())


def _contents(path: Path, seen: set[Path]) -> Iterator[str]:
    if path in seen:
        return
    seen.add(path)
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        yield f"missing {path.name}"
        return
    yield text
    for included in _INCLUDED.findall(text):
        yield from _contents(path.parent / included, seen)


@contextmanager
def _locked(path: Path, children: Children) -> Iterator[None]:
    """Hold the lock file ``path``; raises :class:`Stopped` when the pod is stopped meanwhile."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if children.stopping:
                    raise Stopped from None
                time.sleep(0.1)
        yield
    finally:
        os.close(descriptor)


def what_pip_said(log: Path) -> str:
    """Return what pip said in the end; of a version that does not exist the newest that do."""
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_BYTES))
        text = file.read().decode("utf-8", "replace")
    text = text[text.rfind("\n$ ") + 1 :]
    mine = platform.python_version()
    if other := _OTHER_PYTHON.search(text):
        return f"{other[1]} needs Python {other[2]}, and this is Python {mine}"
    if (found := _NO_VERSION.search(text)) is None:
        # The command itself is not repeated: an index's address may hold a password.
        lines = [line[:_LONGEST_LINE] for line in text.splitlines() if not line.startswith("$ ")]
        return "\n".join(lines[-_LAST_LINES:])
    wanted, known = found[1][:_LONGEST_LINE], found[2].split(", ")
    version = re.escape(wanted.rpartition("=")[2])
    if needs := re.search(rf"(?:: |; ){version} Requires-Python ([^;\s]+)", text):
        return f"{wanted} needs Python {needs[1]}, and this is Python {mine}"
    if known == ["none"]:
        return f"{wanted} is asked for, and there is no package of that name"
    return f"{wanted} is asked for, and the newest there are {', '.join(known[-3:])}"
