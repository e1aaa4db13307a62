"""What leads a script to the endpoint, and says what stands behind it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hera_experiment.context.context import Context
from hera_experiment.context.endpoint_address import EndpointAddress
from hera_experiment.context.sources import Origin, Source
from hera_experiment.endpoint.server import Endpoint
from hera_experiment.endpoint.yaml_text import NO_NAMESPACE

if TYPE_CHECKING:
    from hera_experiment.runs.server import Server


def address_of(endpoint: Endpoint, server: Server) -> EndpointAddress:
    """Return what leads a script to ``endpoint``, behind which ``server`` stands."""
    url = server.client.url
    return EndpointAddress(
        endpoint.url,
        endpoint.token,
        server=url,
        namespace=server.namespace,
        name=name_of(server),
        account=server.account,
        token_ends=server.token_ends,
        stand_in="the local one" if server.is_local else f"{url}, which is designated,",
    )


def name_of(server: Server) -> str:
    """Return what messages call ``server``."""
    return "the local server" if server.is_local else "Argo's server"


def alone(context: Context, endpoint: Endpoint) -> tuple[Context, EndpointAddress]:
    """Return the context of a script that has ``endpoint`` in the place of a cluster, and the way.

    What tells the experiment's needs (claim, ConfigMap, namespace, account, registry) stays; what
    leads to a cluster does not: what the script asserts about the cluster is unknown to it.
    """
    url, namespace = endpoint.url, context.argo_namespace or NO_NAMESPACE
    there = context.changed(
        Source(Origin.STAND_IN),
        k8s_config_file=os.devnull,
        argo_server=url,
        argo_namespace=namespace,
        argo_base_href="",
        argo_secure=False,
        argo_insecure_skip_verify=False,
        ca_bundle="",
    )
    return there, EndpointAddress(url, endpoint.token, server=url, namespace=namespace)
