"""What the benchmarks share: taking turns, medians, one table, goals."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

REPOSITORY = Path(__file__).resolve().parent.parent
TEMPLATE = REPOSITORY / "{{cookiecutter.project_slug}}"


@dataclass(frozen=True)
class Row:
    """One line of the result: ``value`` in ``unit`` is to be at most ``limit``, None for no goal.

    ``shown`` explains where the value comes from, for example the two medians of a ratio.
    """

    name: str
    value: float
    unit: str
    limit: float | None
    shown: str = ""

    @property
    def missed(self) -> bool:
        """Whether there is a goal and the value is beyond it."""
        return self.limit is not None and self.value > self.limit


def wall(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> float:
    """Return the seconds that ``command`` takes; raises with its output when it fails."""
    start = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=cwd,
        env=None if environment is None else dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed ({done.returncode}):\n{done.stdout.decode()}")
    return seconds


def medians(candidates: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Return the median of ``rounds`` measurements of each candidate.

    The candidates take turns, so that whatever else the machine does meets all of them alike, and
    each is measured once beforehand, to warm the caches of the disk and of bytecode.
    """
    for candidate in candidates.values():
        candidate()
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for turn in range(rounds):
        names = list(candidates)[:: 1 if turn % 2 == 0 else -1]
        for name in names:
            seconds[name].append(candidates[name]())
    return {name: median(values) for name, values in seconds.items()}


def ratio(name: str, ours: float, theirs: float, limit: float | None) -> Row:
    """Return the row of one ratio of two durations in seconds."""
    return Row(name, ours / theirs, "x", limit, f"{seconds(ours)} / {seconds(theirs)}")


def seconds(value: float) -> str:
    """Return a duration for the table."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def real_interpreter() -> str:
    """Return the interpreter behind virtual environments and shims: no launcher is timed."""
    base = getattr(sys, "_base_executable", "") or sys.executable
    return os.path.realpath(base)


def parser(description: str, rounds: int) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark has."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument(
        "--rounds", type=int, default=rounds, help=f"measurements of each side ({rounds})"
    )
    options.add_argument("--check", action="store_true", help="exit with 1 when a goal is missed")
    return options


def conclude(rows: Sequence[Row], check: bool) -> int:
    """Print the table; return 1 when ``check`` is set and a goal is missed."""
    print("| what | measured | goal | from |")
    print("|---|---|---|---|")
    for row in rows:
        goal = "" if row.limit is None else f"≤ {row.limit:.2f} {row.unit}"
        missed = " **missed**" if row.missed else ""
        print(f"| {row.name} | {row.value:.2f} {row.unit}{missed} | {goal} | {row.shown} |")
    return 1 if check and any(row.missed for row in rows) else 0
