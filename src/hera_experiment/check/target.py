"""What is checked: the experiment, the cluster, Argo's server and the registry, by the context."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial

from hera_experiment.argo.objects import Captured, Submitted
from hera_experiment.check.argo import SERVER, Argo
from hera_experiment.check.cached_facts import CachedFacts, fact, run_concurrently
from hera_experiment.check.cluster import Cluster
from hera_experiment.check.outcome import CannotTell
from hera_experiment.check.requirements import ObjectUse, Requirements
from hera_experiment.check.rights import WORKFLOWS, missing
from hera_experiment.context.context import Context
from hera_experiment.errors import UserError
from hera_experiment.platform.kubernetes_reviews import (
    DEFAULT_ACCOUNT,
    Right,
    user_name,
    user_review,
)
from hera_experiment.platform.registry import Registry, host_of
from hera_experiment.platform.registry_credentials import kept_credentials

_LIST = Right(WORKFLOWS.group, WORKFLOWS.resource, ("list",))


@dataclass(frozen=True)
class Submitter:
    """Who works with workflows at Argo's server.

    ``account`` is the user name as Kubernetes knows it, ``authorization`` the header that proves
    it, None for the kubeconfig's own user.
    """

    account: str
    authorization: str | None


class CheckTarget(CachedFacts):
    """Everything the checks look at, found out when the first of them asks.

    Parameters
    ----------
    context:
        What the person said about the platform.
    find_submitted:
        Returns what the experiment would submit; raises :class:`CannotTell` and ``UserError``
        where that is nothing.
    timeout:
        Seconds that bound each request.
    now:
        Returns the present time, with its zone.
    """

    def __init__(
        self,
        context: Context,
        find_submitted: Callable[[], Captured],
        *,
        timeout: float = 5.0,
        environ: Mapping[str, str] = os.environ,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        super().__init__()
        self.context = context
        self.now = now
        self.timeout = timeout
        self._find_submitted = find_submitted
        self._environ = environ
        self.cluster = Cluster(
            context.k8s_config_file,
            context.where("k8s_config_file"),
            context.argo_namespace,
            timeout,
        )
        self.argo = Argo(context, self.cluster, timeout)

    def make(self, targets: str) -> str:
        """Return the command that makes ``targets`` for this cluster, as a person types it."""
        cluster = self.context.cluster
        return f"make {targets}" + (f" CLUSTER={cluster}" if cluster else "")

    @property
    def namespace(self) -> str:
        """The namespace to submit to."""
        return self.cluster.namespace

    @fact
    def captured(self) -> Captured:
        """Return what the experiment would submit."""
        return self._find_submitted()

    @property
    def submitted(self) -> Sequence[Submitted]:
        """The objects that the experiment would submit: workflows, templates of them."""
        return self.captured.objects

    @property
    def requirements(self) -> Requirements:
        """What they ask for, all together."""
        return self.once(
            "requirements", lambda: Requirements(each.manifest for each in self.submitted)
        )

    @property
    def known_requirements(self) -> Requirements | None:
        """What they ask for, None when it cannot be learned."""
        try:
            return self.requirements
        except (CannotTell, UserError):
            return None

    @property
    def service_accounts(self) -> list[str]:
        """The accounts that pods run as."""
        if self.known_requirements:
            return self.known_requirements.service_accounts
        return [self.context.argo_service_account or DEFAULT_ACCOUNT]

    @property
    def claims(self) -> list[str]:
        """The volume claims of the workflow and the one that the context names."""
        used = self.known_requirements.claims if self.known_requirements else []
        named = self.context.k8s_volume_claim_name
        return list(dict.fromkeys([*used, *([named] if named else [])]))

    @property
    def config_maps(self) -> list[ObjectUse]:
        """The ConfigMaps of the workflow and the one that the context names."""
        used = self.known_requirements.config_maps if self.known_requirements else []
        named = self.context.k8s_configmap_name
        if named and named not in [each.name for each in used]:
            used = [*used, ObjectUse(named)]
        return used

    @fact
    def submitter(self) -> Submitter | None:
        """Return who works with workflows; None where Argo's server does so by itself.

        The same choice as a submission makes: ARGO_TOKEN, else the first of the service account
        and the kubeconfig's user that may list workflows; the last of them when none may.
        """
        if self.argo.token_is_sso:
            raise CannotTell("the rights of a single sign-on are known to Argo's server alone")
        if self.argo.token:
            return self._of_token()
        try:
            if SERVER in self.argo.modes:
                return None
        except (CannotTell, UserError):
            pass  # Argo's own checks say so.
        candidates = self.argo.tokens_of_kubernetes()
        api, space = self.cluster.api, self.namespace
        lacking = run_concurrently(
            *(partial(missing, api, space, _LIST, each.authorization) for each in candidates)
        )
        able = [each for each, verbs in zip(candidates, lacking, strict=True) if not verbs]
        chosen = able[0] if able else candidates[-1]
        return Submitter(chosen.account, chosen.authorization)

    def _of_token(self) -> Submitter:
        answer = user_review(self.cluster.api, self.argo.token)
        if not answer.ok:
            raise CannotTell("Kubernetes does not know ARGO_TOKEN")
        return Submitter(user_name(answer), self.argo.token)

    def registry(self, host: str) -> Registry:
        """Return a client of the registry ``host``, with the account that an engine keeps."""

        def make() -> Registry:
            where = self.context.where("registry") if host == self.own_registry else ""
            credentials = kept_credentials(host, self._environ)
            return Registry(host, credentials, timeout=self.timeout, where=where)

        return self.once(("registry", host), make)

    @property
    def own_registry(self) -> str:
        """Host and port of the registry of the experiment's images, empty where none is set."""
        return host_of(self.context.registry) if self.context.registry else ""
