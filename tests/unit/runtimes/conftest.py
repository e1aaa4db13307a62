"""Fixtures around one experiment and the runtimes that need no engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from runtime_project import Project

from hera_experiment.local.runtimes.base import BUBBLEWRAP, PROCESS, PodResult
from hera_experiment.local.runtimes.base_runtime import BaseRuntime


@pytest.fixture(params=[BUBBLEWRAP, PROCESS])
def runtime_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def project(tmp_path: Path, runtime_name: str) -> Project:
    return Project(tmp_path, runtime_name)


@pytest.fixture
def runtime(project: Project) -> BaseRuntime:
    return project.runtime()


Run = Callable[..., tuple[PodResult, str]]


@pytest.fixture
def run(project: Project, runtime: BaseRuntime) -> Run:
    """Return a function that runs one template and gives its result and its log."""

    def run_template(template: Mapping[str, Any], **options: Any) -> tuple[PodResult, str]:
        pod = project.pod(template, **options)
        result = runtime.run(pod, project.announce)
        assert not pod.folder.exists(), "the scratch folder is still there"
        return result, pod.log.read_text(errors="replace") if pod.log.exists() else ""

    return run_template
