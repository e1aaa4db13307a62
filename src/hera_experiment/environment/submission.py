"""The environment of submission: what Hera needs to know of the Argo server it submits to."""

from __future__ import annotations

import os
from typing import Any, cast

from hera_experiment.context.cli_context import CLIContext
from hera_experiment.context.sources import Origin
from hera_experiment.environment.recording import record_submissions
from hera_experiment.environment.refusals import install_excepthook
from hera_experiment.platform.argo_server import ArgoServer
from hera_experiment.platform.cluster import k8s_cluster
from hera_experiment.platform.local_server import SESSION_VARIABLE

EXPERIMENT_LABEL = "hera-experiment/experiment"
"""On each submitted object: the slug of the experiment it belongs to."""
SESSION_LABEL = "hera-experiment/session"
"""On each object submitted under ``run``: the run it belongs to."""


class argo_server(ArgoServer):
    """The Argo server that ``args`` designates, asserted to be accessible, for Hera to submit to.

    ``cluster`` is what ``k8s_cluster(args)`` returned. Raises
    :class:`~hera_experiment.errors.UserError` when the server does not answer or accepts no token.
    """

    def __init__(self, cluster: k8s_cluster, args: CLIContext) -> None:
        super().__init__(cluster, args)
        self.assert_accessible()

    def define_argo_server_part_of_environment(self) -> None:
        """Hand this server to Hera, so that a script's own ``w.create()`` submits to it."""
        EnvironmentOfSubmission(self).define()


class EnvironmentOfSubmission:
    """What Hera submits with: the server and its token, the namespace, the service account.

    Each ``w.create()`` creates its workflow exactly once and writes it down, see
    :func:`~hera_experiment.submission.once.submit_once`. The rest goes through
    ``hera.shared.global_config``. Hera matches defaults and hooks by exact type, so each of its own
    classes of workflows gets them; a script's own sub-class falls back on the global host, token
    and namespace, without this package's time-outs and proxies.
    """

    _current: EnvironmentOfSubmission | None = None

    def __init__(self, server: ArgoServer) -> None:
        self.server = server
        self.labels = {EXPERIMENT_LABEL: server.args.experiment.slug}
        session = os.environ.get(SESSION_VARIABLE, "")
        if session:
            self.labels[SESSION_LABEL] = session

    def define(self) -> None:
        """Make this the environment of every workflow made from now on; the last one counts."""
        from hera.shared import global_config
        from hera.workflows import (
            ClusterWorkflowTemplate,
            CronWorkflow,
            Workflow,
            WorkflowsService,
            WorkflowTemplate,
        )

        install_excepthook()
        kinds = (Workflow, WorkflowTemplate, CronWorkflow, ClusterWorkflowTemplate)
        # A script that calls global_config.reset() forgets the hooks, and the host with them.
        hooked = EnvironmentOfSubmission._current is not None and global_config.host is not None
        EnvironmentOfSubmission._current = self
        if not hooked:
            for kind in kinds:
                global_config.register_pre_build_hook(_hook(kind))

        server = self.server
        global_config.host = server.url
        global_config.namespace = server.namespace
        global_config.token = server.authorization
        global_config.service_account_name = server.service_account or None
        # Hera hands it on to requests, which takes the file of the authorities here, too.
        global_config.verify_ssl = cast(bool, server.verify)
        service = WorkflowsService(
            host=server.url,
            token=server.authorization() or None,
            verify_ssl=cast(bool, server.verify),
            namespace=server.namespace,
            session=server.session,
        )
        for kind in kinds:
            global_config.set_class_defaults(kind, workflows_service=service)
        args = server.args
        # Of what a stand-in for a server takes nothing is recorded.
        if args.source("argo_server").origin is not Origin.STAND_IN:
            record_submissions(server.client, args.experiment, args.cluster, self.labels)

    def complete(self, workflow: Any) -> None:
        """Give ``workflow`` what a submission needs and its script left open."""
        from hera_experiment.submission.scripts import send_whole_values
        from hera_experiment.submission.values import refuse_unsendable

        server = self.server
        if workflow.namespace is None and workflow.kind != "ClusterWorkflowTemplate":
            workflow.namespace = server.namespace
        if workflow.service_account_name is None and server.service_account:
            workflow.service_account_name = server.service_account
        workflow.labels = {**self.labels, **(workflow.labels or {})}
        send_whole_values(workflow)
        refuse_unsendable(workflow)


def _hook(kind: type) -> Any:
    def complete(workflow: Any) -> Any:
        current = EnvironmentOfSubmission._current
        if current is not None:
            current.complete(workflow)
        return workflow

    # Hera finds out by the annotation which class a hook is for.
    complete.__annotations__["return"] = kind
    return complete
