"""All checks, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hera_experiment.check.checks.account_exists import account_exists
from hera_experiment.check.checks.account_results import account_results
from hera_experiment.check.checks.api_reachable import api_reachable
from hera_experiment.check.checks.api_ready import api_ready
from hera_experiment.check.checks.api_version import api_version
from hera_experiment.check.checks.argo_crds import argo_crds
from hera_experiment.check.checks.argo_mode import argo_mode
from hera_experiment.check.checks.argo_reachable import argo_reachable
from hera_experiment.check.checks.argo_token import argo_token
from hera_experiment.check.checks.argo_version import argo_version
from hera_experiment.check.checks.artifacts import artifacts
from hera_experiment.check.checks.claim_access import claim_access
from hera_experiment.check.checks.claim_bound import claim_bound
from hera_experiment.check.checks.claim_node import claim_node
from hera_experiment.check.checks.configmap import configmap
from hera_experiment.check.checks.gpu import gpu
from hera_experiment.check.checks.identity import identity
from hera_experiment.check.checks.images import images
from hera_experiment.check.checks.kubeconfig_certificate import kubeconfig_certificate
from hera_experiment.check.checks.kubeconfig_context import kubeconfig_context
from hera_experiment.check.checks.kubeconfig_exec import kubeconfig_exec
from hera_experiment.check.checks.kubeconfig_file import kubeconfig_file
from hera_experiment.check.checks.kubeconfig_token import kubeconfig_token
from hera_experiment.check.checks.limit_range import limit_range
from hera_experiment.check.checks.namespace import namespace
from hera_experiment.check.checks.pull_secret import pull_secret
from hera_experiment.check.checks.quota import quota
from hera_experiment.check.checks.registry_reachable import registry_reachable
from hera_experiment.check.checks.registry_signed_in import registry_signed_in
from hera_experiment.check.checks.rights_logs import rights_logs
from hera_experiment.check.checks.rights_pods import rights_pods
from hera_experiment.check.checks.rights_templates import rights_templates
from hera_experiment.check.checks.rights_token import rights_token
from hera_experiment.check.checks.rights_workflows import rights_workflows
from hera_experiment.check.checks.script import script
from hera_experiment.check.checks.secret import secret
from hera_experiment.check.checks.storage_class import storage_class
from hera_experiment.check.checks.taints import taints
from hera_experiment.check.checks.workflow import workflow
from hera_experiment.check.model import Check

CATALOGUE: tuple[Check, ...] = (
    kubeconfig_file,
    kubeconfig_context,
    kubeconfig_certificate,
    kubeconfig_token,
    kubeconfig_exec,
    api_reachable,
    api_ready,
    api_version,
    identity,
    namespace,
    rights_workflows,
    rights_pods,
    rights_logs,
    rights_token,
    argo_crds,
    argo_reachable,
    argo_version,
    argo_mode,
    argo_token,
    script,
    rights_templates,
    account_exists,
    account_results,
    claim_bound,
    claim_access,
    claim_node,
    storage_class,
    configmap,
    secret,
    pull_secret,
    artifacts,
    quota,
    limit_range,
    taints,
    gpu,
    registry_reachable,
    registry_signed_in,
    images,
    workflow,
)


def subset(codes: Iterable[str]) -> tuple[Check, ...]:
    """Return the checks of ``codes`` with all that they need, in the catalogue's order.

    What only explains a failure of theirs (``unless_failed``) stays out unless it is named.
    """
    by_code = {each.code: each for each in CATALOGUE}
    wanted: set[str] = set()
    stack = list(codes)
    while stack:
        code = stack.pop()
        if code not in wanted:
            wanted.add(code)
            stack += by_code[code].needs
    return tuple(
        replace(each, unless_failed=tuple(code for code in each.unless_failed if code in wanted))
        for each in CATALOGUE
        if each.code in wanted
    )
