"""A recorded cluster for each test of a check."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from recorded_cluster import RecordedCluster


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[RecordedCluster]:
    """A cluster on which all is well, made of recorded answers."""
    made = RecordedCluster.healthy(tmp_path)
    yield made
    made.close()
