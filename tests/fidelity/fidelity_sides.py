"""Runs a case on a server and says how two servers' outcomes compare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from both_sides import NAMESPACE, Argo, Local, finished, running
from comparison import differences
from fidelity_cases import KEPT, Act
from fidelity_races import RACES

from hera_experiment.local.errors import Unsupported

Json = dict[str, Any]

AGREES, REFUSED, DIFFERS = "agrees", "refused", "differs"
AHEAD = 12
_DECODING = ("unmarshal", "unknown field", "proto:", "json:")
"""Marks of Argo's answer to what it cannot read; its words are those of Go's libraries."""


@dataclass
class Outcome:
    """What a server made of a case: it refused it with a message, or there is a workflow.

    ``by_name`` tells that our server said what it does not interpret.
    """

    refusal: str = ""
    status: int = 200
    by_name: bool = False
    workflow: Json = field(default_factory=dict)


def submit(side: Argo, workflow: Json) -> Outcome:
    """Hand ``workflow`` to a server."""
    status, answer = side.request("POST", f"/workflows/{NAMESPACE}", {"workflow": workflow})
    if status == 200:
        side.created.append(answer["metadata"]["name"])
        return Outcome(workflow=answer)
    by_name = isinstance(side, Local) and _not_interpreted(side, workflow)
    return Outcome(answer["message"], status, by_name)


def keep(side: Local, objects: Iterable[Json]) -> Outcome:
    """Let our server keep what a workflow refers to."""
    for each in objects:
        kind, path = each["kind"], KEPT[each["kind"]]
        body = each if kind == "ConfigMap" else {"template": each}
        status, answer = side.request("POST", path, body)
        if status not in (200, 409):
            return Outcome(answer["message"], status, by_name=status == 501)
    return Outcome()


def end(side: Argo, acts: Sequence[Act], begun: Outcome) -> Outcome:
    """Do what is done meanwhile, and wait until the workflow has finished."""
    if begun.refusal:
        return begun
    name = begun.workflow["metadata"]["name"]
    for act in acts:
        side.wait(name, running(act.at))
        status, answer = _ask(side, name, act.verb, act.options)
        if status != 200:
            return Outcome(answer["message"], status, by_name=status == 501)
    return Outcome(workflow=side.wait(name, finished))


def _ask(side: Argo, name: str, verb: str, options: Mapping[str, Any]) -> tuple[int, Json]:
    return side.request("PUT", f"/workflows/{NAMESPACE}/{name}/{verb}", dict(options))


def compare(name: str, there: Outcome, here: Outcome) -> tuple[str, list[str]]:
    """Return the verdict of our outcome ``here`` against Argo's, and what differs."""
    if here.by_name:
        return REFUSED, [here.refusal]
    if there.refusal or here.refusal:
        return _refusals(there, here)
    if name in RACES:
        RACES[name](there.workflow)
        RACES[name](here.workflow)
    found = differences(there.workflow, here.workflow)
    return (DIFFERS if found else AGREES), found


def _refusals(there: Outcome, here: Outcome) -> tuple[str, list[str]]:
    unread = any(mark in there.refusal for mark in _DECODING)
    # Our server may say more, which tasks a cycle consists of, and Kubernetes gives examples.
    alike = here.refusal.startswith(there.refusal) or there.refusal.startswith(here.refusal)
    if there.refusal and here.refusal and here.status == there.status and (unread or alike):
        return AGREES, []
    sides = (("Argo", there), ("the local server", here))
    words = [f"{who}: {each.status} {each.refusal or 'takes it'}" for who, each in sides]
    return DIFFERS, words


def _not_interpreted(side: Local, workflow: Json) -> bool:
    try:
        side.engine.create(workflow, dry_run=True)
    except Unsupported:
        return True
    except Exception:
        return False
    return False


class Ahead:
    """Workflows on Argo, some ahead of those asked for: a pod takes seconds there, mostly idle."""

    def __init__(self, argo: Argo, workflows: Mapping[str, Json], ahead: int = AHEAD) -> None:
        self._argo = argo
        self._workflows = workflows
        self._ahead = ahead
        self._begun: dict[str, Outcome] = {}
        self._order = list(workflows)

    def end(self, name: str, acts: Sequence[Act] = ()) -> Outcome:
        """Return how a workflow ended; those that follow begin meanwhile."""
        place = self._order.index(name)
        for each in self._order[place : place + self._ahead]:
            if each not in self._begun:
                self._begun[each] = submit(self._argo, self._workflows[each])
        return end(self._argo, acts, self._begun.pop(name))
