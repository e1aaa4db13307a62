"""RIGHTS-TEMPLATES."""

from __future__ import annotations

from hera_experiment.check.model import Outcome, check
from hera_experiment.check.rights import WORKFLOWS, Right
from hera_experiment.check.rights_of_submitter import rights_of_submitter
from hera_experiment.check.subject import Subject
from hera_experiment.check.submitted import WORKFLOW
from hera_experiment.check.words import worst


@check(
    code="RIGHTS-TEMPLATES",
    category="experiment",
    title="you may create its templates",
    needs=("NAMESPACE", "SCRIPT"),
)
def rights_templates(subject: Subject) -> Outcome:
    """Check that you may create the templates and CronWorkflows that the script submits.

    "You" is who works with workflows; a ClusterWorkflowTemplate wants a right of the whole cluster.
    """
    kinds = dict.fromkeys(each.kind for each in subject.submitted if each.kind is not WORKFLOW)
    return worst(
        (
            rights_of_submitter(
                subject,
                Right(WORKFLOWS.group, kind.resource, ("create",)),
                f"create-{kind.path}",
                in_namespace=kind.in_namespace,
            )
            for kind in kinds
        ),
        "it makes none",
    )
