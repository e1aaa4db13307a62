"""Create, get, list, delete and change workflows. Source: server/workflow/workflow_server.go."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable
from typing import Any

from hera_experiment.local.engine.suspend import Change
from hera_experiment.local.errors import (
    AlreadyExists,
    ApiError,
    InvalidWorkflow,
    MissingTemplate,
    NotFound,
    Undecodable,
    Unimplemented,
)
from hera_experiment.local.server.messages import Request, parse_time
from hera_experiment.local.server.selectors import Fields, FieldSelector, label_selector
from hera_experiment.local.store import Run
from hera_experiment.local.store.objects import check_name

LATEST = "@latest"
_PLACE = secrets.token_hex(16)
PATIENCE_SECONDS = 30.0
"""How long a deletion waits for what runs; its tasks have ten seconds."""


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


class StillEnding(ApiError):
    """The tasks of a workflow take longer to end than a client waits."""

    http, code = 504, 4


def lint(request: Request) -> dict[str, Any]:
    """Check a workflow."""
    manifest = _manifest(request, request.json())
    try:
        return request.services.engine.lint(manifest)
    except (Undecodable, MissingTemplate):
        raise
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
    page = sorted(
        page, key=lambda run: str(run.head()["status"].get("finishedAt") or "9999"), reverse=True
    )
    fields = Fields(request.option("fields"))
    shown = fields.select({"metadata": metadata}).get("metadata", {})
    items = b",".join(document(run, fields, "items") for run in page)
    listed = b"[%b]" % items if page and fields.wants("items") else b"null"
    return b'{"metadata":%b,"items":%b}' % (json.dumps(shown).encode("ascii"), listed)


def delete(request: Request) -> dict[str, Any]:
    """End a workflow if it runs, and forget it."""
    run = resolve(request)
    uid = request.option("deleteOptions.preconditions.uid")
    if uid and uid != run.metadata.get("uid"):
        raise AlreadyExists(f"the uid in the precondition ({uid}) is not that of the workflow")
    if not request.option("deleteOptions.dryRun"):
        _within_patience(lambda: request.services.engine.delete(run.namespace, run.name), run.name)
    return {}


def _within_patience(delete: Callable[[], None], name: str) -> None:
    """Wait for ``delete``, which ends what runs first; not for ever, whatever a task does."""
    failure: list[Exception] = []

    def work() -> None:
        try:
            delete()
        except Exception as error:
            failure.append(error)

    thread = threading.Thread(target=work, name=f"deletion of {name}", daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    if failure:
        raise failure[0]
    if thread.is_alive():
        raise StillEnding(f"workflow {name} is still ending; it is deleted when it has ended")


def stop(request: Request) -> dict[str, Any]:
    """End a workflow, whose exit handler runs, or the suspended nodes that a selector names."""
    run, body = resolve(request), request.json()
    selector, message = str(body.get("nodeFieldSelector") or ""), str(body.get("message") or "")
    return request.services.engine.stop(run.namespace, run.name, selector, message)


def suspend(request: Request) -> dict[str, Any]:
    """Begin nothing more in a workflow."""
    run = resolve(request)
    return request.services.engine.suspend(run.namespace, run.name)


def resume(request: Request) -> dict[str, Any]:
    """Go on with a workflow and its suspended nodes."""
    run, body = resolve(request), request.json()
    selector = str(body.get("nodeFieldSelector") or "")
    return request.services.engine.resume(run.namespace, run.name, selector)


def set_nodes(request: Request) -> dict[str, Any]:
    """Change suspended nodes: their phase, their message, the outputs that they ask for."""
    run, body = resolve(request), request.json()
    change = Change(
        phase=str(body.get("phase") or ""),
        message=str(body.get("message") or ""),
        outputs=_outputs(body.get("outputParameters") or ""),
    )
    selector = str(body.get("nodeFieldSelector") or "")
    return request.services.engine.set_nodes(run.namespace, run.name, selector, change)


def _outputs(text: Any) -> dict[str, str]:
    if not text:
        return {}
    try:
        outputs = json.loads(text)
    except (TypeError, ValueError) as error:
        raise InvalidWorkflow(f"unable to parse output parameter set request: {error}") from None
    if not isinstance(outputs, dict) or not all(isinstance(v, str) for v in outputs.values()):
        raise InvalidWorkflow(
            "unable to parse output parameter set request: it is no JSON object of strings"
        )
    return outputs


def terminate(request: Request) -> dict[str, Any]:
    """End a workflow at once."""
    run = resolve(request)
    return request.services.engine.terminate(run.namespace, run.name)


def retry(request: Request) -> dict[str, Any]:
    """Run the failed part of a workflow again."""
    run, body = resolve(request), request.json()
    if body.get("parameters"):
        raise Unimplemented("the local server retries a workflow with its parameters as they were")
    run.check_sound()
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


def document(run: Run, fields: Fields, path: str = "") -> bytes:
    """Return the wanted part of a workflow; what is long is read only if it is wanted.

    ``path`` is what leads to workflows in the paths of ``fields``.
    """
    below = f"{path}." if path else ""
    if fields.has_all(path):
        return run.document()
    spec, nodes = f"{below}spec", f"{below}status.nodes"
    long = fields.wants(spec, besides=f"{spec}.shutdown")
    if long or (fields.wants(nodes) and not fields.has_all(nodes)):
        return _encode(fields.select(run.as_dict(), path))
    head = run.head()
    if not fields.wants(nodes) or not (known := run.nodes_json()):
        return _encode(fields.select(head, path))
    # A thousand nodes are passed on as they are, in the place of a word that nobody else knows.
    kept = fields.select({**head, "status": {**head["status"], "nodes": _PLACE}}, path)
    return _encode(kept).replace(_encode(_PLACE), known, 1)


def _encode(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


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
    matches = name_filter(request.option("nameFilter"), fields.name)
    created_after = request.time("createdAfter")
    finished_before = request.time("finishedBefore")
    selected = []
    for run in request.services.store.runs(namespace):
        head = run.head()
        metadata = head["metadata"]
        if not matches(run.name) or run.name in fields.other_names:
            continue
        if not accepts(metadata.get("labels") or {}):
            continue
        if created_after and not created_after < parse_time(metadata.get("creationTimestamp")):
            continue
        finished = head["status"].get("finishedAt")
        if finished_before and not (finished and parse_time(finished) < finished_before):
            continue
        selected.append(run)
    return selected


def name_filter(kind: str, wanted: str) -> Callable[[str], bool]:
    """Return the test of a name that Argo's ``nameFilter`` means."""
    if not wanted:
        return lambda name: True
    if kind == "Contains":
        return lambda name: wanted in name
    if kind == "Prefix":
        return lambda name: name.startswith(wanted)
    return lambda name: name == wanted
