"""The servers on which runs of an experiment may be."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hera_experiment.context import profiles
from hera_experiment.context.address import server_url
from hera_experiment.context.context import Context
from hera_experiment.context.profiles import LOCAL
from hera_experiment.errors import UserError
from hera_experiment.runs.server import Server, open_server

if TYPE_CHECKING:
    from hera_experiment.record.run_record import RunRecord


@dataclass(frozen=True)
class RunLocation:
    """A server that has not been asked yet: how it is labelled, and how it is reached.

    ``context`` is None when it can be reached no more, ``why`` then says the reason;
    ``is_forgotten`` tells that no setting and no profile names it any more.
    """

    label: str
    context: Context | None
    why: UserError | None = None
    is_forgotten: bool = False

    def open(self) -> Server:
        """Reach it; raises :class:`UserError` when that is impossible."""
        if self.context is None:
            raise self.why or UserError(f"the cluster '{self.label}' cannot be reached")
        return open_server(self.context)


def run_locations(
    context: Context,
    records: Sequence[RunRecord],
    environ: Mapping[str, str] = os.environ,
) -> list[RunLocation]:
    """Return where to look for runs: where ``CLUSTER`` says, else everywhere.

    Everywhere is the laptop, where it has run anything, the server of the settings, every cluster
    that a record names, and a profile that leads to the server of another one that is gone.
    """
    if context.cluster:
        return [RunLocation(context.cluster, context)]
    labels = list(dict.fromkeys(record.cluster for record in records))
    found: list[RunLocation] = []
    if LOCAL in labels or (context.experiment.state / "runs").is_dir():
        found.append(_profile(context, LOCAL, environ))
    if context.argo_server:
        found.append(RunLocation("", context))
    elif "" in labels:
        why = UserError(
            "the server that they were submitted to is no longer named",
            next_step="set ARGO_SERVER, or choose a profile with CLUSTER=NAME",
        )
        found.append(RunLocation("", None, why, is_forgotten=True))
    found += [_profile(context, label, environ) for label in labels if label not in ("", LOCAL)]
    forgotten = {place.label for place in found if place.is_forgotten}
    addresses = {_address(each.server) for each in records if each.cluster in forgotten} - {""}
    if addresses:
        others = [n for n in profiles.names(context.experiment.folder) if n not in labels]
        more = [_profile(context, name, environ) for name in others]
        found += [each for each in more if each.context and _leads_to(each.context, addresses)]
    return found


def _leads_to(context: Context, addresses: set[str]) -> bool:
    try:
        return bool(context.argo_server) and _address(server_url(context.argo_server)) in addresses
    except UserError:
        return False


def _address(url: str) -> str:
    return urlsplit(url).netloc


def _profile(context: Context, label: str, environ: Mapping[str, str]) -> RunLocation:
    try:
        chosen = context.of_cluster(label, environ)
    except UserError as error:
        is_gone = label not in profiles.names(context.experiment.folder)
        return RunLocation(label, None, error, is_forgotten=is_gone)
    return RunLocation(label, chosen)
