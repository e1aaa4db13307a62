"""A project with containers and objects on disk, and pods to run in it."""

from __future__ import annotations

import itertools
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hera_experiment.local.errors import NotFound
from hera_experiment.local.runtimes.base import PROCESS, Pod
from hera_experiment.local.runtimes.base_runtime import BaseRuntime
from hera_experiment.local.runtimes.isolation import find_isolation
from hera_experiment.local.runtimes.process_runtime import ProcessRuntime
from hera_experiment.local.runtimes.root_runtime import RootRuntime

SLUG = "runtime-selftest"
PYTHON = "python:3.10"


class Objects:
    """Claims, ConfigMaps and Secrets held in a folder and in dictionaries."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.values: dict[tuple[str, str], dict[str, bytes]] = {}

    def add_claim(self, name: str) -> Path:
        path = self.folder / "claims" / name
        path.mkdir(parents=True)
        return path

    def claim_path(self, name: str) -> Path:
        path = self.folder / "claims" / name
        if not path.is_dir():
            raise NotFound(f"{name} not found")
        return path

    def get(self, kind: str, name: str) -> Mapping[str, bytes]:
        try:
            return self.values[kind, name]
        except KeyError:
            raise NotFound(f"{kind} {name} not found") from None


class Project:
    """An experiment's folders; ``containers`` and ``state`` lie below ``root``.

    ``runtime_name`` is the runtime that its pods run in.
    """

    def __init__(self, root: Path, runtime_name: str = PROCESS) -> None:
        self.root = root
        self.runtime_name = runtime_name
        self.containers = root / "containers"
        self.state = root / ".hera"
        self.state.mkdir(parents=True)
        self.objects = Objects(self.state)
        self.announced: list[str] = []
        self._numbers = itertools.count(1)

    def container(self, name: str, dockerfile: str, **files: str) -> str:
        """Write ``containers/<name>/`` (``__`` in a file's name is a slash, ``_`` a dot)."""
        folder = self.containers / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "Dockerfile").write_text(dockerfile)
        for file, text in files.items():
            path = folder / file.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return f"registry.example/project/{SLUG}-{name}:latest"

    def runtime(self, environ: Mapping[str, str] | None = None) -> BaseRuntime:
        environ = dict(os.environ) if environ is None else environ
        settings = {
            "slug": SLUG,
            "containers": self.containers,
            "state": self.state,
            "objects": self.objects,
            "environ": environ,
        }
        if self.runtime_name == PROCESS:
            return ProcessRuntime(**settings)
        isolation = find_isolation(self.state / "roots", environ)
        assert isolation.program, f"{isolation.why}: {isolation.next_step}"
        return RootRuntime(isolation, **settings)

    def pod(
        self,
        template: Mapping[str, Any],
        volumes: list[dict[str, Any]] | None = None,
        capture: bool = True,
        workflow: str = "run-abc",
    ) -> Pod:
        node = f"{workflow}-{next(self._numbers)}"
        run = self.state / "runs" / workflow
        return Pod(
            namespace="local",
            workflow_name=workflow,
            node_id=node,
            name=f"{node}-pod",
            template={"name": "main", **template},
            volumes=volumes or [],
            folder=run / "pods" / node,
            log=run / "logs" / f"{node}.log",
            capture_result=capture,
        )

    def announce(self, text: str) -> None:
        self.announced.append(text)


def shell(code: str, **container: Any) -> dict[str, Any]:
    """Return a container template on a stock image that runs shell code."""
    return {"container": {"image": PYTHON, "command": ["sh", "-c"], "args": [code], **container}}


def script(source: str, command: str = "python", **fields: Any) -> dict[str, Any]:
    """Return a script template on a stock image."""
    return {"script": {"image": PYTHON, "command": [command], "source": source, **fields}}


def write_wheel(folder: Path, name: str, code: str) -> None:
    """Write the wheel of a package with one module and one console script, both ``name``."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name}={name}:main\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
