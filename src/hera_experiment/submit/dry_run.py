"""What a script would create, printed as YAML: nothing is created and nothing is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

from hera_experiment.check.submitted import KINDS, WORKFLOW, Kind
from hera_experiment.errors import UserError, tell
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.submit.yaml_text import as_yaml

_KINDS = {kind.path: kind for kind in KINDS}


@dataclass(frozen=True)
class Answer:
    """What Hera takes for the answer of Argo's server."""

    content: dict[str, Any]
    ok: bool = True

    def json(self) -> dict[str, Any]:
        """Return the document."""
        return self.content


class DryRun:
    """Answers in the place of Argo's server whatever would change something there.

    ``client`` is asked whether its server, ``name``, would accept each workflow; it is None where
    no platform is designated. ``out`` receives the documents.
    """

    def __init__(self, client: ArgoClient | None, name: str, out: TextIO) -> None:
        self._client = client
        self._name = name
        self._out = out
        self._made: dict[str, dict[str, Any]] = {}

    def take_over(self) -> None:
        """Make every service of Hera ask here first."""
        from hera.workflows import async_service, service

        self._replace(service.WorkflowsService)
        self._replace_async(async_service.AsyncWorkflowsService)

    def _replace(self, kind: Any) -> None:
        send: Callable[..., Any] = kind._request

        def request(own: Any, method: str, **options: Any) -> Any:
            return self.answer(method, **options) or send(own, method, **options)

        kind._request = request

    def _replace_async(self, kind: Any) -> None:
        send: Callable[..., Any] = kind._request

        async def request(own: Any, method: str, **options: Any) -> Any:
            return self.answer(method, **options) or await send(own, method, **options)

        kind._request = request

    def answer(self, method: str, url: str, data: Any = None, **_: Any) -> Answer | None:
        """Return the answer to a request, None where the server itself is to answer.

        Raises
        ------
        UserError
            When the server would refuse a workflow, or the script asks for another change.
        """
        path, *rest = url.partition("/api/v1/")[2].split("/")
        if method.lower() == "get":
            known = self._made.get(rest[-1]) if rest else None
            return Answer(known) if known else None
        if rest[-1:] == ["lint"]:
            return None
        kind = _KINDS.get(path)
        if kind is not None and method.lower() == "post" and len(rest) == kind.in_namespace:
            return Answer(self._create(kind, "".join(rest), json.loads(data)[kind.key]))
        raise UserError(
            f"a dry run changes nothing, and the script asks for {method.upper()} {path}",
            next_step="submit without DRY_RUN=1",
        )

    def _create(self, kind: Kind, namespace: str, manifest: dict[str, Any]) -> dict[str, Any]:
        self._out.write(as_yaml(manifest))
        self._out.flush()
        made = manifest
        if kind is WORKFLOW:
            if self._client is not None:
                made = self._client.create_workflow(namespace, manifest, server_dry_run=True)
                tell(f"{self._name} accepts it; nothing was created")
            made = {**made, "metadata": _named(made.get("metadata") or {}, len(self._made))}
            # A script that waits for its end shall not wait for ever.
            made["status"] = {"phase": "Succeeded"}
            self._made[made["metadata"]["name"]] = made
        return made


def _named(metadata: dict[str, Any], number: int) -> dict[str, Any]:
    return {"name": f"{metadata.get('generateName', '')}dry-run-{number}", **metadata}
