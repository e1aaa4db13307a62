"""What a process prints is read to its end, whenever somebody looks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import cast

from hera_experiment.local.runtimes import children


class _PrintsLast:
    """A process that has ended; it printed just before that was seen."""

    def __init__(self, process: subprocess.Popen[bytes], writing: int) -> None:
        self._process = process
        self._words = [b"last words\n"]
        self._writing = writing

    @property
    def pid(self) -> int:
        """The number by which its end is looked up."""
        while self._words:
            os.write(self._writing, self._words.pop())
        return self._process.pid

    def poll(self) -> int | None:
        """Return its exit status."""
        assert self.pid
        return self._process.poll()


def test_what_is_printed_while_the_end_is_looked_for_is_not_lost(tmp_path: Path) -> None:
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    # The end that is written to stays open, as it does with a grandchild.
    reading, writing = os.pipe()
    said: list[bytes] = []
    log = tmp_path / "log"
    with log.open("wb") as file, os.fdopen(reading), os.fdopen(writing, "wb"):
        ended = cast("subprocess.Popen[bytes]", _PrintsLast(process, writing))
        children._copy_output(ended, reading, file.fileno(), said.append)
    process.wait()
    assert (said, log.read_bytes()) == ([b"last words\n"], b"last words\n")
