"""Each case on Argo and on the local server through one client: the same verdict, nodes and words.

With ``FIDELITY_RECORD`` set, what comes out is written down for the table in README.md.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator

import pytest
from both_sides import Argo, Local
from fidelity_cases import all_cases
from fidelity_known import KNOWN, known_to
from fidelity_sides import AGREES, Ahead, compare, end, keep, submit
from fidelity_table import record
from real_cluster import RealCluster

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.usefixtures("turn"),
]
CASES = all_cases()


@pytest.fixture(scope="module")
def version(argo: Argo) -> str:
    """Argo's release, such as v3.7.18; the one that FIDELITY_ARGO names, if it does."""
    _, answer = argo.request("GET", "/version")
    found = re.match(r"v\d+\.\d+\.\d+", answer["version"])
    assert found, answer
    assert found[0] == os.environ.get("FIDELITY_ARGO", found[0])
    return found[0]


@pytest.fixture(scope="module")
def ahead(argo: Argo, cluster: RealCluster, request: pytest.FixtureRequest) -> Iterator[Ahead]:
    """Argo with every object that a case refers to; of the cases only those that are chosen."""
    objects = [each for case in CASES.values() for each in case.objects]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    cluster.apply(listed)
    nodes = [each for each in request.session.items if each.path == request.path]
    chosen = {each.callspec.params["name"] for each in nodes if hasattr(each, "callspec")}
    workflows = {name: case.workflow for name, case in CASES.items() if name in chosen}
    yield Ahead(argo, workflows)
    cluster.kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", text=listed)


@pytest.fixture(scope="module")
def verdicts(version: str) -> Iterator[dict[str, str]]:
    """What comes out of each case; the table is made of it."""
    found: dict[str, str] = {}
    yield found
    if os.environ.get("FIDELITY_RECORD"):
        record(version, found)


@pytest.mark.parametrize("name", CASES)
def test_ends_alike(
    name: str, ahead: Ahead, local: Local, version: str, verdicts: dict[str, str]
) -> None:
    case = CASES[name]
    here = keep(local, case.objects)
    if not here.refusal:
        here = end(local, case.acts, submit(local, case.workflow))
    verdicts[name], found = compare(name, ahead.end(name, case.acts), here)
    known = known_to(name, version)
    # What agrees by now is no longer known to do otherwise.
    if known and known.race and verdicts[name] == AGREES:
        return
    assert verdicts[name] == (known.verdict if known else AGREES), found


def test_what_is_known_is_a_case() -> None:
    assert KNOWN.keys() <= CASES.keys()
