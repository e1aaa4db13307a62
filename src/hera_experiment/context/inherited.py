"""The context that a parent process handed on: no file and no variable is asked again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hera_experiment.context.endpoint_address import EndpointAddress
from hera_experiment.context.layers import Layer
from hera_experiment.context.sources import Origin, Setting, Source
from hera_experiment.errors import UserError

VARIABLE = "HERA_UTILS_CONTEXT"
"""Holds the values of the parent's context and their sources, as JSON."""


@dataclass(frozen=True)
class InheritedContext:
    """What a parent process handed on; ``fixed`` when nothing typed here may change it."""

    layer: Layer
    fixed: bool
    endpoint: EndpointAddress


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


def _unpacked(origin: str, key: str, file: str, line: int) -> Source:
    return Source(Origin[origin], key, Path(file) if file else None, line)
