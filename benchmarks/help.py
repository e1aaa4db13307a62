"""``python -m hera_utils --help``, against the same interpreter importing argparse.

python benchmarks/help.py
"""

from __future__ import annotations

import sys

from measure import TEMPLATE, Row, conclude, medians, parser, ratio, wall

LIMIT = 2.0


def main() -> int:
    """Measure and print."""
    args = parser(__doc__.splitlines()[0], rounds=31).parse_args()
    found = medians(
        {
            "help": lambda: wall([sys.executable, "-m", "hera_utils", "--help"], cwd=TEMPLATE),
            "run": lambda: wall(
                [sys.executable, "-m", "hera_utils", "run", "--help"], cwd=TEMPLATE
            ),
            "argparse": lambda: wall([sys.executable, "-c", "import argparse"], cwd=TEMPLATE),
        },
        args.rounds,
    )
    rows: list[Row] = [
        ratio("--help / import argparse", found["help"], found["argparse"], LIMIT),
        ratio("run --help / import argparse", found["run"], found["argparse"], None),
    ]
    return conclude(rows, args.check)


if __name__ == "__main__":
    raise SystemExit(main())
