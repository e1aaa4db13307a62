from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from hera_experiment.local.store import Store


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / ".hera"


@pytest.fixture
def open_store(root: Path) -> Callable[[], Store]:
    """Open the store as a server does that starts: each call stands for a new process."""
    seconds = iter(range(1_800_000_000, 1_900_000_000))
    return lambda: Store(root, lambda: datetime.fromtimestamp(next(seconds), timezone.utc))


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    return open_store()


@pytest.fixture
def manifest() -> Callable[..., dict[str, Any]]:
    def make(name: str = "w", namespace: str = "local", **labels: str) -> dict[str, Any]:
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {"name": name, "namespace": namespace, "uid": "u-1", "labels": labels},
            "spec": {"entrypoint": "main", "templates": []},
        }

    return make
