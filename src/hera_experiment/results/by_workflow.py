"""Fetches results through Argo's server alone, by reader workflows for each claim."""

from __future__ import annotations

from hera_experiment.context import tokens
from hera_experiment.errors import UserError
from hera_experiment.platform.argo_answers import ArgoRefusal
from hera_experiment.platform.kubernetes_access import KubernetesAccess
from hera_experiment.results.advice import repository, rights, user_of
from hera_experiment.results.errand import Errand
from hera_experiment.results.from_workflow import FromWorkflow
from hera_experiment.results.gather import gather
from hera_experiment.results.listing import Listing
from hera_experiment.results.outcome import Results
from hera_experiment.results.reader_manifest import likenesses
from hera_experiment.results.reader_workflow import NoArtifacts, ReaderWorkflows
from hera_experiment.results.workflows import claims_of, last_node


def fetch_by_workflows(errand: Errand, why_no_pods: str) -> Results:
    """Fetch what is new.

    Raises :class:`~hera_experiment.errors.UserError` when this is impossible too; what to ask the
    administrator for has been said then.
    """
    sources: dict[str, FromWorkflow] = {}
    found: dict[str, Listing | None] = {}
    try:
        for claim in claims_of(errand.workflow):
            source = FromWorkflow(readers(errand, claim), errand.name, errand.say)
            sources[claim], found[claim] = source, source.list()
        return gather(
            found,
            errand.destination,
            errand.drafts,
            lambda claim, new, store: sources[claim].bring(new, store),
            errand.say,
        )
    except (NoArtifacts, ArgoRefusal) as error:
        ask_for(errand, error)
        raise UserError(
            f"the results of {errand.name} cannot be fetched: by a pod, since {why_no_pods}; "
            f"by a workflow, since {error}",
            next_step="ask the administrator for one of the two, as shown above",
        ) from None


def readers(errand: Errand, claim: str) -> ReaderWorkflows:
    """Return what reads ``claim``; what was left by an earlier client is removed first."""
    found = ReaderWorkflows(
        errand.server.client,
        errand.server.namespace,
        claim,
        likenesses(errand.workflow, errand.image)[0],
        errand.name,
        errand.label,
        errand.say,
        account=errand.account,
        node=last_node(errand.workflow),
    )
    found.remove_those_left()
    return found


def ask_for(errand: Errand, error: UserError) -> None:
    """Say what the administrator could grant so that claims can be read."""
    cluster, namespace = errand.server.cluster, errand.server.namespace
    user = ""
    if isinstance(cluster, KubernetesAccess) and cluster.has_access:
        user = user_of(cluster)
    user = user or tokens.subject(errand.server.context.argo_token)
    errand.say("To send to the administrator, who types kubectl apply -f - and pastes it")
    errand.say(f"--- to read claims by a pod (with a kubeconfig)\n{rights(namespace, user)}")
    if isinstance(error, NoArtifacts):
        errand.say(
            "--- or an artifact repository, to read them by a workflow; fill in the capitals\n"
            f"{repository(namespace, user)}"
        )
