"""The program of containers/new-container, run as its image runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "containers" / "new-container"


def run(input_dir: Path, output: Path) -> subprocess.CompletedProcess[str]:
    """Run the program with the Python of .venv.

    A package that it imports must be there, too: pyproject.toml says how to add it to the group
    dev.
    """
    return subprocess.run(
        [sys.executable, "new_container.py", f"--input_dir={input_dir}", f"--output={output}"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
    )


def test_the_numbers_of_all_files_are_summed_up(tmp_path: Path) -> None:
    """Fields with numbers only, whatever the folders."""
    for name, size in (("a", 1), ("b", 3)):
        path = tmp_path / "input" / name / "found.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"name": name, "size": size}))
    output = tmp_path / "output" / "result.json"
    done = run(tmp_path / "input", output)
    assert done.returncode == 0, done.stderr
    assert json.loads(output.read_text()) == {
        "size": {"count": 2, "least": 1, "mean": 2.0, "greatest": 3}
    }


def test_no_files_are_a_failure(tmp_path: Path) -> None:
    """One sentence says so, and nothing is written."""
    done = run(tmp_path, tmp_path / "result.json")
    assert done.returncode == 1
    assert done.stderr == f"there is no JSON file with an object below {tmp_path}\n"
    assert not list(tmp_path.iterdir())
