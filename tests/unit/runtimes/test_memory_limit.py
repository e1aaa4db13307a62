"""A process that takes more memory than it may have is ended, and that is told."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from hera_experiment.local.runtimes.children import Children
from hera_experiment.local.runtimes.memory_limit import MemoryLimit

TAKES = "held = [bytearray(1 << 20) for _ in range({})]; import time; time.sleep({})"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


def status_of(children: Children, source: str, folder: Path) -> int:
    with open(os.devnull, "wb") as log:
        return children.run(
            [sys.executable, "-c", source], environment={}, folder=str(folder), log=log.fileno()
        )


def test_more_than_the_limit_ends_it(tmp_path: Path) -> None:
    children = Children()
    with MemoryLimit(children, 80 << 20) as memory:
        status = status_of(children, TAKES.format(300, 60), tmp_path)

    assert (status, memory.exceeded) == (137, True)


def test_the_largest_of_several_is_ended(tmp_path: Path) -> None:
    source = (
        "import subprocess, sys\n"
        f"done = subprocess.run([sys.executable, '-c', {TAKES.format(300, 60)!r}])\n"
        "sys.exit(-done.returncode)"
    )
    children = Children()
    with MemoryLimit(children, 80 << 20) as memory:
        status = status_of(children, source, tmp_path)

    assert (status, memory.exceeded) == (9, True)


@pytest.mark.parametrize("limit", [0, 1 << 40])
def test_less_than_the_limit_and_no_limit_end_nothing(tmp_path: Path, limit: int) -> None:
    children = Children()
    with MemoryLimit(children, limit) as memory:
        status = status_of(children, TAKES.format(20, 0), tmp_path)

    assert (status, memory.exceeded) == (0, False)
