"""Hands the context on to a script, which then asks no file and no variable again."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from hera_experiment.context import tokens
from hera_experiment.context.context import Context
from hera_experiment.context.endpoint_address import EndpointAddress
from hera_experiment.context.inherited import VARIABLE
from hera_experiment.context.masking import Secret
from hera_experiment.context.sources import Origin, Source


def handed_on(
    context: Context, endpoint: EndpointAddress, *, fixed: bool = False
) -> dict[str, str]:
    """Return the variables that give a script ``context``, and lead its requests to ``endpoint``.

    ``parse_arguments`` in the script finds each value with the source that was found here, but for
    the token, which is the endpoint's. The variables that any client of Argo reads lead there, so
    that a script of plain Hera works, and the argo program; what the context lacks is set to
    nothing, so that no weaker source's value is left in the environment. With ``fixed`` the options
    on the script's own command line have no effect; they win otherwise.
    """
    context = context.changed(context.source("argo_token"), argo_token=Secret(endpoint.token))
    settings = {}
    for argument in context.ARGUMENTS:
        source = context.source(argument.name)
        value = _text(getattr(context, argument.name))
        if value and source.origin is not Origin.DEFAULT:
            settings[argument.name] = [value, *_packed(source)]
    document = {"fixed": fixed, "settings": settings, "endpoint": asdict(endpoint)}
    variables = {VARIABLE: json.dumps(document)}
    for argument in context.ARGUMENTS:
        text = _text(getattr(context, argument.name))
        variables.update(dict.fromkeys(argument.variables, text))
    # Nothing would mean ~/.kube/config to kubectl and to the kubernetes package.
    variables["KUBECONFIG"] = context.k8s_config_file or os.devnull
    # The argo program wants a port in any case. One script of Nebari's document reads the token
    # under the second name.
    bearer = tokens.authorization(endpoint.token)
    variables.update(
        GLOBAL_CONFIG_HOST=endpoint.url,
        ARGO_SERVER=urlsplit(endpoint.url).netloc,
        ARGO_SECURE="false",
        ARGO_HTTP1="true",
        ARGO_BASE_HREF="",
        ARGO_TOKEN=bearer,
        ARGO_TOKEN_TOKEN=bearer,
        GLOBAL_CONFIG_NAMESPACE=endpoint.namespace,
        ARGO_NAMESPACE=endpoint.namespace,
    )
    return variables


def _text(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else value


def _packed(source: Source) -> list[Any]:
    file = "" if source.file is None else str(source.file)
    return [source.origin.name, source.key, file, source.line]
