"""What a runtime asks of Docker's or Podman's program."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from hera_experiment.images.engine import Completed, Runner
from hera_experiment.local.runtimes.children import Children, Stopped


class EngineClient:
    """Calls ``engine``, ``docker`` or ``podman``, with the user's environment."""

    def __init__(self, engine: str, environ: Mapping[str, str]) -> None:
        self.engine = engine
        self.environ = dict(environ)

    def stoppable(self, children: Children) -> Runner:
        """Return a runner of the engine's programs that ends when the pod is stopped."""

        def run(argv: Sequence[str]) -> Completed:
            with tempfile.TemporaryFile() as output:
                status = children.run(
                    argv, environment=self.environ, folder="/", log=output.fileno()
                )
                if children.stopping:
                    raise Stopped
                output.seek(0)
                return Completed(status, output.read().decode("utf-8", "replace"))

        return run

    def state(self, name: str) -> dict[str, Any]:
        """Return the state of a container, empty when there is no such container."""
        asked = self._call("container", "inspect", "--format", "{{json .State}}", name)
        try:
            state: dict[str, Any] = json.loads(asked.stdout)
        except ValueError:
            return {}
        return state

    def read(self, name: str, path: str) -> bytes | None:
        """Return the content of a file in a container, None when there is none."""
        follow = ("--follow-link",) if self.engine == "docker" else ()
        copied = self._call("cp", *follow, f"{name}:{path}", "-")
        if copied.returncode != 0:
            return None
        with (
            contextlib.suppress(tarfile.TarError),
            tarfile.open(fileobj=io.BytesIO(copied.stdout)) as archive,
        ):
            member = archive.next()
            file = archive.extractfile(member) if member is not None else None
            return None if file is None else file.read()
        return None

    def remove(self, *names: str) -> None:
        """Remove containers, running or not, with their anonymous volumes."""
        # Docker kills at once, Podman would wait ten seconds for each.
        now = ("--time", "0") if self.engine == "podman" else ()
        self._call("rm", "--force", "--volumes", *now, *names)

    def labelled(self, label: str) -> list[str]:
        """Return the ids of all containers with this label."""
        listed = self._call("ps", "--all", "--quiet", "--filter", f"label={label}")
        words = listed.stdout.decode("utf-8", "replace").split()
        return [word for word in words if re.fullmatch(r"[0-9a-f]{12,}", word)]

    def _call(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [self.engine, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=self.environ,
            check=False,
        )
