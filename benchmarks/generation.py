"""Generating a project, against generating from an empty template.

    python benchmarks/generation.py

Both sides run ``cookiecutter --no-input`` of this interpreter. The empty template has one file and
no hooks. Ours is a clone as of the last commit, as a person has it.

The first ratio is what a person waits for until there is a project under git: ours makes the
repository and its first commit, to the other three git commands are added. The second one finds
no git, nor does ours then know its commit.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from measure import REPOSITORY, conclude, medians, parser, ratio, wall

LIMIT = 1.5
REPOSITORY_OF_EMPTY = (
    ("git", "init", "--quiet"),
    ("git", "add", "--all"),
    ("git", "commit", "--quiet", "--message", "Generate the experiment"),
)


def empty_template(folder: Path) -> Path:
    """Write the least that cookiecutter takes for a template."""
    project = folder / "empty" / "{{cookiecutter.project_slug}}"
    project.mkdir(parents=True)
    (folder / "empty" / "cookiecutter.json").write_text('{"project_slug": "empty"}')
    (project / "README.md").write_text("# {{cookiecutter.project_slug}}\n")
    return folder / "empty"


def fresh_clone(folder: Path) -> Path:
    """Clone what was committed last."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(clone)], check=True)
    return clone


def main() -> int:
    """Measure and print."""
    args = parser(__doc__.splitlines()[0], rounds=11).parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
        git = {**os.environ, "HOME": name, "GIT_CONFIG_GLOBAL": str(folder / "config")}
        no_git = {**git, "PATH": str(folder / "nothing")}
        empty, whole = empty_template(folder), fresh_clone(folder)

        def generation(
            template: Path,
            environment: Mapping[str, str],
            more: Sequence[Sequence[str]] = (),
        ) -> float:
            output = folder / "output"
            output.mkdir()
            command = [sys.executable, "-m", "cookiecutter", "--no-input", str(template)]
            seconds = wall(command, cwd=output, environment=environment)
            (project,) = output.iterdir()
            seconds += sum(wall(step, cwd=project, environment=environment) for step in more)
            shutil.rmtree(output)
            return seconds

        found = medians(
            {
                "ours, git": lambda: generation(whole, git),
                "empty, git": lambda: generation(empty, git, REPOSITORY_OF_EMPTY),
                "ours": lambda: generation(whole, no_git),
                "empty": lambda: generation(empty, no_git),
            },
            args.rounds,
        )
    rows = [
        ratio(
            "generation / empty template, with git", found["ours, git"], found["empty, git"], LIMIT
        ),
        ratio("generation / empty template, without git", found["ours"], found["empty"], None),
    ]
    return conclude(rows, args.check)


if __name__ == "__main__":
    raise SystemExit(main())
