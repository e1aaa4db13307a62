"""Amounts as Kubernetes writes them: ``500m``, ``2Gi``.

Source: ``pkg/api/resource/quantity.go`` of kubernetes/apimachinery.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

_QUANTITY = re.compile(
    r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?"
)
_RULE = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
_FORM = re.compile(r"[+-]?[0-9]*\.?[0-9]*[eEinumkKMGTP]*[-+]?[0-9]*")
_POWERS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def number(value: Any) -> Decimal | None:
    """Return a quantity as a number, None for what is none."""
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        return None
    digits, suffix = Decimal(match[1]), match[2] or ""
    if suffix.endswith("i"):
        return digits * Decimal(2 ** (10 * ("KMGTPE".index(suffix[0]) + 1)))
    return digits.scaleb(int(suffix[1:]) if suffix[1:] else _POWERS[suffix])


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
