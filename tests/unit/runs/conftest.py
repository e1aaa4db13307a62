"""An experiment with two clusters that answer as a test says."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from runs_place import Clusters

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "platform")]


@pytest.fixture
def clusters(tmp_path: Path) -> Iterator[Clusters]:
    from runs_place import Clusters

    made = Clusters(tmp_path)
    yield made
    made.close()
