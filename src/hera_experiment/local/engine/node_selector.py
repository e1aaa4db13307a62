"""Reads a ``nodeFieldSelector``: ``displayName=a,inputs.parameters.size.value!=3``.

Source: ``SelectorMatchesNode`` in ``workflow/util/util.go`` of argoproj/argo-workflows and
``fields/selector.go`` of kubernetes/apimachinery.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from hera_experiment.local.errors import InvalidWorkflow

_TERM = re.compile(r"([^=!]+)(!=|==|=)(.*)", re.DOTALL)
_FIELDS = ("displayName", "templateName", "phase", "name", "id")


def parse_selector(text: str) -> Callable[[Mapping[str, Any]], bool]:
    """Return what tells whether a node matches; raises :class:`InvalidWorkflow`."""
    terms = []
    for part in re.split(r"(?<!\\),", text):
        match = _TERM.fullmatch(part)
        if not match:
            raise InvalidWorkflow(
                f"invalid selector: {text!r}; can't understand {part!r}: use FIELD=VALUE"
            )
        value = re.sub(r"\\(.)", r"\1", match[3])
        terms.append((match[1].strip(), match[2] != "!=", value))

    def matches(node: Mapping[str, Any]) -> bool:
        values = {key: str(node.get(key, "")) for key in _FIELDS}
        for parameter in (node.get("inputs") or {}).get("parameters") or ():
            name = f"inputs.parameters.{parameter['name']}.value"
            values[name] = str(parameter.get("value", ""))
        return all((values.get(name, "") == value) == wanted for name, wanted, value in terms)

    return matches
