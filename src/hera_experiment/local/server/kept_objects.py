"""WorkflowTemplates, ClusterWorkflowTemplates and CronWorkflows on Argo's paths.

Source: ``server/workflowtemplate``, ``server/clusterworkflowtemplate`` and ``server/cronworkflow``
of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hera_experiment.local.errors import InvalidWorkflow
from hera_experiment.local.server.messages import Request
from hera_experiment.local.server.selectors import Fields, FieldSelector, label_selector
from hera_experiment.local.server.workflows import name_filter
from hera_experiment.local.store.kept import (
    CLUSTER_TEMPLATE,
    CRON_WORKFLOW,
    WORKFLOW_TEMPLATE,
    Json,
)
from hera_experiment.local.store.objects import check_name


@dataclass(frozen=True)
class KeptKind:
    """The handlers of one kind; ``key`` is where its object stands in a request's body."""

    kind: str
    key: str
    words: str

    def create(self, request: Request) -> Json:
        """Keep a new object, or with ``createOptions.dryRun`` only check it."""
        body = request.json()
        options = body.get("createOptions")
        dry_run = bool(isinstance(options, Mapping) and options.get("dryRun"))
        manifest = self._manifest(request, body)
        return request.services.engine.keeper.create(self.kind, manifest, dry_run=dry_run)

    def lint(self, request: Request) -> Json:
        """Check an object."""
        manifest = self._manifest(request, request.json())
        found = request.services.engine.keeper.lint(self.kind, manifest)
        return {**found, "metadata": {**found["metadata"], "creationTimestamp": None}}

    def get(self, request: Request) -> Json:
        """Return an object."""
        return request.services.store.kept.get(request.namespace, self.kind, request.name)

    def replace(self, request: Request) -> Json:
        """Put an object in the place of another."""
        manifest = self._manifest(request, request.json())
        return request.services.engine.keeper.replace(self.kind, manifest)

    def delete(self, request: Request) -> Json:
        """Forget an object."""
        request.services.store.kept.remove(request.namespace, self.kind, request.name)
        return {}

    def suspend(self, request: Request) -> Json:
        """Have a CronWorkflow make no workflows for now."""
        keeper = request.services.engine.keeper
        return keeper.set_suspended(request.namespace, request.name, True)

    def resume(self, request: Request) -> Json:
        """Have a suspended CronWorkflow make workflows again."""
        keeper = request.services.engine.keeper
        return keeper.set_suspended(request.namespace, request.name, False)

    def list_all(self, request: Request) -> Json:
        """Return the objects of a namespace, in pages if so asked."""
        store = request.services.store
        fields = FieldSelector.parse(request.option("listOptions.fieldSelector"))
        accepts = label_selector(request.option("listOptions.labelSelector"))
        name = fields.name or request.option("namePattern")
        matches: Callable[[str], bool] = name_filter(
            "" if fields.name else request.option("nameFilter") or "Contains", name
        )
        found = [
            each
            for each in store.kept.list(request.namespace, self.kind)
            if matches(each["metadata"]["name"])
            and accepts(each["metadata"].get("labels") or {})
            and each["metadata"]["name"] not in fields.other_names
        ]
        offset = request.number("listOptions.continue") or 0
        limit = request.number("listOptions.limit") or 0
        if offset < 0 or limit < 0:
            raise InvalidWorkflow("listOptions.continue and listOptions.limit must be >= 0")
        page = found[offset : offset + limit] if limit else found[offset:]
        metadata: dict[str, Any] = {"resourceVersion": str(store.version)}
        if offset + len(page) < len(found):
            metadata["continue"] = str(offset + len(page))
        wanted = Fields(request.option("fields"))
        listed: Json = wanted.select({"metadata": metadata, "items": page or None})
        return listed

    def _manifest(self, request: Request, body: Json) -> Json:
        manifest = body.get(self.key)
        if not isinstance(manifest, dict):
            raise InvalidWorkflow(f"{self.words} was not found in the request body")
        metadata = manifest.get("metadata")
        metadata = {} if metadata is None else metadata
        if not isinstance(metadata, dict):
            raise InvalidWorkflow(f"the {self.words}'s metadata is not an object")
        if self.kind == CLUSTER_TEMPLATE:
            return {**manifest, "metadata": metadata}
        check_name(request.namespace)
        namespace = metadata.get("namespace") or request.namespace
        if namespace != request.namespace:
            raise InvalidWorkflow(
                "the namespace of the provided object does not match the namespace sent on the "
                "request"
            )
        return {**manifest, "metadata": {**metadata, "namespace": namespace}}


TEMPLATES = KeptKind(WORKFLOW_TEMPLATE, "template", "workflow template")
CLUSTER_TEMPLATES = KeptKind(CLUSTER_TEMPLATE, "template", "cluster workflow template")
CRON_WORKFLOWS = KeptKind(CRON_WORKFLOW, "cronWorkflow", "cron workflow")


def submit(request: Request) -> dict[str, Any]:
    """Make a workflow of a kept object and run it, or only check it."""
    body = request.json()
    options = body.get("submitOptions")
    options = {} if options is None else options
    if not isinstance(options, dict):
        raise InvalidWorkflow("the submitOptions are not an object")
    engine = request.services.engine
    check_name(request.namespace)
    manifest = engine.keeper.workflow_of(
        request.namespace,
        str(body.get("resourceKind") or ""),
        str(body.get("resourceName") or ""),
        options,
    )
    dry_run = bool(options.get("dryRun"))
    return engine.create(
        manifest,
        creator=request.claims.session,
        runtime=request.claims.runtime,
        dry_run=dry_run or bool(options.get("serverDryRun")),
        keep_name=dry_run,
    )
