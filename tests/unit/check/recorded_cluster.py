"""A cluster that answers as a real one did, to be broken in one way: no cluster is needed.

``healthy_answers.json`` holds what the servers of the test cluster answered (Kubernetes 1.34, Argo
Workflows 3.7, a registry) when all checks were well, without what no check reads; tokens are made
up. A test changes answers, settings or the workflow, and asks for the outcome of one check.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from hera_experiment.argo.objects import Captured, Submitted
from hera_experiment.check.catalogue import CATALOGUE
from hera_experiment.check.outcome import Outcome, Status
from hera_experiment.check.runner import run
from hera_experiment.check.target import CheckTarget
from hera_experiment.experiment import Experiment
from hera_utils.cli_context import CLIContext

SECRET = "s3cret"
SPACE = "/api/v1/namespaces/experiments"
REVIEWS = "/apis/authorization.k8s.io/v1"
_HEALTHY = Path(__file__).with_name("healthy_answers.json")


class RecordedServer:
    """Answers on the loopback interface with ``answers``: "GET /path" → status and document.

    The query counts for nothing. "GET /path of the account" is what the account of the pods is told
    where it is another thing. What has no answer is not found, as Kubernetes and Argo say it. A
    document that is a string is sent as it is. ``tokens`` are the statuses that bearer tokens get
    when they list workflows (401 for any other), None where all are let in.
    """

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = {key: tuple(answer) for key, answer in answers.items()}
        self.headers: dict[str, str] = {}
        self.tokens: dict[str, int] | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __setitem__(self, key: str, answer: tuple[int, Any]) -> None:
        self.answers[key] = answer

    def change(self, key: str, **parts: Any) -> None:
        """Replace the top parts of the document that answers ``key``."""
        status, document = self.answers[key]
        self.answers[key] = status, {**document, **parts}

    def forbid(self, *keys: str) -> None:
        """Answer as Kubernetes does to whoever has not the right."""
        for key in keys:
            self.answers[key] = 403, {"kind": "Status", "message": "forbidden", "code": 403}

    def answer(self, method: str, path: str, authorization: str) -> tuple[int, Any]:
        if self.tokens is not None and method == "GET" and path.startswith("/api/v1/workflows"):
            status = self.tokens.get(authorization.removeprefix("Bearer "), 401)
            if status != 200:
                return status, {"code": 16 if status == 401 else 7, "message": "token not valid"}
        missing = {"kind": "Status", "message": "not found", "code": 404}
        asked = f"{method} {path}"
        if authorization.endswith("-of-account"):
            found = self.answers.get(f"{asked} of the account")
            return found or self.answers.get(asked, (404, missing))
        return self.answers.get(asked, (404, missing))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(owner: RecordedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            status, document = owner.answer(
                self.command, path, self.headers.get("Authorization", "")
            )
            body = (document if isinstance(document, str) else json.dumps(document)).encode()
            self.send_response(status)
            for name, value in owner.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_POST = do_HEAD = _answer

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


@dataclass
class RecordedCluster:
    """Where and as whom a check is made; all is well at first."""

    folder: Path
    kubernetes: RecordedServer
    argo: RecordedServer
    registry: RecordedServer
    settings: dict[str, str] = field(default_factory=dict)
    kubeconfig: dict[str, Any] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)
    now: datetime = datetime(2026, 11, 26, tzinfo=timezone.utc)
    capture: Callable[[], Captured] | None = None

    @classmethod
    def healthy(cls, folder: Path) -> RecordedCluster:
        answers = json.loads(_HEALTHY.read_text(encoding="utf-8"))
        servers = {name: RecordedServer(found) for name, found in answers.items()}
        made = cls(folder, servers["kubernetes"], servers["argo"], servers["registry"])
        made.argo.tokens = {f"{SECRET}-own": 200, f"{SECRET}-of-account": 403}
        made.registry.headers = {"Docker-Distribution-Api-Version": "registry/2.0"}
        (folder / "experiment.toml").write_text('[experiment]\nname = "Try"\nslug = "try"\n')
        made.settings = {
            "KUBECONFIG": str(folder / "kubeconfig"),
            "ARGO_SERVER": made.argo.address,
            "ARGO_SECURE": "false",
            "ARGO_NAMESPACE": "experiments",
            "ARGO_SERVICE_ACCOUNT": "experiment",
            "KUBEVOLUMECLAIMNAME": "results",
            "KUBECONFIGMAP": "proxy-environment",
            "REGISTRY": made.registry.address,
            "HOME": str(folder),
        }
        made.kubeconfig = {
            "clusters": [{"name": "c", "cluster": {"server": f"http://{made.kubernetes.address}"}}],
            "users": [{"name": "me", "user": {"token": f"{SECRET}-own"}}],
            "contexts": [{"name": "lab", "context": {"cluster": "c", "user": "me"}}],
            "current-context": "lab",
        }
        pod = {"image": f"{made.registry.address}/hera-check/probe:latest"}
        made.manifest = {
            "metadata": {"generateName": "try-", "namespace": "experiments"},
            "spec": {
                "entrypoint": "dag",
                "serviceAccountName": "experiment",
                "templates": [
                    {"name": "one", "container": pod},
                    {
                        "name": "dag",
                        "dag": {"tasks": [{"name": n, "template": "one"} for n in ("a", "b")]},
                    },
                ],
            },
        }
        return made

    @property
    def spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = self.manifest["spec"]
        return spec

    @property
    def pod(self) -> dict[str, Any]:
        """The template of the workflow that becomes pods."""
        template: dict[str, Any] = self.spec["templates"][0]
        return template

    @property
    def user(self) -> dict[str, Any]:
        """The user of the kubeconfig."""
        user: dict[str, Any] = self.kubeconfig["users"][0]["user"]
        return user

    def no_right(self, resource: str) -> None:
        """Take the rules on ``resource`` from whoever asks."""
        key = f"POST {REVIEWS}/selfsubjectrulesreviews"
        status, document = self.kubernetes.answers[key]
        rules = document["status"]["resourceRules"]
        kept = [rule for rule in rules if resource not in rule["resources"]]
        self.kubernetes[key] = status, {"status": {"resourceRules": kept}}

    def nodes(self, *nodes: dict[str, Any]) -> None:
        """Let the nodes be read, and be these."""
        self.kubernetes["GET /api/v1/nodes"] = 200, {"items": list(nodes)}

    def outcome(self, code: str) -> Outcome:
        """Return what the check finds by itself, whatever those find that it needs."""
        if self.kubeconfig:
            (self.folder / "kubeconfig").write_text(yaml.safe_dump(self.kubeconfig))
        experiment = Experiment.find(self.folder)
        context = CLIContext.resolve(argparse.Namespace(), experiment, self.settings, self.folder)
        submitted = self.capture or (lambda: Captured([Submitted(self.manifest)]))
        target = CheckTarget(
            context, submitted, timeout=5, environ=self.settings, now=lambda: self.now
        )
        check = next(each for each in CATALOGUE if each.code == code)
        (result,) = run([replace(check, needs=(), unless_failed=())], target, limit=20)
        outcome = result.outcome
        assert SECRET not in repr(outcome)
        assert "the check itself failed" not in outcome.message, outcome
        return outcome

    def ok(self, code: str) -> str:
        """Assert that the check is well; return what it saw."""
        outcome = self.outcome(code)
        assert outcome.status is Status.OK, outcome
        return outcome.message

    def failure(self, code: str) -> Outcome:
        """Assert that the check fails, and says what is wrong and what to do."""
        outcome = self.outcome(code)
        assert outcome.status is Status.FAILURE, outcome
        assert outcome.cause and outcome.advice and "\n" not in outcome.advice, outcome
        if outcome.paste:
            assert all(yaml.safe_load_all(outcome.paste))
        return outcome

    def warning(self, code: str) -> Outcome:
        """Assert that the check warns, and says of what."""
        outcome = self.outcome(code)
        assert outcome.status is Status.WARNING, outcome
        assert outcome.cause and outcome.advice, outcome
        return outcome

    def unknown(self, code: str) -> str:
        """Assert that the check cannot tell; return why."""
        outcome = self.outcome(code)
        assert outcome.status is Status.UNKNOWN, outcome
        return outcome.message

    def close(self) -> None:
        for server in (self.kubernetes, self.argo, self.registry):
            server.close()


def node(name: str = "n1", taint: str = "", **parts: Any) -> dict[str, Any]:
    """Return a node that is ready; ``taint`` is a key with the effect NoSchedule."""
    return {
        "metadata": {"name": name, "labels": parts.get("labels", {})},
        "spec": {"taints": [{"key": taint, "effect": "NoSchedule"}] if taint else []},
        "status": {
            "conditions": [{"type": "Ready", "status": parts.get("ready", "True")}],
            "allocatable": {"cpu": "4", "memory": "8Gi", **parts.get("allocatable", {})},
        },
    }
