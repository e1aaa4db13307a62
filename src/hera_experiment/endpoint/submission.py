"""An Argo server behind the endpoint: what is created there is a submission."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import requests

from hera_experiment.argo.objects import WORKFLOW
from hera_experiment.endpoint.defaults import Defaults
from hera_experiment.endpoint.messages import (
    Judge,
    Request,
    answer_of,
    creation_in,
    remarked,
)
from hera_experiment.endpoint.resumption import Resumption
from hera_experiment.errors import UserError, tell
from hera_experiment.platform.argo_answers import raise_for_page
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.endpoint_session import API, INPUTS, ORIGINS
from hera_experiment.submission.once import submit_once
from hera_experiment.submission.submitter import Submitter

Before = Callable[[str, Mapping[str, Any]], None]
"""Is told the namespace and the manifest of a workflow that is about to be created."""
Created = Callable[[str, Mapping[str, Any]], None]
"""Is told the namespace and the manifest of a workflow that exists now."""

_FORWARDED = ("Accept", "Accept-Encoding", "Content-Type")


class Submission:
    """Creates each workflow once and writes it down; hands every other request on.

    ``defaults`` fill in what a script leaves open, then ``judge`` may refuse it. Each of
    :attr:`before` is called, in turn, before a workflow is created and may refuse it with a
    ``UserError``; ``created`` is called afterwards. Templates and CronWorkflows are labelled and
    handed on, and counted in ``others``.
    """

    def __init__(
        self,
        submitter: Submitter,
        *,
        defaults: Defaults,
        created: Created = lambda namespace, workflow: None,
        judge: Judge = lambda submitted: (),
    ) -> None:
        if submitter.once is submit_once:
            submitter = replace(submitter, once=partial(submit_once, pause=self.pause))
        self._client = submitter.client
        self._submitter = submitter
        self._defaults = defaults
        self.before: list[Before] = []
        self._created = created
        self._judge = judge
        self.others = 0
        self._preparing = threading.Lock()
        self._closing = threading.Event()

    def close(self) -> None:
        """Create nothing from now on: what has not been sent yet is refused."""
        self._closing.set()

    def pause(self, seconds: float) -> None:
        """Wait, unless the submission is being ended; to be used between two requests."""
        self._closing.wait(seconds)
        self.refuse_when_closing()

    def refuse_when_closing(self) -> None:
        """Raise :class:`UserError` once nothing is to be created any more."""
        if self._closing.is_set():
            raise UserError("interrupted")

    def tell(self, sentence: str) -> None:
        """Tell the person something, unless the submission is being ended."""
        self.refuse_when_closing()
        tell(sentence)

    def answer(self, request: Request) -> requests.Response:
        """Return the answer of the server; see the class."""
        creation = creation_in(request)
        if creation is None:
            return forward(self._client, request)
        self.refuse_when_closing()
        manifest = self._defaults.filled_in(creation)
        metadata = manifest["metadata"]
        named = metadata.get("name") or metadata.get("generateName")
        remarks = self._judge(creation.submitted(manifest))
        if creation.kind is not WORKFLOW or not creation.plainly or not named:
            body = request.document()
            body[creation.kind.key] = manifest
            for told in (ORIGINS, INPUTS):
                body.pop(told, None)
            answer = forward(self._client, request, body)
            self.others += answer.ok
            return remarked(answer, remarks)
        with self._preparing:
            for step in self.before:
                step(creation.namespace, manifest)
                self.refuse_when_closing()
        workflow = self._submitter(creation.namespace, manifest, creation.inputs)
        if isinstance(self._defaults.resumption, Resumption):
            self._submitter.forget_before(workflow)
        self._created(creation.namespace, workflow)
        return remarked(answer_of(workflow), remarks)


def forward(
    client: ArgoClient, request: Request, document: Mapping[str, Any] | None = None
) -> requests.Response:
    """Return what the server of ``client`` answers, with ``document`` as the body where given.

    Raises :class:`UserError` when it does not answer, or a login page does.
    """
    given = request.headers or {}
    headers = {name: given[name] for name in _FORWARDED if name in given}
    # No compression by ourselves: what compresses also collects, and events would come late.
    headers.setdefault("Accept-Encoding", "identity")
    body: dict[str, Any] = {"json": document} if document is not None else {"data": request.body}
    query = f"?{request.query}" if request.query else ""
    url = client.url + request.path.lstrip("/") + query
    response = client.session.request(request.method, url, headers=headers, stream=True, **body)
    if API in request.path:
        raise_for_page(response, client.where)
    return response
