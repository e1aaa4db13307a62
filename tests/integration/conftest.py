"""What waits for real programs beside much else is tried once more, and the summary says so."""

from pathlib import Path

import pytest

ONCE = ("test_exactly_once.py", "test_own_roots.py")
"""What fails here one time in many is a fault of ours."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is here: an engine, a browser or a server of its own races now and then."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.path.name not in ONCE:
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=5))
