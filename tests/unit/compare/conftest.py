"""Runs to compare."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from compared_runs import Maker

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    from compared_runs import Maker

    return Maker(tmp_path)
