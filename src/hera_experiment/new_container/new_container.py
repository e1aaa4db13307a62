"""Sum up the numbers in all JSON files below a folder: how many, the least, the mean, the greatest.

Such files are what collect writes. ``compute`` is the place for a computation of your own.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import fmean
from typing import Any


def read(input_dir: Path) -> list[dict[str, Any]]:
    """Return the objects in the JSON files below a folder, in the order of their paths."""
    paths = sorted(input_dir.rglob("*.json"))
    found = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return [each for each in found if isinstance(each, dict)]


def compute(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return, for each field that holds numbers, how they are distributed."""
    numbers: dict[str, list[float]] = {}
    for each in found:
        for field, value in each.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                numbers.setdefault(field, []).append(value)
    return {
        field: {
            "count": len(values),
            "least": min(values),
            "mean": fmean(values),
            "greatest": max(values),
        }
        for field, values in numbers.items()
    }


def main() -> None:
    """Read the command line and the files, compute, and write the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input_dir", required=True, type=Path)
    parser.add_argument("--output", required=True, type=Path)
    args = parser.parse_args()
    found = read(args.input_dir)
    if not found:
        sys.exit(f"there is no JSON file with an object below {args.input_dir}")
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(json.dumps(compute(found), indent=2) + "\n", encoding="utf-8")
    print(f"{len(found)} files are summed up in {args.output}")


if __name__ == "__main__":
    main()
