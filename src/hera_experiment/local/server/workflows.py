"""Create, get, list, delete and change workflows. Source: server/workflow/workflow_server.go."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hera_experiment.local.errors import (
    AlreadyExists,
    ApiError,
    InvalidWorkflow,
    NotFound,
    Unimplemented,
)
from hera_experiment.local.server.messages import Request, parse_time
from hera_experiment.local.server.selectors import Fields, FieldSelector, label_selector
from hera_experiment.local.store import Run
from hera_experiment.local.store.objects import check_name

LATEST = "@latest"


def create(request: Request) -> dict[str, Any]:
    """Submit a workflow, or with ``createOptions.dryRun`` or ``serverDryRun`` only check it."""
    body = request.json()
    options = body.get("createOptions") or {}
    dry_run = bool(isinstance(options, dict) and options.get("dryRun"))
    only_check = dry_run or bool(body.get("serverDryRun"))
    return request.services.engine.create(
        _manifest(request, body),
        creator=request.claims.session,
        runtime=request.claims.runtime,
        dry_run=only_check,
        keep_name=dry_run,
    )


class LintFailed(ApiError):
    """Argo's own answer to a workflow that does not pass: 500, where create says 400."""

    http, code = 500, 2


def lint(request: Request) -> dict[str, Any]:
    """Check a workflow."""
    manifest = _manifest(request, request.json())
    try:
        return request.services.engine.lint(manifest)
    except InvalidWorkflow as error:
        raise LintFailed(error.message) from None


def get(request: Request) -> bytes:
    """Return a workflow."""
    run = resolve(request)
    uid = request.option("uid")
    if uid and uid != run.metadata.get("uid"):
        raise NotFound(f'workflows.argoproj.io "{request.name}" not found')
    return document(run, Fields(request.option("fields")))


def list_all(request: Request) -> bytes:
    """Return the workflows of a namespace, in pages if so asked."""
    runs = _selected(request)
    limit = request.number("listOptions.limit") or 0
    offset = request.number("listOptions.continue") or 0
    if offset < 0 or limit < 0:
        raise InvalidWorkflow("listOptions.continue and listOptions.limit must be >= 0")
    page = runs[offset : offset + limit] if limit else runs[offset:]
    remaining = len(runs) - offset - len(page)
    metadata: dict[str, Any] = {"resourceVersion": str(request.services.store.version)}
    if remaining > 0:
        metadata["continue"] = str(offset + len(page))
        if FieldSelector.parse(request.option("listOptions.fieldSelector")).show_remaining:
            metadata["remainingItemCount"] = remaining
    # Argo sorts each page: what runs comes first, then what ended last.
    page = sorted(page, key=lambda run: str(run.status.get("finishedAt") or "9999"), reverse=True)
    if fields := Fields(request.option("fields")):
        whole = _wants_whole(fields, "items.")
        items = [run.as_dict() if whole else run.head() for run in page]
        selected = fields.select({"metadata": metadata, "items": items})
        answer = {"metadata": {}, **selected, "items": selected.get("items") or None}
        return json.dumps(answer, separators=(",", ":")).encode("ascii")
    documents = b"[%b]" % b",".join(run.document() for run in page) if page else b"null"
    return b'{"metadata":%b,"items":%b}' % (json.dumps(metadata).encode("ascii"), documents)


def delete(request: Request) -> dict[str, Any]:
    """End a workflow if it runs, and forget it."""
    run = resolve(request)
    uid = request.option("deleteOptions.preconditions.uid")
    if uid and uid != run.metadata.get("uid"):
        raise AlreadyExists(f"the uid in the precondition ({uid}) is not that of the workflow")
    if not request.option("deleteOptions.dryRun"):
        request.services.engine.delete(run.namespace, run.name)
    return {}


def stop(request: Request) -> dict[str, Any]:
    """End a workflow; its exit handler runs."""
    run, body = resolve(request), request.json()
    if body.get("nodeFieldSelector"):
        raise Unimplemented("the local server stops whole workflows, not single nodes")
    message = str(body.get("message") or "")
    return request.services.engine.stop(run.namespace, run.name, message)


def terminate(request: Request) -> dict[str, Any]:
    """End a workflow at once."""
    run = resolve(request)
    return request.services.engine.terminate(run.namespace, run.name)


def retry(request: Request) -> dict[str, Any]:
    """Run the failed part of a workflow again."""
    run, body = resolve(request), request.json()
    if body.get("parameters"):
        raise Unimplemented("the local server retries a workflow with its parameters as they were")
    return request.services.engine.retry(
        run.namespace,
        run.name,
        restart_successful=bool(body.get("restartSuccessful")),
        node_field_selector=str(body.get("nodeFieldSelector") or ""),
    )


def resolve(request: Request, name: str = "") -> Run:
    """Return the workflow of the path, or the one called ``name``; ``@latest`` is the newest."""
    name, store = name or request.name, request.services.store
    if name != LATEST:
        return store.get(request.namespace, name)
    runs = store.runs(request.namespace)
    if not runs:
        raise NotFound("no workflows found")
    return runs[0]


def document(run: Run, fields: Fields) -> bytes:
    """Return the wanted part of a workflow; what is long is read only if it is wanted."""
    if not fields:
        return run.document()
    selected = fields.select(run.as_dict() if _wants_whole(fields) else run.head())
    return json.dumps(selected, separators=(",", ":")).encode("ascii")


def _wants_whole(fields: Fields, prefix: str = "") -> bool:
    spec = f"{prefix}spec"
    return fields.wants(f"{prefix}status.nodes") or fields.wants(spec, besides=f"{spec}.shutdown")


def _manifest(request: Request, body: dict[str, Any]) -> dict[str, Any]:
    manifest = body.get("workflow")
    if not isinstance(manifest, dict):
        raise InvalidWorkflow("workflow body not specified")
    metadata = manifest.get("metadata")
    metadata = {} if metadata is None else metadata
    if not isinstance(metadata, dict):
        raise InvalidWorkflow("the workflow's metadata is not an object")
    check_name(request.namespace)
    namespace = metadata.get("namespace") or request.namespace
    if namespace != request.namespace:
        raise InvalidWorkflow(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    return {**manifest, "metadata": {**metadata, "namespace": namespace}}


def _selected(request: Request) -> list[Run]:
    fields = FieldSelector.parse(request.option("listOptions.fieldSelector"))
    accepts = label_selector(request.option("listOptions.labelSelector"))
    namespace = request.namespace or fields.namespace
    if fields.namespace and fields.namespace != namespace:
        raise InvalidWorkflow(
            f"the namespace of the path ({namespace!r}) and the field selector "
            f"'metadata.namespace' ({fields.namespace!r}) contradict each other"
        )
    matches = _name_filter(request.option("nameFilter"), fields.name)
    created_after = request.time("createdAfter")
    finished_before = request.time("finishedBefore")
    selected = []
    for run in request.services.store.runs(namespace):
        metadata = run.metadata
        if not matches(run.name) or run.name in fields.other_names:
            continue
        if not accepts(metadata.get("labels") or {}):
            continue
        if created_after and not created_after < parse_time(metadata.get("creationTimestamp")):
            continue
        finished = run.status.get("finishedAt")
        if finished_before and not (finished and parse_time(finished) < finished_before):
            continue
        selected.append(run)
    return selected


def _name_filter(kind: str, wanted: str) -> Callable[[str], bool]:
    if not wanted:
        return lambda name: True
    if kind == "Contains":
        return lambda name: wanted in name
    if kind == "Prefix":
        return lambda name: name.startswith(wanted)
    return lambda name: name == wanted
