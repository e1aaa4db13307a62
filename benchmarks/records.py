"""A record that runs itself: moved elsewhere, and with one byte changed.

    python benchmarks/records.py CRATE --moves 20 --changes 50

CRATE is the folder of an unpacked record of the template's experiment. A move copies it to another
path and runs ``reproduce.py`` as another user (where we are root), in another locale and time zone,
with an environment that has nothing of ours: each must say that all is identical. A change is one
byte of an input, of code or of data, whose first task is known: each must be located there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CENSUS = "code/containers/collect/census_lyon.csv"
CHART = "code/containers/chart/chart.py"
COLLECT = "code/containers/collect/collect.py"
LOCALES = ("C", "C.UTF-8", "POSIX", "fr_FR.UTF-8", "tr_TR.UTF-8")
ZONES = ("UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Kiritimati", "Europe/Paris")
NAMES = ("plain", "with blank", "été", "deep/er/still", "under_score")


@dataclass(frozen=True)
class Change:
    """One byte at ``position`` of ``path`` becomes ``new``; ``task`` is the first to differ."""

    path: str
    position: int
    new: bytes
    task: str


def changes(crate: Path, count: int, seed: int) -> list[Change]:
    """Return ``count`` changes, by chance: of data, inputs and code."""
    dice = random.Random(seed)
    found = [*_of_data(crate, dice), *_of_inputs(crate, dice), *_of_code(crate)]
    dice.shuffle(found)
    return found[:count]


def _of_data(crate: Path, dice: random.Random) -> Iterator[Change]:
    """The last digits of each borough's population and area, those of the vintage that was run."""
    text = (crate / CENSUS).read_bytes()
    for row in re.finditer(rb"(LYON_\w+),(\d+),\d+,\d+,(\d+)", text):
        for group in (2, 3, 3):
            at = dice.randrange(row.start(group) + 1, row.end(group))
            yield Change(CENSUS, at, _other_digit(text[at], dice), _collect(row[1]))


def _of_inputs(crate: Path, dice: random.Random) -> Iterator[Change]:
    """A letter of each borough's name, and a digit of the total that it is compared with."""
    path = "code/inputs.py"
    text = (crate / path).read_bytes()
    for name in re.finditer(rb'"(LYON_\w+)"', text):
        yield Change(path, name.end(1) - 1, b"X", _collect(name[1]))
    total = re.search(rb"2016: (\d+)", text)
    assert total is not None
    for at in range(total.start(1) + 1, total.end(1)):
        yield Change(path, at, _other_digit(text[at], dice), "print-results")


def _of_code(crate: Path) -> Iterator[Change]:
    """Constants of the chart, of the collecting program, and of the script in the workflow."""
    first = _collect(b"LYON_1ER")
    for path, before, after, task in (
        (CHART, b'"font.size": 11', b'"font.size": 12', "chart"),
        (CHART, b"figsize=(11", b"figsize=(12", "chart"),
        (CHART, b"dpi=150", b"dpi=151", "chart"),
        (CHART, b"width = 0.8", b"width = 0.7", "chart"),
        (CHART, b"YlGnBu", b"YlGnBx", "chart"),
        (CHART, b"of Lyon's", b"of Lyin's", "chart"),
        (CHART, b'"#7b8794"', b'"#8b8794"', "chart"),
        (CHART, b"import json", b"import jsom", "chart"),
        (COLLECT, b"KM2 = 100", b"KM2 = 200", first),
        (COLLECT, b"indent=2", b"indent=3", first),
        (COLLECT, b"import csv", b"import csw", first),
        (COLLECT, b'"density_per', b'"Density_per', first),
        ("code/workflow.py", b"[inhabitants]", b"[Inhabitants]", "print-results"),
        ("code/workflow.py", b'"sum"', b'"Sum"', "print-results"),
    ):
        text = (crate / path).read_bytes()
        start = text.index(before)
        at = next(i for i, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1])
        yield Change(path, start + at, after[at : at + 1], task)


def _collect(borough: bytes) -> str:
    return f"collect-2016({borough.decode()})"


def _other_digit(digit: int, dice: random.Random) -> bytes:
    return dice.choice(b"0123456789".replace(bytes([digit]), b"").decode()).encode()


def changed(crate: Path, change: Change) -> str:
    """Run the record with the change; return the first task that it names."""
    path = crate / change.path
    before = path.read_bytes()
    now = before[: change.position] + change.new + before[change.position + 1 :]
    path.write_bytes(now)
    try:
        status, said, verdict = reproduced(crate, dict(os.environ))
    finally:
        path.write_bytes(before)
    assert f"changed since the record was made: {change.path}" in said, said
    return str(verdict.get("first", "")) or f"nothing ({status}): {said[-300:]}"


def moved(crate: Path, number: int, folder: Path) -> str:
    """Run the record elsewhere; return what went wrong, nothing if all is identical."""
    target = folder / f"{number} {NAMES[number % len(NAMES)]}"
    # The first installs its packages anew; with the others goes what the crate has installed.
    left = ("claims", "code.git", "runs", "submissions") if number else ("again",)
    shutil.copytree(crate, target, symlinks=True, ignore=shutil.ignore_patterns(*left))
    words: list[str] = []
    if os.geteuid() == 0:
        user = 20_000 + number
        subprocess.run(["chown", "-R", f"{user}:{user}", str(target)], check=True)
        words = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    home = target / "home of a stranger"
    home.mkdir(mode=0o777)
    home.chmod(0o777)
    environ = {name: os.environ[name] for name in os.environ if name.startswith("PIP_")}
    environ |= {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LC_ALL": LOCALES[number % len(LOCALES)],
        "TZ": ZONES[number // len(LOCALES) % len(ZONES)],
    }
    status, said, verdict = reproduced(target, environ, *words)
    kinds = {file["verdict"] for file in (verdict.get("files") or {}).values()}
    shutil.rmtree(target)
    return "" if status == 0 and kinds == {"identical"} else f"{status}: {said[-500:]}"


def reproduced(crate: Path, environ: dict[str, str], *words: str) -> tuple[int, str, dict]:
    """Return the exit status, what was printed, and the verdict."""
    (crate / "again" / "verdict.json").unlink(missing_ok=True)
    command = [*words, sys.executable, str(crate / "reproduce.py")]
    done = subprocess.run(command, cwd="/", env=environ, capture_output=True, text=True)
    try:
        verdict = json.loads((crate / "again" / "verdict.json").read_text())
    except OSError:
        verdict = {}
    return done.returncode, done.stdout + done.stderr, verdict


def main() -> int:
    """Try them and print a line each; 1 when one is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("crate", type=Path)
    parser.add_argument("--moves", type=int, default=20)
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    crate = args.crate.resolve()
    right = {"changes": 0, "moves": 0}
    for change in changes(crate, args.changes, args.seed):
        began = time.monotonic()
        found = changed(crate, change)
        right["changes"] += found == change.task
        place = f"{change.path.removeprefix('code/')}:{change.position}"
        verdict = "right" if found == change.task else f"WRONG, {change.task} expected"
        print(f"{place} -> {found}: {verdict} ({time.monotonic() - began:.0f} s)", flush=True)
    with tempfile.TemporaryDirectory(prefix="moved records ") as name:
        Path(name).chmod(0o755)
        for number in range(args.moves):
            began = time.monotonic()
            wrong = moved(crate, number, Path(name))
            right["moves"] += not wrong
            print(
                f"move {number}: {wrong or 'right'} ({time.monotonic() - began:.0f} s)", flush=True
            )
    print(f"changes: {right['changes']} of {args.changes}, moves: {right['moves']} of {args.moves}")
    return int(right != {"changes": args.changes, "moves": args.moves})


if __name__ == "__main__":
    sys.exit(main())
