"""Hands the context on to a child process, which then asks no file and no variable again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hera_experiment.context import tokens
from hera_experiment.context.address import host_and_port, server_url
from hera_experiment.context.layers import Layer
from hera_experiment.context.sources import Origin, Setting, Source
from hera_experiment.errors import UserError

if TYPE_CHECKING:
    from hera_experiment.context.context import Context

VARIABLE = "HERA_UTILS_CONTEXT"
"""Holds the values of the parent's context and their sources, as JSON."""


@dataclass(frozen=True)
class InheritedContext:
    """What a parent process handed on; ``fixed`` when nothing typed here may change it."""

    layer: Layer
    fixed: bool


def handed_on(context: Context, *, fixed: bool = False) -> dict[str, str]:
    """Return the variables that give a child process ``context``.

    ``parse_arguments`` in the child finds each value with the
    source that was found here. The variables that any client of Argo reads say the same, so that a
    script of plain Hera works, and the argo program; what the context lacks is set to nothing, so
    that no weaker source's value is left in the environment. With ``fixed`` the options on the
    child's own command line have no effect; they win otherwise.

    Raises
    ------
    UserError
        When the address of Argo's server is none.
    """
    settings = {}
    for argument in context.ARGUMENTS:
        source = context.source(argument.name)
        value = _text(getattr(context, argument.name))
        if value and source.origin is not Origin.DEFAULT:
            settings[argument.name] = [value, *_packed(source)]
    variables = {VARIABLE: json.dumps({"fixed": fixed, "settings": settings})}
    for argument in context.ARGUMENTS:
        text = _text(getattr(context, argument.name))
        variables.update(dict.fromkeys(argument.variables, text))
    # Nothing would mean ~/.kube/config to kubectl and to the kubernetes package.
    variables["KUBECONFIG"] = context.k8s_config_file or os.devnull
    # One script of Nebari's document reads the token under the second name.
    bearer = tokens.authorization(context.argo_token)
    variables.update(ARGO_TOKEN=bearer, ARGO_TOKEN_TOKEN=bearer)
    if context.argo_server:
        variables.update(_address(context))
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
        return InheritedContext(Layer(settings), bool(document["fixed"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise UserError(
            "this is no context that hera_utils handed on",
            f"{VARIABLE} in the environment",
            "unset it",
        ) from None


def _address(context: Context) -> dict[str, str]:
    url = server_url(
        context.argo_server,
        secure=context.argo_secure,
        base_path=context.argo_base_href,
        where=context.where("argo_server"),
    )
    parts = urlsplit(url)
    return {
        "GLOBAL_CONFIG_HOST": url,
        # The argo program wants a port in any case.
        "ARGO_SERVER": host_and_port(url),
        "ARGO_SECURE": _text(parts.scheme == "https"),
        "ARGO_HTTP1": "true",
        "ARGO_BASE_HREF": parts.path.rstrip("/"),
    }


def _text(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else value


def _packed(source: Source) -> list[Any]:
    file = "" if source.file is None else str(source.file)
    return [source.origin.name, source.key, file, source.line]


def _unpacked(origin: str, key: str, file: str, line: int) -> Source:
    return Source(Origin[origin], key, Path(file) if file else None, line)
