"""Kubernetes' quantities as numbers.

Source: ``staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go`` of kubernetes/kubernetes.
"""

from __future__ import annotations

import re

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([KMGTPE]i|[numkKMGTPE]|[eE][+-]?\d+)?")
_DECIMAL = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_DECIMAL |= {"P": 1e15, "E": 1e18}


def number_of(quantity: object) -> float:
    """Return ``"500m"`` as 0.5, ``"2Gi"`` as 2147483648; raises ValueError for another text."""
    text = str(quantity).strip()
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no quantity")
    number, unit = float(match[1]), match[2] or ""
    if unit.endswith("i"):
        return number * float(2 ** (10 * (1 + "KMGTPE".index(unit[0]))))
    if len(unit) > 1:
        return number * 10 ** float(unit[1:])
    return number * _DECIMAL.get(unit, 1.0)
