"""A second ``make run``, until its script is at work, against the script started by Python itself.

    python benchmarks/second_run.py

A project is generated and set up once, which takes the network or a warm cache of pip. The script
does what the experiment does before it needs a server: it parses its arguments and imports Hera
and the experiment; then it writes down the time. Ours is ``make run SCRIPT=…``, with make, the
bootstrap, the verb and the laptop's server before it; theirs ``.venv/bin/python …``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from measure import REPOSITORY, conclude, medians, parser, ratio

LIMIT = 1.1
SCRIPT = """
import time
began = time.monotonic()
from hera_utils import parse_arguments
args = parse_arguments()
import workflow
with open("stamp", "w") as stamp:
    print(began, time.monotonic(), file=stamp)
"""


def main() -> int:
    """Measure and print."""
    args = parser(__doc__.splitlines()[0], rounds=11).parse_args()
    with tempfile.TemporaryDirectory() as name:
        generate = [sys.executable, "-m", "cookiecutter", "--no-input", str(REPOSITORY)]
        subprocess.run(generate, cwd=name, check=True, stdout=subprocess.DEVNULL)
        (project,) = Path(name).iterdir()
        (project / "stamping.py").write_text(SCRIPT)
        # As typed in a shell, not as called by a make of ours.
        environment = {key: value for key, value in os.environ.items() if "MAKE" not in key}

        def until(command: Sequence[str], which: int) -> float:
            (project / "stamp").unlink(missing_ok=True)
            start = time.monotonic()
            subprocess.run(command, cwd=project, env=environment, capture_output=True)
            return float((project / "stamp").read_text().split()[which]) - start

        ours = ["make", "run", "SCRIPT=stamping.py"]
        theirs = [".venv/bin/python", "stamping.py"]
        found = medians(
            {
                "ours": lambda: until(ours, 1),
                "theirs": lambda: until(theirs, 1),
                "ours, first line": lambda: until(ours, 0),
                "theirs, first line": lambda: until(theirs, 0),
            },
            args.rounds,
        )
    first = [found["ours, first line"], found["theirs, first line"]]
    rows = [
        ratio("script at work / by Python itself", found["ours"], found["theirs"], LIMIT),
        ratio("script's first line / by Python itself", *first, None),
    ]
    return conclude(rows, args.check)


if __name__ == "__main__":
    raise SystemExit(main())
