"""Fixtures around a repository, and around an engine that runs real tasks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from laptop_runs import Laptop

from hera_experiment.local.artifacts.pod import PodArtifacts
from hera_experiment.local.artifacts.repository import Repository
from hera_experiment.local.runtimes.base import BUBBLEWRAP, PROCESS
from hera_experiment.local.store import Objects


@pytest.fixture(params=[BUBBLEWRAP, PROCESS])
def laptop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Laptop]:
    made = Laptop(tmp_path / "state", request.param)
    yield made
    made.engine.close()


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects(tmp_path)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture
def pod(repository: Repository, objects: Objects) -> PodArtifacts:
    return PodArtifacts(repository, objects, {"s3": {"key": "w/w-a-1"}})
