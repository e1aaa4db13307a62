"""What runs of a workflow: its own specification, or that of the template to which it refers.

Every function takes a workflow with its status. Source: ``setExecWorkflow``, ``setStoredWfSpec``
and ``createTemplateContext`` in ``workflow/controller/operator.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hera_experiment.argo.workflows import specification
from hera_experiment.local.engine.flattening import find_all, flattened
from hera_experiment.local.engine.merging import MergeError, joined
from hera_experiment.local.engine.templates import LOCAL, Kept, Templates
from hera_experiment.local.errors import InvalidWorkflow
from hera_experiment.local.store.kept import CLUSTER_TEMPLATE, WORKFLOW_TEMPLATE

STORED_SPEC, STORED_TEMPLATES = "storedWorkflowTemplateSpec", "storedTemplates"
"""Where a workflow's status has what it took of other objects."""

Workflow = Mapping[str, Any]


def merged_spec(workflow: Workflow, kept: Kept) -> dict[str, Any] | None:
    """Return the specification merged with that of its ``workflowTemplateRef``, None without one.

    Raises :class:`InvalidWorkflow` when the two cannot be merged.
    """
    ref = workflow["spec"].get("workflowTemplateRef")
    if ref is None:
        return None
    kind = CLUSTER_TEMPLATE if ref.get("clusterScope") else WORKFLOW_TEMPLATE
    holder = kept(kind, ref.get("name", "")) or {}
    try:
        return joined(workflow["spec"], holder.get("spec") or {})
    except MergeError as error:
        raise InvalidWorkflow(str(error)) from None


def executed(workflow: Workflow) -> dict[str, Any]:
    """Return the workflow with the specification that runs."""
    return {**workflow, "spec": dict(specification(workflow))}


def templates_of(
    workflow: Workflow, kept: Kept, defaults: Mapping[str, Any] | None = None
) -> Templates:
    """Return the templates that the workflow can call, with its ``templateDefaults``."""
    # What runs of a workflow that refers to another object has no name, in Argo.
    owner = (
        "" if "workflowTemplateRef" in workflow["spec"] else workflow["metadata"].get("name", "")
    )
    stored = (workflow.get("status") or {}).get(STORED_TEMPLATES)
    return Templates(f"{LOCAL}/{owner}", specification(workflow), defaults, kept, stored)


def with_all_templates(workflow: Workflow, kept: Kept) -> dict[str, Any]:
    """Return what runs of the workflow as :func:`~.flattening.flattened` does.

    Its status has what the workflow took of other objects: Argo's validator, which runs once more
    before the first task, stores every template that it comes by.
    """
    spec = specification(workflow)
    templates = templates_of(workflow, kept, spec.get("templateDefaults"))
    whole = flattened(workflow, spec, templates)
    if (ref := workflow["spec"].get("workflowTemplateRef")) is not None:
        for template in spec.get("templates") or ():
            find_all({"templateRef": {**ref, "template": template["name"]}}, templates)
    if templates.stored:
        whole["status"] = {**(whole.get("status") or {}), STORED_TEMPLATES: templates.stored}
    return whole
