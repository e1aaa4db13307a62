"""Lets each ``w.create()`` of a script go another way than Hera's own, unchanged as it is.

Hera's services ask here in place of their own ``create_workflow``. The name of a workflow is chosen
then, not while it is built: what a script prints with ``w.to_yaml()`` keeps its ``generate_name``,
a sub-class of the script's own and a workflow that it hands to a service itself go the same way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hera_experiment.platform.argo_answers import ArgoRefusal

if TYPE_CHECKING:
    from hera.workflows.models import Workflow, WorkflowCreateRequest

Create = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Creates the workflow of a manifest in a namespace, and returns it as the server has it."""
Before = Callable[[str, Mapping[str, Any]], None]
"""Is told the namespace and the manifest of a workflow that is about to be created."""
After = Callable[[Mapping[str, Any]], None]
"""Is told a workflow that exists now."""

_OF_HERA: dict[str, Any] = {}
"""What was replaced, and what Hera sends requests with."""
_WAYS: dict[str, Create] = {}
"""By the server's URL: how workflows are created there."""
_AROUND: list[tuple[Before, After]] = []


def create_with(create: Create, url: str) -> None:
    """Let each of Hera's services of the server at ``url`` create workflows with ``create``.

    Services of another server are left alone, and so is what is no plain creation: templates,
    CronWorkflows, ``lint``, dry runs, and whatever goes to a stand-in for the server. What
    ``create`` raises as :class:`ArgoRefusal` reaches the script as Hera's exception.
    """
    _take_over()
    _WAYS[_key(url)] = create


def call_around(before: Before, after: After) -> None:
    """Call ``before`` and ``after`` around each creation, within those that were named before.

    What ``before`` raises keeps the workflow from being created.
    """
    _AROUND.append((before, after))


def _take_over() -> None:
    if _OF_HERA:
        return
    from hera.workflows.async_service import AsyncWorkflowsService
    from hera.workflows.service import WorkflowsService

    plain, waiting = WorkflowsService.create_workflow, AsyncWorkflowsService.create_workflow
    _OF_HERA.update(plain=WorkflowsService._request, waiting=AsyncWorkflowsService._request)

    def create_workflow(
        self: WorkflowsService, req: WorkflowCreateRequest, namespace: str | None = None
    ) -> Workflow:
        found = _plan(self, req, namespace, _OF_HERA["plain"])
        return found() if found else plain(self, req, namespace)

    async def create_workflow_async(
        self: AsyncWorkflowsService, req: WorkflowCreateRequest, namespace: str | None = None
    ) -> Workflow:
        found = _plan(self, req, namespace, _OF_HERA["waiting"])
        if not found:
            return await waiting(self, req, namespace)
        from asyncio import to_thread

        return await to_thread(found)

    for kind, method in (
        (WorkflowsService, create_workflow),
        (AsyncWorkflowsService, create_workflow_async),
    ):
        # A script may give a service of its own to each workflow: only here do all ways meet.
        setattr(kind, "create_workflow", method)  # noqa: B010


def _plan(
    service: Any, request: WorkflowCreateRequest, namespace: str | None, send: Any
) -> Callable[[], Workflow] | None:
    """Return what creates the workflow, None where that is Hera's own business."""
    create = _WAYS.get(_key(service.host or ""))
    # A dry run answers in the place of the server: nothing may pass it by.
    if create is None or type(service)._request is not send:
        return None
    text = request.json(exclude_none=True, by_alias=True, exclude_unset=True, exclude_defaults=True)
    body = json.loads(text)
    manifest = body.pop("workflow", None) or {}
    metadata = manifest.get("metadata") or {}
    body.pop("namespace", None)
    if body or not (metadata.get("name") or metadata.get("generateName")):
        return None
    return lambda: _create(create, str(namespace or service.namespace), manifest)


def _create(create: Create, namespace: str, manifest: dict[str, Any]) -> Workflow:
    from hera.exceptions import exception_from_status_code
    from hera.workflows.models import Workflow

    for before, _ in _AROUND:
        before(namespace, manifest)
    try:
        found = create(namespace, manifest)
    except ArgoRefusal as error:
        if not error.message:  # a page of somebody else
            raise
        # In Hera's words, which a script may look for.
        words = f"Server returned status code {error.status} with message: `{error.message}`"
        raise exception_from_status_code(error.status, words) from None
    for _, after in reversed(_AROUND):
        after(found)
    return Workflow(**found)


def _key(url: str) -> str:
    return url.rstrip("/")
