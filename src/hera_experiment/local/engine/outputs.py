"""The outputs of a DAG or Steps template.

Source: ``getTemplateOutputsFromScope`` in ``workflow/controller/operator.go`` of
argoproj/argo-workflows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from hera_experiment.local.engine.substitution import Lookup

_RESULT = re.compile(r"\b(tasks|steps)\.([a-zA-Z0-9][-a-zA-Z0-9]*)\.outputs\.result")


class OutputError(ValueError):
    """An output has no value."""


def template_outputs(template: Mapping[str, Any], lookup: Lookup) -> dict[str, Any] | None:
    """Return ``outputs`` of the node, None when the template declares none."""
    declared = (template.get("outputs") or {}).get("parameters") or ()
    if not declared:
        return None
    inputs = {
        f"inputs.parameters.{parameter['name']}": parameter.get("value")
        for parameter in (template.get("inputs") or {}).get("parameters") or ()
    }
    parameters = []
    for parameter in declared:
        source = parameter["valueFrom"]
        name = source.get("parameter", "").removeprefix("{{").removesuffix("}}").strip()
        try:
            value = inputs[name] if name in inputs else lookup(name)
        except KeyError:
            if "default" not in source:
                raise OutputError(f"Unable to resolve: {json.dumps(name)}") from None
            value = None
        if value is None:
            value = source.get("default")
        if value is None:
            reference = source.get("parameter", "")
            raise OutputError(
                f"output parameter {json.dumps(parameter['name'])}: {json.dumps(reference)} is an "
                "absent optional (skipped/omitted node output with no default)"
            )
        kept = {key: item for key, item in parameter.items() if key != "valueFrom"}
        parameters.append({**kept, "value": value})
    return {"parameters": parameters}


def referenced_results(template: Mapping[str, Any], root: str) -> frozenset[str]:
    """Return the tasks (``root`` is ``tasks`` or ``steps``) whose ``outputs.result`` is used."""
    text = json.dumps(template)
    return frozenset(match[2] for match in _RESULT.finditer(text) if match[1] == root)
