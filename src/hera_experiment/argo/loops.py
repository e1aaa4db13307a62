"""How many tasks a loop is, where that can be read out of the specification.

Source: ``expandTask`` and ``expandSequence`` in ``workflow/controller`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def length(call: Mapping[str, Any], parameters: Mapping[str, Any]) -> int | None:
    """Return how often a task or a step runs, None where only the run will tell.

    ``parameters`` has the values of variables that are known, by their names.
    """
    for key in ("withItems", "withParam"):
        if call.get(key):
            items = _items(call[key], parameters)
            return len(items) if isinstance(items, list) else None
    if call.get("withSequence"):
        return _sequence(call["withSequence"])
    return 1


def _items(value: Any, parameters: Mapping[str, Any]) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("{{") and text.endswith("}}"):
        text = str(parameters.get(text[2:-2].strip()) or "")
    try:
        return json.loads(text)
    except ValueError:
        return None


def _sequence(sequence: Any) -> int | None:
    if not isinstance(sequence, Mapping):
        return None
    try:
        if sequence.get("end") is not None:
            return abs(int(sequence["end"]) - int(sequence.get("start") or 0)) + 1
        return int(sequence.get("count") or 0)
    except (TypeError, ValueError):
        return None
