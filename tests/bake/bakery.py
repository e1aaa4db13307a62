"""What the tests of this folder share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytest_cookies.plugin import Result

Bake = Callable[..., Result]


def project(result: Result) -> Path:
    """Return the folder that was generated; fail when none was."""
    assert result.exception is None, result.exception
    assert result.project_path is not None
    return Path(result.project_path)
