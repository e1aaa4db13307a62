"""Faults before the real argo-server, and killed clients: no workflow twice, none lost."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from fault_case import Server, assert_exactly_once, connection_faults
from fault_kills import Driver
from fault_proxy import DENIED

# Suspended: the server keeps it, no pod is started.
MANIFEST = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"generateName": "fault-"},
    "spec": {
        "entrypoint": "main",
        "suspend": True,
        "serviceAccountName": "argo-user",
        "templates": [
            {"name": "main", "container": {"image": "python:3.13-slim", "command": ["true"]}}
        ],
    },
}
# A workflow that is there twice once in a thousand times is a failure: nothing is tried again.
pytestmark = pytest.mark.flaky(reruns=0)

SEED = os.environ.get("FAULT_SEED") or str(secrets.randbelow(1_000_000))
"""Set FAULT_SEED to what a failure printed to have the same faults again."""
WORKERS = 3
CONNECTION_FAULTS, KILL_FAULTS = 150, 100


@pytest.fixture
def server(cluster, new_workplace):
    namespace = new_workplace()  # every workflow in it is counted
    token = f"Bearer {cluster.token('argo-user', namespace)}"
    found = Server(cluster["ARGO_SERVER"], token, namespace, MANIFEST, lag=3.0)
    yield found
    for workflow in found.all():
        found.client.delete_workflow(namespace, workflow["metadata"]["name"])


def test_faults_of_the_connection(server, tmp_path):
    print(f"FAULT_SEED={SEED}")
    run = partial(connection_faults, server, tmp_path, enough=CONNECTION_FAULTS // WORKERS)
    with ThreadPoolExecutor(WORKERS) as pool:
        found = list(pool.map(run, [f"{SEED}/{worker}" for worker in range(WORKERS)]))
    faults = sum((each for each, _ in found), Counter())
    ends = sum((each for _, each in found), Counter())
    print(f"{faults.total()} faults: {dict(faults)}")
    print(f"{assert_exactly_once(server, tmp_path)}; {dict(ends)}")
    assert faults.total() - faults[DENIED] >= CONNECTION_FAULTS


def test_kills_of_the_client(server, tmp_path):
    print(f"FAULT_SEED={SEED}")
    folder = tmp_path / "submissions"
    with Driver(server, folder, SEED) as driver:
        kills = [*range(1, driver.steps() + 1)]
        while driver.faults.total() < KILL_FAULTS or kills:
            driver.case(kills.pop() if kills else 0)
    print(f"{driver.faults.total()} faults: {dict(driver.faults)}")
    print(f"{assert_exactly_once(server, folder)}; {dict(driver.ends)}")
    assert driver.killed.total() > 0
