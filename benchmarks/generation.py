"""Generating a project, against generating from an empty template.

    python benchmarks/generation.py

Both sides run ``cookiecutter --no-input`` of this interpreter. The empty template has one file and
no hooks. Neither side finds git: what the first commit costs is git's, not the template's. Ours is
copied without the caches that work on it leaves behind, as in a fresh clone.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from measure import REPOSITORY, TEMPLATE, conclude, medians, parser, ratio, wall

LIMIT = 1.5
CACHES = ("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hera", ".venv")


def empty_template(folder: Path) -> Path:
    """Write the least that cookiecutter takes for a template."""
    project = folder / "empty" / "{{cookiecutter.project_slug}}"
    project.mkdir(parents=True)
    (folder / "empty" / "cookiecutter.json").write_text('{"project_slug": "empty"}')
    (project / "README.md").write_text("# {{cookiecutter.project_slug}}\n")
    return folder / "empty"


def fresh_clone(folder: Path) -> Path:
    """Copy what makes up our template."""
    clone = folder / "clone"
    clone.mkdir()
    shutil.copy2(REPOSITORY / "cookiecutter.json", clone)
    for part in ("hooks", TEMPLATE.name):
        shutil.copytree(REPOSITORY / part, clone / part, ignore=shutil.ignore_patterns(*CACHES))
    return clone


def main() -> int:
    """Measure and print."""
    args = parser(__doc__.splitlines()[0], rounds=11).parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {**os.environ, "PATH": str(folder / "nothing"), "HOME": name}

        def generation(template: Path) -> float:
            output = folder / "output"
            output.mkdir()
            command = [sys.executable, "-m", "cookiecutter", "--no-input", str(template)]
            seconds = wall(command, cwd=output, environment=environment)
            shutil.rmtree(output)
            return seconds

        empty, whole = empty_template(folder), fresh_clone(folder)
        found = medians(
            {"ours": lambda: generation(whole), "empty": lambda: generation(empty)},
            args.rounds,
        )
    return conclude(
        [ratio("generation / empty template", found["ours"], found["empty"], LIMIT)], args.check
    )


if __name__ == "__main__":
    raise SystemExit(main())
