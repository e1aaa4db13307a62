"""All checks, in the order in which they are shown, and those that a laboratory adds."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from hera_experiment.check.checks import (
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
from hera_experiment.check.outcome import Outcome, failure, ok, unknown
from hera_experiment.check.runner import OWN, Check
from hera_experiment.check.target import CheckTarget
from hera_experiment.context.context import Context
from hera_experiment.errors import UserError

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

_PREFIX = "assert_"
_OF_THE_CATALOGUE = {
    "assert_accessible",
    "assert_cluster",
    "assert_configmap",
    "assert_namespace",
    "assert_secret",
    "assert_volume_claim",
}
"""The catalogue has checks of its own for what these assert."""


def select(
    checks: Sequence[Check],
    only: Iterable[str] = (),
    skip: Iterable[str] = (),
    cluster: str = "",
) -> tuple[Check, ...]:
    """Return those of ``checks`` with the codes ``only`` (all for none) but for those of ``skip``.

    ``cluster`` is the profile's name, for the commands in their hints.

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
            hint=each.hint.replace(" CLUSTER=NAME", f" CLUSTER={cluster}" if cluster else ""),
            needs=tuple(dict.fromkeys(kept(each.needs))),
            unless_failed=tuple(dict.fromkeys(kept(each.unless_failed))),
        )
        for each in checks
        if each.code in wanted
    )


def own_checks(context: Context) -> tuple[Check, ...]:
    """Return a check for each method of the context module that it can call without arguments.

    ``assert_gpu_quota`` becomes OWN-GPU-QUOTA, its docstring's first line the title. It is well
    when the method returns True, unknown when it returns False, and failed when it raises
    ``UserError``. Of an Argo server that cannot be made of ``context`` there are none.
    """
    cluster = context.open_cluster()
    found = [_check(name, "cluster", type(cluster)) for name in _names(type(cluster))]
    try:
        server = context.open_argo_server(cluster)
    except UserError:
        return tuple(found)
    return (*found, *(_check(name, "server", type(server)) for name in _names(type(server))))


def _names(kind: type) -> list[str]:
    names = (name for name in dir(kind) if name.startswith(_PREFIX))
    return [name for name in names if name not in _OF_THE_CATALOGUE and _needs_none(kind, name)]


def _needs_none(kind: type, name: str) -> bool:
    function = getattr(kind, name)
    if not callable(function):
        return False
    _, *parameters = inspect.signature(function).parameters.values()
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return all(
        each.default is not inspect.Parameter.empty or each.kind in optional for each in parameters
    )


def _check(name: str, part: str, kind: type) -> Check:
    def function(target: CheckTarget) -> Outcome:
        try:
            holds = getattr(_part(target, part), name)()
        except UserError as error:
            return failure(error.what, error.where, error.next_step)
        return ok("holds") if holds else unknown("it could not be found out")

    function.__doc__ = inspect.getdoc(getattr(kind, name)) or name
    first = function.__doc__.splitlines()[0].strip().rstrip(".")
    return Check(
        code=f"{OWN}-" + name.removeprefix(_PREFIX).upper().replace("_", "-"),
        category="of hera_utils",
        title=first.removeprefix("Assert that "),
        function=function,
        unless_failed=("API-REACHABLE" if part == "cluster" else "ARGO-REACHABLE",),
    )


def _part(target: CheckTarget, part: str) -> Any:
    """Return the cluster or the server of the context module, made once for all checks."""
    cluster = target.once("own cluster", target.context.open_cluster)
    if part == "cluster":
        return cluster
    return target.once("own server", lambda: target.context.open_argo_server(cluster))
