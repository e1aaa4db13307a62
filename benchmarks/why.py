"""Plants changes in a small experiment, and asks ``why`` for the task and the cause of each.

Beside each change stand five harmless ones. ``named`` counts those whose first task is right and
whose cause is the first that ``why`` names, ``alone`` those of them where it is the only one, and
``shown`` those where ``PROVE=1`` shows that cause and no other.

    .venv/bin/python benchmarks/why.py [--limit N] [--start N] [--no-prove] [--check]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY / "tests" / "integration")]

from why_cases import BESIDE, PLANTED, Planted, WhyPlace  # noqa: E402

GOAL = 58 / 60


def main() -> int:
    """Plant them one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=len(PLANTED))
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--no-prove", action="store_true")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    chosen = list(enumerate(PLANTED))[args.start :: args.step][: args.limit]
    counts = {"named": 0, "alone": 0, "shown": 0}
    with tempfile.TemporaryDirectory() as folder:
        place = WhyPlace(Path(folder))
        bases: dict[str, str] = {}
        for number, change in chosen:
            begun = time.monotonic()
            verdicts = _tried(place, change, number, bases, prove=not args.no_prove)
            for name, right in verdicts.items():
                counts[name] += right
            words = ", ".join(
                f"{name} {'yes' if right else 'NO'}" for name, right in verdicts.items()
            )
            print(f"{number:3} {time.monotonic() - begun:5.0f} s  {words}  {change}", flush=True)
    total = len(chosen)
    print(f"{total} changes with {BESIDE} harmless ones each: " + str(counts))
    right = counts["named"] if args.no_prove else counts["shown"]
    return 1 if args.check and right < GOAL * total else 0


def _tried(
    place: WhyPlace, change: Planted, number: int, bases: dict[str, str], *, prove: bool
) -> dict[str, bool]:
    # One half is traced, of the other half it is concluded which task wrote what.
    options = ["--cache=1"] if number % 2 else []
    key = f"{number % 2} {change.file if change.file.endswith('requirements.txt') else ''}"
    if change.cause[0] == "chance":
        key = f"{number}"
    if key not in bases:
        place.plant(change, before=True)
        bases[key] = place.go(*options)
    place.plant(change, seed=number)
    words = [f"--a={bases[key]}", f"--b={place.go(*options)}", "--output=json"]
    found = json.loads(place.verb("why", *words))
    causes = [each for each in found["causes"] if not each["out"]]
    task = found["task"].partition("(")[0] == change.task
    first = task and bool(causes) and _is(change, causes[0])
    verdicts = {"named": first, "alone": first and len(causes) == 1}
    if prove:
        shown = json.loads(place.verb("why", *words, "--prove=1"))
        proven = [tuple(each.split(" ", 1)) for each in shown["proof"]["causes"]]
        right = len(proven) == 1 and _is(
            change, dict(zip(("kind", "name"), proven[0], strict=True))
        )
        verdicts["shown"] = shown["task"].partition("(")[0] == change.task and right
    return verdicts


def _is(change: Planted, cause: dict[str, str]) -> bool:
    kind, name = change.cause
    return cause["kind"] == kind and cause["name"].partition("(")[0] == name


if __name__ == "__main__":
    sys.exit(main())
