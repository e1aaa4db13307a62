"""NAMESPACE."""

from __future__ import annotations

from hera_experiment.check.kubernetes_api import FORBIDDEN, NOT_FOUND
from hera_experiment.check.model import CannotTell, Outcome, check, failure, ok
from hera_experiment.check.rights import LOGS, PODS, TOKENS, WORKFLOWS, Right, grant, missing
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import APPLY, in_brackets, in_yaml

_CREATE = Right(WORKFLOWS.group, WORKFLOWS.resource, ("create",))


@check(
    code="NAMESPACE",
    category="you",
    title="the namespace exists",
    needs=("IDENTITY",),
)
def namespace(subject: Subject) -> Outcome:
    """Check that the namespace to submit to is set and exists.

    Kubernetes does not tell an absent namespace from one that you may not read. Where it may not
    be read, the right to create workflows there is taken for its existence.
    """
    where = subject.context.where("argo_namespace")
    if not subject.context.argo_namespace:
        cause = f"no namespace is set{in_brackets(where)}"
        return failure("not set", cause, "set ARGO_NAMESPACE")
    name = subject.namespace
    answer = subject.cluster.api.get(f"/api/v1/namespaces/{name}")
    if answer.status == NOT_FOUND:
        return failure(
            f"'{name}' is missing",
            f"there is no namespace '{name}' ({where})",
            f"set ARGO_NAMESPACE to an existing one, or the administrator types: "
            f"kubectl create namespace {name}",
        )
    if answer.status == FORBIDDEN:
        if not missing(subject.cluster.api, name, _CREATE):
            return ok(f"{name}, which you may not read but submit to")
        yaml = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {in_yaml(name)}}}\n---\n"
        yaml += grant(
            "submit-workflows", name, subject.cluster.identity, WORKFLOWS, PODS, LOGS, TOKENS
        )
        return failure(
            f"'{name}' is missing or closed",
            f"there is no namespace '{name}', or you have no right in it ({where})",
            f"set ARGO_NAMESPACE to one of yours, or {APPLY}",
            yaml,
        )
    if not answer.ok:
        raise CannotTell(answer.message)
    if ((answer.document or {}).get("status") or {}).get("phase") == "Terminating":
        return failure(
            f"'{name}' is being deleted",
            f"the namespace '{name}' is being deleted ({where})",
            "set ARGO_NAMESPACE to another one",
        )
    return ok(name)
