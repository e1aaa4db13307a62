"""The environment of submission: what Hera needs to know of the Argo server it submits to."""

from __future__ import annotations

from typing import Any, cast

from hera_experiment import (
    ArgoServerAccess,
    before_each_build,
    experiment_labels,
    refuse_unsendable,
    say_refusals,
    send_whole_values,
    submit_through,
)


class EnvironmentOfSubmission:
    """What Hera submits with: the server and its token, the namespace, the service account.

    Each ``w.create()`` creates its workflow exactly once and writes it down, whichever of Hera's
    services it goes through. Hera matches hooks by exact type, so each of its own classes of
    workflows gets them; a script's own sub-class has its namespace from the global values, its
    labels and its account on the way to the server.
    """

    _current: EnvironmentOfSubmission | None = None

    def __init__(self, server: ArgoServerAccess) -> None:
        self.server = server
        self.labels = experiment_labels(server.args.experiment)

    def define(self) -> None:
        """Make this the environment of every workflow made from now on; the last one counts."""
        from hera.shared import global_config

        say_refusals()
        # A script that calls global_config.reset() forgets the hooks, and the host with them.
        hooked = EnvironmentOfSubmission._current is not None and global_config.host is not None
        EnvironmentOfSubmission._current = self
        if not hooked:
            before_each_build(_complete)

        server = self.server
        global_config.host = server.url
        global_config.namespace = server.namespace
        global_config.token = server.authorization
        global_config.service_account_name = server.service_account or None
        # Hera hands it on to requests, which takes the file of the authorities here, too.
        global_config.verify_ssl = cast(bool, server.verify)
        submit_through(server, self.labels)

    def complete(self, workflow: Any) -> None:
        """Give ``workflow`` what a submission needs and its script left open."""
        server = self.server
        if workflow.namespace is None and workflow.kind != "ClusterWorkflowTemplate":
            workflow.namespace = server.namespace
        if workflow.service_account_name is None and server.service_account:
            workflow.service_account_name = server.service_account
        workflow.labels = {**self.labels, **(workflow.labels or {})}
        send_whole_values(workflow)
        refuse_unsendable(workflow)


def _complete(workflow: Any) -> None:
    if EnvironmentOfSubmission._current is not None:
        EnvironmentOfSubmission._current.complete(workflow)
