"""Two servers that hold workflows, the profiles that lead there, and records."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fake_server import Answer, Asked, FakeServer

from hera_experiment.experiment import Experiment
from hera_experiment.record.records import Records
from hera_experiment.record.run_record import RunRecord, State
from hera_experiment.submission.once import SUBMISSION_LABEL
from hera_utils.cli_context import CLIContext


def workflow(name: str, created: str, phase: str = "Running", **spec: Any) -> dict[str, Any]:
    status: dict[str, Any] = {"phase": phase, "progress": "1/2"}
    if phase != "Running":
        status["finishedAt"] = created
    metadata = {
        "name": name,
        "namespace": "ns",
        "creationTimestamp": f"2026-11-21T{created}Z",
        "labels": {SUBMISSION_LABEL: f"of-{name}"},
    }
    return {"metadata": metadata, "spec": spec, "status": status}


class Clusters:
    """The clusters ``a`` and ``b`` of the experiment in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "experiment.toml").write_text('[experiment]\nname = "T"\nslug = "t"\n')
        (folder / "clusters").mkdir()
        self.there: dict[str, list[dict[str, Any]]] = {"a": [], "b": []}
        self.servers = {name: FakeServer() for name in self.there}
        self.changes: list[tuple[str, str]] = []
        for name, server in self.servers.items():
            server.answer = lambda asked, name=name: self._answer(asked, self.there[name])
            profile = folder / "clusters" / f"{name}.config"
            profile.write_text(
                f"ARGO_SERVER=127.0.0.1:{server.port}\nARGO_SECURE=false\n"
                "ARGO_NAMESPACE=ns\nARGO_TOKEN=x\nKUBECONFIG=/dev/null\n"
            )
            profile.chmod(0o600)
        self.environ = {"HOME": str(folder / "home")}
        self.records = Records.of(Experiment.load(folder))

    def _answer(self, asked: Asked, there: list[dict[str, Any]]) -> Answer:
        path = urlsplit(asked.path)
        parts = path.path.split("/")[3:]
        if asked.method != "GET":
            self.changes.append((asked.method, "/".join(parts)))
            return Answer({})
        if len(parts) == 3:
            found = [each for each in there if each["metadata"]["name"] == parts[2]]
            message = f'workflows.argoproj.io "{parts[2]}" not found'
            return Answer(found[0]) if found else Answer({"code": 5, "message": message}, 404)
        query = parse_qs(path.query)
        if "listOptions.limit" not in query:
            assert query["listOptions.labelSelector"] == ["hera-experiment/experiment=t"]
        return Answer({"metadata": {}, "items": there or None})

    def context(self, **typed: str) -> CLIContext:
        return CLIContext.resolve(
            argparse.Namespace(**typed), Experiment.load(self.folder), self.environ
        )

    def record(
        self,
        name: str,
        cluster: str,
        created: str,
        state: State = State.CREATED,
        server: str = "",
    ) -> None:
        self.records.write(
            RunRecord(
                name=name,
                namespace="ns",
                cluster=cluster,
                server=server,
                submission=f"of-{name}",
                state=state,
                created=f"2026-11-21T{created}Z",
                manifest={"metadata": {"name": name}},
                reason="it said no" if state is State.REFUSED else "",
            )
        )

    def close(self) -> None:
        for server in self.servers.values():
            server.close()
