"""A stranger who generates a project and types commands in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
CACHES = ("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache")
RUNS = (".hera", ".venv", "results")


def copy_template(to: Path) -> None:
    """Copy what cookiecutter takes of this repository, without what lies about."""
    to.mkdir()
    for file in ("cookiecutter.json", "LICENSE"):
        shutil.copy(REPOSITORY / file, to)
    for folder in ("hooks", "src", "{{cookiecutter.project_slug}}"):
        source = REPOSITORY / folder
        shutil.copytree(source, to / folder, ignore=shutil.ignore_patterns(*CACHES))
        for name in RUNS:
            shutil.rmtree(to / folder / name, ignore_errors=True)


class Shell:
    """Commands as a person types them one after the other, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = ("PATH", "HOME", "LANG", "TMPDIR", "HTTPS_PROXY", "NO_PROXY")
        passed = {name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "SSL"))}
        self.environ = {
            **passed,
            **{name: os.environ[name] for name in kept if name in os.environ},
            **{f"GIT_{who}_NAME": "Ada" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "ada@example.org" for who in ("AUTHOR", "COMMITTER")},
        }

    def __call__(self, commands: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-ec", commands],
            cwd=self.folder,
            env={**self.environ, "PWD": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=900,
        )
