"""What a task used: told by the kernel, without what prepared it."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from hera_experiment.local.runtimes.base import Usage
from hera_experiment.local.runtimes.children import Children, total_usage

MIB = 1 << 20
UNIT = 1 if sys.platform == "darwin" else 1024


def run(children: Children, folder: Path, source: str) -> int:
    with (folder / "log").open("wb") as log:
        return children.run(
            ["python3", "-c", source], environment={}, folder=str(folder), log=log.fileno()
        )


def test_memory_and_processor_time_of_what_ran(tmp_path: Path) -> None:
    # Larger than this process has ever been.
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT + 100 * MIB
    children = Children()
    assert children.used is None
    assert run(children, tmp_path, f"x = b'a' * {size}; sum(range(10**6))") == 0
    assert children.used is not None
    assert children.used.memory > size and not children.used.at_most
    assert children.used.cpu > 0


def test_what_is_smaller_than_the_server_is_no_more_than_that(tmp_path: Path) -> None:
    held = b"a" * (200 * MIB)
    children = Children()
    assert run(children, tmp_path, "") == 0
    assert children.used is not None and children.used.at_most
    assert len(held) < children.used.memory


def test_attempts_and_containers_add_up() -> None:
    small, large = Usage(1.0, 10, at_most=True), Usage(2.0, 20)
    assert total_usage(None, None) is None
    assert total_usage(small, None, large) == Usage(3.0, 20)
    assert total_usage(Usage(1.0, 20, at_most=True), large) == Usage(3.0, 20)
