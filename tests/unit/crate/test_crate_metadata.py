"""What a crate says of its run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from recorded_run import RUN, account_in, experiment_in, unpacked


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["@id"]] if set(value) == {"@id"} else []
        return own + [each for inner in value.values() for each in _references(inner)]
    return (
        [each for inner in value for each in _references(inner)] if isinstance(value, list) else []
    )


def test_names_workflow_tasks_inputs_and_files(tmp_path: Path) -> None:
    experiment = experiment_in(tmp_path / "one")
    crate = tmp_path / "crate"
    graph = unpacked(account_in(experiment), experiment, crate)
    root = graph["./"]
    main = graph[root["mainEntity"]["@id"]]
    assert main["@id"] == "code/workflow.py" and "ComputationalWorkflow" in main["@type"]
    assert [graph[each["@id"]]["name"] for each in main["step"]] == ["count", "sum"]
    assert {graph[each["@id"]]["name"] for each in main["hasPart"]} == {"count", "sum"}
    inputs = {graph[each["@id"]]["name"]: graph[each["@id"]] for each in main["input"]}
    assert {name: each["additionalType"] for name, each in inputs.items()} == {
        "n": "Integer",
        "share": "Float",
        "names": "PropertyValue",
        "deep": "Boolean",
    }
    run, *tasks = (graph[each["@id"]] for each in root["mentions"])
    assert run["instrument"] == root["mainEntity"]
    assert [task["name"] for task in tasks] == ["count(a b)", "count(é/ü)", "sum"]
    results = [unquote(each["@id"]) for each in tasks[0]["result"]]
    assert "results/a/one & two.csv" in results and "results/sum.txt" not in results
    assert tasks[0]["startTime"] == "2026-11-26T21:00:00+00:00"
    used = {graph[each["@id"]]["name"]: graph[each["@id"]] for each in tasks[0]["resourceUsage"]}
    assert [each["value"] for each in used.values()] == ["0.25", "1000", "0.5"]
    people = [graph[each["@id"]] for each in root["author"]]
    assert people[0]["@id"] == "https://orcid.org/0000-0002-1825-0097"
    assert [each["@type"] for each in people] == ["Person", "Organization"]
    assert root["license"] == {"@id": "https://spdx.org/licenses/MIT"}
    own, foreign = (graph[task["containerImage"]["@id"]] for task in tasks[1:])
    assert own["isBasedOn"] == {"@id": "code/containers/count/Dockerfile"}
    assert (foreign["registry"], foreign["name"]) == ("quay.io", "team/sum")
    assert (foreign["tag"], foreign["sha256"]) == ("1.0", "a" * 64)


def test_each_file_has_its_checksum_and_each_reference_an_entity(tmp_path: Path) -> None:
    experiment = experiment_in(tmp_path / "one")
    crate = tmp_path / "crate"
    graph = unpacked(account_in(experiment), experiment, crate)
    files = {unquote(each["@id"]): each for each in graph.values() if "contentSize" in each}
    there = {path.relative_to(crate).as_posix() for path in crate.rglob("*") if path.is_file()}
    assert set(files) == there - {"ro-crate-metadata.json"}
    for name, each in files.items():
        content = (crate / name).read_bytes()
        assert each["sha256"] == hashlib.sha256(content).hexdigest()
        assert each["contentSize"] == str(len(content))
    outside = ("https://w3id.org/ro/crate/", "https://w3id.org/ro/terms/")
    for each in graph.values():
        for reference in _references(each):
            assert reference in graph or reference.startswith(outside), reference


def test_a_run_that_failed_says_so(tmp_path: Path) -> None:
    experiment = experiment_in(tmp_path / "one")
    graph = unpacked(account_in(experiment, last="Failed"), experiment, tmp_path / "crate")
    task, run = graph["#task/sum"], graph[f"#run/{RUN}"]
    for action in (task, run):
        assert action["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert task["error"] == "Error (exit code 7)"
    assert graph["#task/sum/output/exit%20code"]["value"] == "7"
    assert graph["#task/count%28a%20b%29"]["actionStatus"].endswith("/CompletedActionStatus")
