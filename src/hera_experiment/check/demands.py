"""What several submissions together ask of the cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from hera_experiment.check.demand import ClaimTemplate, Demand, ObjectUse, PodUse, merged

T = TypeVar("T")


class Demands:
    """What all that a script submits asks for: each property is that of any :class:`Demand`."""

    def __init__(self, manifests: Iterable[Mapping[str, Any]]) -> None:
        self.each = [Demand(manifest) for manifest in manifests]

    def _all(self, of: Callable[[Demand], Sequence[T]]) -> list[T]:
        return list(dict.fromkeys(found for demand in self.each for found in of(demand)))

    @property
    def service_accounts(self) -> list[str]:
        """The accounts that pods run as."""
        return self._all(lambda it: [it.service_account])

    @property
    def claims(self) -> list[str]:
        """The volume claims that exist beforehand and are named."""
        return self._all(lambda it: it.claims)

    @property
    def claim_templates(self) -> list[ClaimTemplate]:
        """The volume claims that are made for one workflow alone."""
        return self._all(lambda it: it.claim_templates)

    @property
    def pull_secrets(self) -> list[str]:
        """The secrets that images are pulled with."""
        return self._all(lambda it: it.pull_secrets)

    @property
    def config_maps(self) -> list[ObjectUse]:
        """The ConfigMaps that pods cannot start without."""
        return merged(found for demand in self.each for found in demand.config_maps)

    @property
    def secrets(self) -> list[ObjectUse]:
        """The Secrets that pods cannot start without, but for those that pull images."""
        return merged(found for demand in self.each for found in demand.secrets)

    @property
    def images(self) -> list[str]:
        """The images of all pods."""
        return self._all(lambda it: it.images)

    @property
    def pods(self) -> list[PodUse]:
        """The templates that become pods."""
        return [pod for demand in self.each for pod in demand.pods]

    @property
    def artifact_repositories(self) -> list[Mapping[str, str]]:
        """The ``artifactRepositoryRef`` of each that uses artifacts; empty for the default."""
        found = [it.artifact_repository for it in self.each if it.uses_artifacts]
        return [each for number, each in enumerate(found) if each not in found[:number]]

    @property
    def runs_pods_at_once(self) -> bool:
        """Whether two pods may run at the same time, of one workflow or of two."""
        return len(self.each) > 1 or any(it.runs_pods_at_once for it in self.each)
