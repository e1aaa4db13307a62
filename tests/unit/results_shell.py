"""The reader's scripts on this machine: Debian's own programs, or busybox's."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hera_experiment.results.listing import PROGRAMS
from hera_experiment.results.pod_shell import ScriptFailed
from hera_experiment.results.transfer import ConnectionLost

SHELLS = ("debian", "busybox")


def programs_of(kind: str, folder: Path) -> str:
    """Return the ``PATH`` of a container that has only what ``kind`` offers, "" without it."""
    folder.mkdir(exist_ok=True)
    for name in (*PROGRAMS, "sh", "mkdir", "mv", "rm", "wc"):
        program = shutil.which("busybox" if kind == "busybox" else name)
        if program is None:
            return ""
        (folder / name).symlink_to(program)
    return str(folder)


@dataclass
class ProcessShell:
    """Runs scripts as processes; ``break_after`` bytes of one script the connection is cut.

    ``meanwhile`` is called before a script is run, with the script.
    """

    path: str = os.environ["PATH"]
    break_after: int | None = None
    breaks: int = 0
    meanwhile: Callable[[str], None] = lambda script: None
    scripts: list[str] = field(default_factory=list)
    printed: int = 0

    def run(self, script: str, *words: str, given: bytes = b"") -> Iterator[bytes]:
        self.scripts.append(script)
        self.meanwhile(script)
        sh = str(Path(self.path) / "sh") if os.pathsep not in self.path else "sh"
        process = subprocess.Popen(
            [sh, "-c", "export LC_ALL=C\n" + script, "sh", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": self.path},
        )
        assert process.stdin and process.stdout and process.stderr
        with process:
            # As in a pod, the input stays open: a script that waits for its end would hang.
            with suppress(BrokenPipeError):
                process.stdin.write(given)
                process.stdin.flush()
            sent = 0
            while piece := process.stdout.read1(8192):
                sent += len(piece)
                if self.breaks and self.break_after is not None and sent > self.break_after:
                    self.breaks -= 1
                    process.kill()
                    raise ConnectionLost("cut by the test")
                self.printed += len(piece)
                yield piece
            errors = process.stderr.read().decode()
            status = process.wait(20)
        if status:
            raise ScriptFailed(status, errors)
