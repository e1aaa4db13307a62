"""CONFIGMAP."""

from __future__ import annotations

from hera_experiment.check.demand import ObjectUse
from hera_experiment.check.model import Outcome, check, failure, ok, warning
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import APPLY, in_yaml, listed, worst


@check(
    code="CONFIGMAP",
    category="what it uses",
    title="its ConfigMaps are there",
    needs=("NAMESPACE",),
)
def configmap(subject: Subject) -> Outcome:
    """Check that each ConfigMap of the workflow, and KUBECONFIGMAP, has the keys that it names.

    A pod that refers to a missing ConfigMap or key never starts. A warning when all variables of
    an empty one are asked for, or when a key is no name of a variable. References marked optional
    are left out; unknown where you may not read ConfigMaps.
    """
    return worst((_of(subject, use) for use in subject.config_maps), "it uses none")


def _of(subject: Subject, use: ObjectUse) -> Outcome:
    found = subject.cluster.in_namespace("configmaps", use.name)
    space = subject.namespace
    where = "the workflow"
    if use.name == subject.context.k8s_configmap_name:
        where = subject.context.where("k8s_configmap_name")
    if found is None:
        return failure(
            f"'{use.name}' is missing",
            f"there is no ConfigMap '{use.name}' in '{space}' ({where})",
            f"correct KUBECONFIGMAP, create it with: python -m hera_utils provision, or {APPLY}",
            _yaml(use, space),
        )
    data = {**(found.get("data") or {}), **(found.get("binaryData") or {})}
    lacking = sorted(key for key in use.keys if key not in data)
    if lacking:
        return failure(
            f"'{use.name}' lacks {listed(lacking)}",
            f"the ConfigMap '{use.name}' in '{space}' has no key {listed(lacking)}",
            f"add it: kubectl -n {space} patch configmap {use.name} --type merge "
            f"""-p '{{"data":{{"{lacking[0]}":"VALUE"}}}}'""",
        )
    if use.whole and not data:
        advice = "ask the administrator what belongs in it"
        return warning(f"{use.name}: empty", f"the ConfigMap '{use.name}' is empty", advice)
    odd = sorted(key for key in data if use.whole and not key.isidentifier())
    if odd:
        return warning(
            f"{use.name}: {listed(odd)}",
            f"{listed(odd)} of the ConfigMap '{use.name}' is no name of a variable in most shells",
            "ask the administrator for a key of letters, digits and underscores",
        )
    return ok(f"{use.name} ({len(data)} keys)")


def _yaml(use: ObjectUse, namespace: str) -> str:
    data = ", ".join(f'{key}: "VALUE"' for key in sorted(use.keys))
    return (
        "apiVersion: v1\nkind: ConfigMap\n"
        f"metadata: {{name: {in_yaml(use.name)}, namespace: {in_yaml(namespace)}}}\n"
        f"data: {{{data}}}\n"
    )
