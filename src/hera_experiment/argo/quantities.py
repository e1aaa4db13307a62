"""Kubernetes' quantities as numbers.

Source: ``staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go`` of kubernetes/kubernetes.
"""

from __future__ import annotations

import re
from decimal import Decimal

_QUANTITY = re.compile(
    r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?"
)
_POWERS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def number(quantity: object) -> Decimal | None:
    """Return ``"500m"`` as 0.5, ``"2Gi"`` as 2147483648, None for what is no quantity."""
    match = _QUANTITY.fullmatch(str(quantity))
    if match is None:
        return None
    digits, suffix = Decimal(match[1]), match[2] or ""
    if suffix.endswith("i"):
        return digits * Decimal(2 ** (10 * ("KMGTPE".index(suffix[0]) + 1)))
    return digits.scaleb(int(suffix[1:]) if suffix[1:] else _POWERS[suffix])


def number_of(quantity: object) -> float:
    """Return a quantity as a number; raises ValueError for another text.

    A person may write ``"500K"`` for ``"500k"``.
    """
    text = str(quantity).strip()
    found = number(re.sub(r"(?<=[0-9.])K$", "k", text))
    if found is None:
        raise ValueError(f"{text!r} is no quantity")
    return float(found)
