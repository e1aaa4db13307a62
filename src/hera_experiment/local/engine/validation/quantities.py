"""What is wrong with amounts, in Kubernetes' words.

Source: ``pkg/api/resource/quantity.go`` of kubernetes/apimachinery.
"""

from __future__ import annotations

import re
from typing import Any

from hera_experiment.argo.quantities import number

_RULE = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
_FORM = re.compile(r"[+-]?[0-9]*\.?[0-9]*[eEinumkKMGTP]*[-+]?[0-9]*")


def quantity_problem(value: Any) -> str:
    """Return what is wrong with a quantity, in Kubernetes' words, or nothing."""
    if number(value) is not None and not isinstance(value, bool):
        return ""
    text = str(value)
    return "unable to parse quantity's suffix" if text and _FORM.fullmatch(text) else _RULE


def meant(value: Any) -> str:
    """Return how to write what ``value`` seems to mean, or nothing."""
    found = re.fullmatch(r"([0-9.]+) ?([kKMGTPE])i?[bB]?", str(value))
    if found is None:
        return ""
    return f": write {found[1]}{found[2].replace('K', 'k')}, or {found[1]}{found[2].upper()}i"
