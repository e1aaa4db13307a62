"""All checks, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hera_experiment.check.checks import (
    account,
    api_server,
    argo,
    capacity,
    images,
    kubeconfig,
    objects,
    rights,
    volumes,
    workflow,
)
from hera_experiment.check.definition import Check

_CATEGORIES = (
    "kubeconfig",
    "kubernetes",
    "you",
    "rights",
    "argo",
    "experiment",
    "account of the pods",
    "what it uses",
    "what it asks for",
    "images",
    "submission",
)
_FAMILIES = (
    kubeconfig,
    api_server,
    workflow,
    rights,
    argo,
    account,
    volumes,
    objects,
    capacity,
    images,
)
CATALOGUE: tuple[Check, ...] = tuple(
    sorted(
        (check for family in _FAMILIES for check in family.CHECKS),
        key=lambda check: _CATEGORIES.index(check.category),
    )
)


def subset(codes: Iterable[str]) -> tuple[Check, ...]:
    """Return the checks of ``codes`` with all that they need, in the catalogue's order.

    What only explains a failure of theirs (``unless_failed``) stays out unless it is named.
    """
    by_code = {each.code: each for each in CATALOGUE}
    wanted: set[str] = set()
    stack = list(codes)
    while stack:
        code = stack.pop()
        if code not in wanted:
            wanted.add(code)
            stack += by_code[code].needs
    return tuple(
        replace(each, unless_failed=tuple(code for code in each.unless_failed if code in wanted))
        for each in CATALOGUE
        if each.code in wanted
    )
