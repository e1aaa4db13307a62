"""Workflows on an engine that runs real tasks, for what they hand to each other."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from polling import until

from hera_experiment.local.engine.controller import Engine
from hera_experiment.local.runtimes.registry import Runtimes
from hera_experiment.local.store import Store

Json = dict[str, Any]
IMAGE = "python:3.13-slim"


class Laptop:
    """A store and an engine below ``root``; tasks run in ``runtime``."""

    def __init__(self, root: Path, runtime: str) -> None:
        def now() -> datetime:
            return datetime.now(timezone.utc)

        self.root = root
        self.runtime = runtime
        self.store = Store(root, now)
        runtimes = Runtimes(
            slug="artifacts",
            containers=root / "containers",
            state=root,
            objects=self.store.objects,
            environ=dict(os.environ),
        )
        self.engine = Engine(
            store=self.store,
            runtime=runtimes.get,
            parallelism=2,
            clock=now,
            random_suffix=lambda: secrets.token_hex(3)[:5],
        )

    def run(self, *templates: Json, **spec: Any) -> Json:
        """Run a workflow to its end; the first template is the entry."""
        manifest = {
            "metadata": {"generateName": "w-", "namespace": "local"},
            "spec": {"entrypoint": templates[0]["name"], "templates": list(templates), **spec},
        }
        name = self.engine.create(manifest, runtime=self.runtime)["metadata"]["name"]
        run = self.store.get("local", name)
        until(lambda: run.finished, 60, 0.01, seen=lambda: run.status)
        return run.as_dict()

    def kept(self, key: str) -> Path:
        """Return the file of a key of the default repository."""
        return self.root / "artifacts" / key


def node(workflow: Mapping[str, Any], name: str) -> Json:
    """Return the node that is shown as ``name``."""
    (found,) = (n for n in workflow["status"]["nodes"].values() if n["displayName"] == name)
    assert isinstance(found, dict)
    return found


def leaf(name: str, code: str, **fields: Any) -> Json:
    """Return a template that runs shell code."""
    container = {"image": IMAGE, "command": ["sh", "-c"], "args": [code]}
    return {"name": name, "container": container, **fields}


def inputs(*artifacts: Json) -> Json:
    return {"inputs": {"artifacts": list(artifacts)}}


def outputs(*artifacts: Json) -> Json:
    return {"outputs": {"artifacts": list(artifacts)}}


def task(name: str, template: str, *artifacts: Json, **fields: Any) -> Json:
    return {
        "name": name,
        "template": template,
        "arguments": {"artifacts": list(artifacts)},
        **fields,
    }


def dag(*tasks: Json, **fields: Any) -> Json:
    return {"name": "main", "dag": {"tasks": list(tasks)}, **fields}
