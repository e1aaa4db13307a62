"""Whatever is sent arrives as it was sent: through scripts and containers, on this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from hera.workflows import InlineScriptConstructor, Script
from sent_values import differences, workflow_of

from hera_experiment.local.engine.controller import Engine
from hera_experiment.local.errors import InvalidWorkflow
from hera_experiment.local.runtimes.registry import Runtimes
from hera_experiment.local.store import Store

Run = Callable[[Any], dict[str, Any]]


def now() -> datetime:
    return datetime.now(timezone.utc)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run a workflow to its end, with plain processes."""
    root = tmp_path_factory.mktemp("local")
    store = Store(root, now)
    runtimes = Runtimes(
        slug="values",
        containers=root / "containers",
        state=root,
        objects=store.objects,
        environ=dict(os.environ),
    )
    suffixes = (f"{n:05d}" for n in range(1000))
    engine = Engine(
        store=store,
        runtime=runtimes.get,
        parallelism=2,
        clock=now,
        random_suffix=suffixes.__next__,
    )

    def run(workflow: Any) -> dict[str, Any]:
        workflow.namespace = "local"
        name = engine.create(workflow.to_dict())["metadata"]["name"]
        found, end, version = store.get("local", name), time.monotonic() + 120, 0
        while not found.finished:
            assert time.monotonic() < end, found.status
            version = store.wait(version, 1)
        return found.as_dict()

    yield run
    engine.close()


@pytest.mark.parametrize("seed", range(8))
def test_what_went_in_comes_back(seed: int, run: Run) -> None:
    workflow, expected = workflow_of(seed)
    done = run(workflow)
    assert done["status"]["phase"] == "Succeeded", done["status"]
    assert differences(done, expected) == []


def test_heras_own_constructor_would_be_caught(run: Run) -> None:
    workflow, _ = workflow_of(0)
    for template in workflow.templates:
        if isinstance(template, Script):
            template.constructor = InlineScriptConstructor()
    with pytest.raises(InvalidWorkflow, match=r"tasks\.texts-0 .* invalid JSON"):
        run(workflow)
