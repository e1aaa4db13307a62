"""Random workflows on Argo and on the local server: the same verdict, the same nodes.

``FIDELITY_CASES`` of them run (500 in a nightly-sized run), and ten times as many are only judged.
``FIDELITY_SEED`` makes others. Each that differs is printed as a file to be put below ``cases``.
"""

from __future__ import annotations

import copy
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from both_sides import NAMESPACE, Argo, Local
from fidelity_generator import generated, workflows
from fidelity_known import GENERATED
from fidelity_leaves import OBJECTS
from fidelity_sides import AGREES, DIFFERS, Ahead, Outcome, compare, end, keep, submit
from hypothesis import HealthCheck, find, settings
from real_cluster import RealCluster

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("turn", "objects")]

COUNT = int(os.environ.get("FIDELITY_CASES", "20"))
SEED = int(os.environ["FIDELITY_SEED"]) if "FIDELITY_SEED" in os.environ else None
TRIES = 30
Json = dict[str, Any]
CACHE = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "generated-cache", "namespace": NAMESPACE},
}
"""What the controller makes for workflows that memoize."""


@pytest.fixture(scope="module")
def objects(cluster: RealCluster, local: Local) -> Iterator[None]:
    """Have on both sides what the workflows refer to."""
    items = [{**o, "metadata": {**o["metadata"], "namespace": NAMESPACE}} for o in OBJECTS]
    assert not keep(local, items).refusal
    made: Json = {"apiVersion": "v1", "kind": "List", "items": items}
    cluster.apply(json.dumps(made))
    yield
    items.append(CACHE)
    text = json.dumps(made)
    cluster.kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", text=text)


def as_file(workflow: Json, found: list[str]) -> str:
    """Return the workflow as a file of a case, and behind it what differs."""
    lines = "\n".join(f"# {line}" for each in found for line in each.splitlines())
    return f"{yaml.safe_dump(workflow, sort_keys=False, width=120)}{lines}\n---\n"


def known(found: list[str]) -> bool:
    """Tell whether all that differs is known to, with its reason."""
    return all(any(each in line for each in GENERATED) for line in found)


def check(verdicts: Counter[str], differing: list[str]) -> None:
    """Fail with the files of what differs."""
    print(f"{dict(verdicts)} of {verdicts.total()} generated workflows")
    assert not differing, "\n" + "\n".join(differing)
    assert verdicts[AGREES]


def test_generated_workflows_end_alike(argo: Argo, local: Local) -> None:
    made = {str(index): each for index, each in enumerate(generated(COUNT, seeded=SEED))}
    ahead = Ahead(argo, made)
    verdicts: Counter[str] = Counter()
    differing = []
    for name, workflow in made.items():
        here = end(local, (), submit(local, copy.deepcopy(workflow)))
        verdict, found = compare("", ahead.end(name), here)
        verdicts[verdict] += 1
        if verdict == DIFFERS and not known(found):
            differing.append(as_file(workflow, found))
    check(verdicts, differing)


def verdict_of(side: Argo, body: Json) -> Outcome:
    """Return what a server says of a workflow that it only checks."""
    status, answer = side.request("POST", f"/workflows/{NAMESPACE}/lint", body)
    refusal = "" if status == 200 else answer["message"]
    by_name = isinstance(side, Local) and "not interpreted" in refusal
    return Outcome(refusal, status, by_name=by_name)


@pytest.fixture
def judged(argo: Argo, local: Local) -> Callable[[Json], tuple[str, list[str]]]:
    """Return what both servers say of a workflow that they only check."""

    def judge(workflow: Json) -> tuple[str, list[str]]:
        body = {
            "workflow": {**workflow, "metadata": {**workflow["metadata"], "namespace": NAMESPACE}}
        }
        here = verdict_of(local, body)
        # Which of two tasks Argo looks at first is left to chance.
        for _ in range(TRIES):
            there = verdict_of(argo, body)
            if not there.refusal and not here.refusal:
                return AGREES, []
            verdict, found = compare("", there, here)
            if verdict != DIFFERS or not there.refusal:
                break
        return verdict, found

    return judge


def test_generated_workflows_are_judged_alike(
    judged: Callable[[Json], tuple[str, list[str]]],
) -> None:
    verdicts: Counter[str] = Counter()
    differing = []
    for workflow in generated(10 * COUNT, seeded=SEED):
        verdict, found = judged(workflow)
        verdicts[verdict] += 1
        if verdict == DIFFERS and not known(found):
            differing.append(as_file(workflow, found))
    if differing:
        smallest = find(
            workflows(),
            lambda each: judged(each)[0] == DIFFERS and not known(judged(each)[1]),
            settings=settings(
                max_examples=500, database=None, suppress_health_check=list(HealthCheck)
            ),
        )
        differing.append(
            f"# The smallest that was found:\n{as_file(smallest, judged(smallest)[1])}"
        )
    check(verdicts, differing)
