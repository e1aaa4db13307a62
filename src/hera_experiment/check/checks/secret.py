"""SECRET."""

from __future__ import annotations

from hera_experiment.check.demand import ObjectUse
from hera_experiment.check.model import Outcome, check, failure, ok
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import listed, worst


@check(
    code="SECRET",
    category="what it uses",
    title="its Secrets are there",
    needs=("NAMESPACE",),
)
def secret(subject: Subject) -> Outcome:
    """Check that each Secret that tasks read has the keys that the workflow names.

    A pod that refers to a missing Secret or key never starts. References marked optional are left
    out; unknown where you may not read Secrets. Their values are never shown.
    """
    demand = subject.known_demand
    uses = demand.secrets if demand else []
    return worst((_of(subject, use) for use in uses), "it uses none")


def _of(subject: Subject, use: ObjectUse) -> Outcome:
    found = subject.cluster.in_namespace("secrets", use.name)
    space = subject.namespace
    advice = "declare it in environment.py, and type: make provision, which asks for its values"
    if found is None:
        keys = sorted(use.keys) or ["KEY"]
        files = " ".join(f"--from-file={key}=FILE" for key in keys)
        return failure(
            f"'{use.name}' is missing",
            f"there is no Secret '{use.name}' in '{space}'",
            f"{advice}; or: kubectl -n {space} create secret generic {use.name} {files}",
        )
    lacking = sorted(key for key in use.keys if key not in (found.get("data") or {}))
    if lacking:
        return failure(
            f"'{use.name}' lacks {listed(lacking)}",
            f"the Secret '{use.name}' in '{space}' has no key {listed(lacking)}",
            f"{advice}; or: kubectl -n {space} patch secret {use.name} --type merge "
            f"""-p '{{"stringData":{{"{lacking[0]}":"VALUE"}}}}'""",
        )
    return ok(use.name)
