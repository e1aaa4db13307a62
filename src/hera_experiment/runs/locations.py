"""The servers on which runs of an experiment may be."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hera_experiment.context.context import Context
from hera_experiment.context.profiles import LOCAL
from hera_experiment.errors import UserError
from hera_experiment.runs.server import Server, open_server

if TYPE_CHECKING:
    from hera_experiment.record.run_record import RunRecord


@dataclass(frozen=True)
class RunLocation:
    """A server that has not been asked yet: how it is labelled, and how it is reached.

    ``context`` is None when it can be reached no more, ``why`` then says the reason.
    """

    label: str
    context: Context | None
    why: UserError | None = None

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

    Everywhere is the laptop, where it has run anything, the server of the settings, and every
    cluster that a record names.
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
            "the server that they were submitted to is named no more",
            next_step="set ARGO_SERVER, or choose a profile with CLUSTER=NAME",
        )
        found.append(RunLocation("", None, why))
    found += [_profile(context, label, environ) for label in labels if label not in ("", LOCAL)]
    return found


def _profile(context: Context, label: str, environ: Mapping[str, str]) -> RunLocation:
    try:
        chosen = context.of_cluster(label, environ)
    except UserError as error:
        return RunLocation(label, None, error)
    return RunLocation(label, chosen)
