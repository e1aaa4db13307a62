"""Python's debugger in a task: where an exception ends a program of it, or ``breakpoint()`` stands.

Every Python of the task reads ``sitecustomize.py`` as it begins, from a folder that it has as a
volume. Two pipes in that folder join the debugger there and the terminal here, whatever runs the
container.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from hera_experiment.closable import Closable
from hera_experiment.errors import tell
from hera_experiment.replay.one_task import containers_in, template_of

NAME = "hera-debugger"
"""The volume and its claim."""

_PATH = f"/{NAME}"
_VARIABLE = "PYTHONPATH"
_PIECE = 1 << 12

_IN_THE_TASK = '''\
"""Opens a debugger where a program of this task ends by an exception."""
import os
import sys

_folder = os.path.dirname(os.path.abspath(__file__))


def _debugger():
    import fcntl
    import pdb

    # Programs that fail together take their turn.
    lock = open(os.path.join(_folder, "lock"), "a")
    fcntl.flock(lock, fcntl.LOCK_EX)
    shown = open(os.path.join(_folder, "shown"), "w", buffering=1)
    typed = open(os.path.join(_folder, "typed"))
    found = pdb.Pdb(stdin=typed, stdout=shown)
    found.use_rawinput = False
    found.lock = lock
    return found


def _fell(kind, error, trace):
    sys.__excepthook__(kind, error, trace)
    sys.stderr.flush()
    if issubclass(kind, Exception) and trace is not None:
        opened = _debugger()
        opened.reset()
        opened.interaction(None, trace)
        opened.stdout.close()
        opened.lock.close()


def _stop(*arguments, **options):
    _debugger().set_trace(sys._getframe(1))


sys.excepthook, sys.breakpointhook = _fell, _stop

# An image may have such a file of its own.
from importlib.machinery import PathFinder

_others = [each for each in sys.path if os.path.abspath(each or os.curdir) != _folder]
_other = PathFinder.find_spec("sitecustomize", _others)
if _other is not None and _other.loader is not None:
    _other.loader.exec_module(sys.modules[__name__])
'''


class Debugger(Closable):
    """The terminal's end: ``claims`` is the folder of the claims that the task sees."""

    def __init__(self, claims: Path) -> None:
        self._folder = claims / NAME
        self._folder.mkdir(mode=0o777, parents=True, exist_ok=True)
        self._folder.chmod(0o777)
        (self._folder / "sitecustomize.py").write_text(_IN_THE_TASK, "ascii")
        for name in ("typed", "shown"):
            with suppress(FileNotFoundError):
                (self._folder / name).unlink()
            os.mkfifo(self._folder / name)
            (self._folder / name).chmod(0o666)
        self._typed: int | None = None
        self._is_reading = False
        threading.Thread(target=self._serve, name="debugger", daemon=True).start()

    def take_part(self, manifest: dict[str, Any]) -> None:
        """Have every Python of the task know the debugger, and let it take its time."""
        spec, template = manifest["spec"], template_of(manifest)
        spec["volumes"].append({"name": NAME, "persistentVolumeClaim": {"claimName": NAME}})
        for key in ("activeDeadlineSeconds", "timeout"):
            template.pop(key, None)
        for container in containers_in(template):
            mounts = container.setdefault("volumeMounts", [])
            mounts.append({"name": NAME, "mountPath": _PATH})
            variables = container.setdefault("env", [])
            known = [each for each in variables if each["name"] == _VARIABLE]
            for each in known:
                variables.remove(each)
            own = [str(each["value"]) for each in known if each.get("value")]
            variables.append({"name": _VARIABLE, "value": os.pathsep.join([_PATH, *own])})

    def close(self) -> None:
        """Hand no more on."""
        self._hang_up()

    def _serve(self) -> None:
        """Show what debuggers write, one after the other, and begin to read what is typed."""
        while True:
            shown = os.open(self._folder / "shown", os.O_RDONLY)
            self._typed = os.open(self._folder / "typed", os.O_WRONLY)
            tell("Python's debugger is open in the task: 'p NAME' shows a value, 'q' ends it")
            if not self._is_reading:
                self._is_reading = True
                threading.Thread(target=self._read, name="what is typed", daemon=True).start()
            while piece := os.read(shown, _PIECE):
                sys.stdout.write(piece.decode("utf-8", "replace"))
                sys.stdout.flush()
            os.close(shown)
            self._hang_up()

    def _read(self) -> None:
        for line in sys.stdin:
            typed = self._typed
            if typed is not None:
                with suppress(OSError):
                    os.write(typed, line.encode())
        # The end of what is typed ends the debugger, as Ctrl-D does.
        self._hang_up()

    def _hang_up(self) -> None:
        typed, self._typed = self._typed, None
        if typed is not None:
            with suppress(OSError):
                os.close(typed)
