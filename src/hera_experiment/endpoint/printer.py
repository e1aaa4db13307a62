"""Prints what a script would create: nothing is created and nothing is recorded."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any, TextIO

import requests

from hera_experiment.argo.objects import WORKFLOW
from hera_experiment.endpoint.capture import Capture
from hera_experiment.endpoint.defaults import Defaults
from hera_experiment.endpoint.messages import (
    Creation,
    Judge,
    Request,
    answer_of,
    creation_in,
    remarked,
)
from hera_experiment.endpoint.submission import forward
from hera_experiment.endpoint.yaml_text import as_yaml
from hera_experiment.errors import UserError, tell
from hera_experiment.graph.of_workflow import graph_of
from hera_experiment.graph.text import text_of
from hera_experiment.platform.argo_client import ArgoClient


class Printer(Capture):
    """Writes each object to ``out`` as YAML, the tasks of a workflow to standard error.

    The server of ``client``, called ``name``, is asked whether it would accept each workflow, and
    answers what the script reads; without a client nothing is asked. ``defaults`` and ``judge`` are
    those of a submission.
    """

    def __init__(
        self,
        out: TextIO,
        client: ArgoClient | None = None,
        name: str = "",
        defaults: Defaults = Defaults(),  # noqa: B008
        judge: Judge = lambda submitted: (),
    ) -> None:
        super().__init__()
        self._out = out
        self._client = client
        self._name = name
        self._defaults = defaults
        self._judge = judge

    def answer(self, request: Request) -> requests.Response:
        """Return the answer, with what is to be remarked; raises what ``judge`` does."""
        creation = creation_in(request)
        if creation is None:
            return self.read(request)
        filled = replace(creation, manifest=self._defaults.filled_in(creation))
        # First of all: who is told of a mistake wants to look at it.
        self._print(filled)
        remarks = self._judge(filled.submitted())
        return remarked(answer_of(self.take(filled)), remarks)

    def read(self, request: Request) -> requests.Response:
        """Return the answer of the server, or what takes its place.

        Raises
        ------
        UserError
            When the script asks for a change other than to create.
        """
        if request.method not in ("GET", "HEAD") and request.words[-1:] != ["lint"]:
            raise UserError(
                f"a dry run changes nothing, and the script asks for {request.method} "
                f"{request.words[0]}",
                next_step="submit without DRY_RUN=1",
            )
        if self._client is not None and self.made(request) is None:
            return forward(self._client, request)
        return super().read(request)

    def take(self, creation: Creation) -> dict[str, Any]:
        """Take down what is to be created; raises ``UserError`` when the server would refuse it."""
        if creation.kind is WORKFLOW and self._client is not None:
            namespace, manifest = creation.namespace, creation.manifest
            self._client.create_workflow(namespace, manifest, server_dry_run=True)
            tell(f"{self._name} accepts it; nothing was created")
        return super().take(creation)

    def _print(self, creation: Creation) -> None:
        self._out.write(as_yaml(creation.manifest))
        self._out.flush()
        if creation.kind is WORKFLOW:
            print("\n".join(text_of(graph_of(creation.manifest))), file=sys.stderr, flush=True)
