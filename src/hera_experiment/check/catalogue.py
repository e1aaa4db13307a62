"""All checks, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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


def select(
    checks: Sequence[Check], only: Iterable[str] = (), skip: Iterable[str] = ()
) -> tuple[Check, ...]:
    """Return those of ``checks`` with the codes ``only`` (all for none) but for those of ``skip``.

    With them comes what they need or are informed by, but not what only explains a failure of
    theirs (``unless_failed``). For a check that is skipped stands what it needs itself.
    """
    by_code = {each.code: each for each in checks}
    skipped = set(skip)
    wanted: set[str] = set()
    stack = list(only) or list(by_code)
    while stack:
        code = stack.pop()
        if code not in wanted:
            wanted.add(code)
            stack += by_code[code].needs + by_code[code].informed_by
    wanted -= skipped

    def kept(codes: Iterable[str]) -> Iterator[str]:
        for code in codes:
            if code in wanted:
                yield code
            elif code in skipped:
                yield from kept(by_code[code].needs)

    return tuple(
        replace(
            each,
            needs=tuple(dict.fromkeys(kept(each.needs))),
            unless_failed=tuple(dict.fromkeys(kept(each.unless_failed))),
        )
        for each in checks
        if each.code in wanted
    )
