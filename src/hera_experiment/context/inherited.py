"""Hands the context on to a child process, which then asks no file and no variable again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hera_experiment.context import tokens
from hera_experiment.context.layers import Layer
from hera_experiment.context.masking import Secret
from hera_experiment.context.sources import Origin, Setting, Source
from hera_experiment.errors import UserError

if TYPE_CHECKING:
    from hera_experiment.context.context import Context

VARIABLE = "HERA_UTILS_CONTEXT"
"""Holds the values of the parent's context and their sources, as JSON."""


@dataclass(frozen=True)
class EndpointAddress:
    """Where a script's requests go: the endpoint that a verb opened for it.

    ``url`` ends in a slash, ``token`` is its own. ``server`` is the URL of the server that stands
    behind it, which links name, ``name`` what messages call that, ``account`` whose token it is
    asked with and ``token_ends`` when that ends. ``stand_in`` takes the place of a server that the
    script names; empty where that needs no word.
    """

    url: str
    token: str
    server: str
    namespace: str
    name: str = "the local server"
    account: str = ""
    token_ends: str = ""
    stand_in: str = ""

    def __repr__(self) -> str:
        return f"EndpointAddress(url={self.url!r}, server={self.server!r})"


@dataclass(frozen=True)
class InheritedContext:
    """What a parent process handed on; ``fixed`` when nothing typed here may change it."""

    layer: Layer
    fixed: bool
    endpoint: EndpointAddress


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


def of_parent(environ: Mapping[str, str]) -> InheritedContext | None:
    """Return what a parent process handed on, None when none did."""
    text = environ.get(VARIABLE)
    if not text:
        return None
    try:
        document = json.loads(text)
        settings = {
            name: Setting(str(value), _unpacked(*source))
            for name, (value, *source) in document["settings"].items()
        }
        endpoint = EndpointAddress(**document["endpoint"])
        return InheritedContext(Layer(settings), bool(document["fixed"]), endpoint)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise UserError(
            "this is not a context that hera_utils handed on",
            f"{VARIABLE} in the environment",
            "unset it",
        ) from None


def _text(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else value


def _packed(source: Source) -> list[Any]:
    file = "" if source.file is None else str(source.file)
    return [source.origin.name, source.key, file, source.line]


def _unpacked(origin: str, key: str, file: str, line: int) -> Source:
    return Source(Origin[origin], key, Path(file) if file else None, line)
