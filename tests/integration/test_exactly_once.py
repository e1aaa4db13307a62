"""Faults before the local server, and killed clients: no workflow twice, none lost."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from fault_case import Server, assert_exactly_once, connection_faults
from fault_kills import Driver
from fault_proxy import DENIED
from local_serve import clean_environment, serving

from hera_experiment.record.records import Records
from hera_experiment.record.run_record import State

# No task: the server keeps it, and nothing is run.
MANIFEST = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"generateName": "fault-"},
    "spec": {"entrypoint": "main", "templates": [{"name": "main", "steps": [[]]}]},
}

SEED = os.environ.get("FAULT_SEED") or str(secrets.randbelow(1_000_000))
"""Set FAULT_SEED to what a failure printed to have the same faults again."""
WORKERS = 4
CONNECTION_FAULTS, KILL_FAULTS = 560, 250


@pytest.fixture
def server(tmp_path):
    (tmp_path / "served").mkdir()
    with serving(tmp_path / "served") as variables:
        yield Server(variables["ARGO_SERVER"], variables["ARGO_TOKEN"], "local", MANIFEST)


def test_faults_of_the_connection(server, tmp_path):
    print(f"FAULT_SEED={SEED}")
    folder = tmp_path / "submissions"
    run = partial(connection_faults, server, folder, enough=CONNECTION_FAULTS // WORKERS)
    with ThreadPoolExecutor(WORKERS) as pool:
        found = list(pool.map(run, [f"{SEED}/{worker}" for worker in range(WORKERS)]))
    faults = sum((each for each, _ in found), Counter())
    ends = sum((each for _, each in found), Counter())
    print(f"{faults.total()} faults: {dict(faults)}")
    print(f"{assert_exactly_once(server, folder)}; {dict(ends)}")
    assert faults.total() - faults[DENIED] >= CONNECTION_FAULTS


def test_kills_of_the_client(server, tmp_path):
    print(f"FAULT_SEED={SEED}")
    folder = tmp_path / "submissions"
    with Driver(server, folder, SEED) as driver:
        steps = driver.steps()
        # At every step of its own, then while its requests are on their way, then both again.
        kills = [*range(1, steps + 1), *[0] * steps]
        while driver.faults.total() < KILL_FAULTS or kills:
            driver.case(kills.pop(0) if kills else 0)
    print(f"{driver.faults.total()} faults: {dict(driver.faults)}")
    print(f"{assert_exactly_once(server, folder)}; {dict(driver.ends)}; {steps} steps")
    assert driver.killed.total() >= steps


PLAIN = """
from hera.workflows import Steps, Workflow, script

@script(image="python:3.13-slim")
def hello():
    print("hello")

with Workflow(generate_name="plain-", entrypoint="main", namespace="x") as w, Steps(name="main"):
    hello()
print("name", w.create(wait=True, poll_interval=1).metadata.name)
"""


def test_run_writes_down_what_any_script_submits(tmp_path):
    (tmp_path / "plain.py").write_text(PLAIN)
    done = subprocess.run(
        [sys.executable, "-m", "hera_utils", "run", "plain.py"],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    (record,) = Records(tmp_path / ".hera" / "submissions").all()
    assert f"name {record.name}\n" in done.stdout
    assert (record.state, record.cluster, record.namespace) == (State.CREATED, "local", "x")
    assert record.script == "./plain.py"
    assert record.session.startswith("run-")
