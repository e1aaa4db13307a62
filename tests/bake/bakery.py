"""What the tests of this folder share."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from pytest_cookies.plugin import Result

REPOSITORY = Path(__file__).resolve().parents[2]
CACHES = ("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hera", ".venv", "results")

Bake = Callable[..., Result]


def copy_template(to: Path) -> None:
    """Copy what cookiecutter takes of this repository, without what lies about."""
    to.mkdir()
    shutil.copy(REPOSITORY / "cookiecutter.json", to)
    for folder in ("hooks", "{{cookiecutter.project_slug}}"):
        shutil.copytree(REPOSITORY / folder, to / folder, ignore=shutil.ignore_patterns(*CACHES))


def project(result: Result) -> Path:
    """Return the folder that was generated; fail when none was."""
    assert result.exception is None, result.exception
    assert result.project_path is not None
    return Path(result.project_path)
