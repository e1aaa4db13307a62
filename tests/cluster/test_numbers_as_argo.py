"""Any number on any way through a workflow is spelt as Argo spells it."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from both_sides import NAMESPACE, Argo, Local, finished, manifest
from real_cluster import RealCluster

COUNT = 60
Json = dict[str, Any]


def number(source: random.Random) -> str:
    """Return a number of JSON: of any size, in any spelling."""
    kind = source.randrange(6)
    if kind == 0:
        return str(source.getrandbits(source.randint(1, 80)) * source.choice((1, -1)))
    if kind == 1:
        return str(source.choice((2**53, 2**63, 2**64, 10**20, 10**21)) + source.randint(-2, 2))
    if kind == 2:
        (value,) = struct.unpack("<d", struct.pack("<Q", source.getrandbits(64)))
        return repr(value) if value == value and abs(value) < 1e308 else "0.5"
    digits = str(source.getrandbits(source.randint(1, 60)))
    if kind == 3:
        return f"{digits}.{source.choice(('0', '50', '125', '000001'))}"
    mark = source.choice(("e", "E", "e+", "e-", "E-"))
    return f"{source.choice(('', '-'))}{digits[:1]}.{digits}{mark}{source.randint(0, 30)}"


def value(source: random.Random, depth: int = 0) -> str:
    """Return a number, or a list or map of such, as JSON."""
    kind = source.randrange(5 if depth < 2 else 3)
    if kind < 3:
        return number(source)
    values = [value(source, depth + 1) for _ in range(source.randint(1, 3))]
    if kind == 3:
        return f"[{','.join(values)}]"
    return f"{{{','.join(f'{json.dumps(k)}: {v}' for k, v in zip('cab', values, strict=False))}}}"


def workflow_of(seed: int) -> Json:
    """Return a workflow that sends values on every way; no pod runs."""
    source = random.Random(seed)
    items = [value(source) for _ in range(COUNT)]
    workflow = manifest("loops/numbers")
    main, *templates = workflow["spec"]["templates"]
    tasks = {task["name"]: task for task in main["dag"]["tasks"]}
    tasks["items"]["withItems"] = json.loads(f"[{','.join(items)}]")
    tasks["spelt"]["withParam"] = f"[{', '.join(items)}]"
    tasks["given"]["withItems"] = [item for item in items if item[0] in "{["]
    kept = [tasks[name] for name in ("items", "spelt", "given", "together", "each")]
    for index, item in enumerate(items):
        if item[0] not in "{[":
            passed = {"parameters": [{"name": "v", "value": json.loads(item)}]}
            kept.append({"name": f"p{index}", "template": "seen", "arguments": passed})
    workflow["spec"]["templates"] = [{"name": "main", "dag": {"tasks": kept}}, *templates]
    return workflow


def values_seen(workflow: Json) -> dict[str, str]:
    """Return what each node was given, by its name."""
    nodes = workflow["status"]["nodes"].values()
    prefix = len(workflow["metadata"]["name"])
    return {
        node["name"][prefix:]: "\n".join(p["value"] for p in node["inputs"]["parameters"])
        for node in nodes
        if (node.get("inputs") or {}).get("parameters")
    }


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Local]:
    local = Local(tmp_path)
    yield local
    local.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_numbers_are_spelt_alike(seed: int, cluster: RealCluster, local: Local) -> None:
    argo = Argo(cluster["ARGO_SERVER"], cluster.token("argo-user", NAMESPACE))
    there = argo.create(workflow_of(seed))
    try:
        one = argo.wait(there, finished)
    finally:
        argo.request("DELETE", f"/workflows/{NAMESPACE}/{there}")
    other = local.wait(local.create(workflow_of(seed)), finished)
    assert one["status"]["phase"] == other["status"]["phase"] == "Succeeded"
    expected = values_seen(one)
    assert len(expected) > 2 * COUNT
    assert values_seen(other) == expected
