"""What is left of a run: a workflow whose finished tasks run nothing and have their outputs."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from hera_experiment.errors import UserError
from hera_experiment.submit.choices import NamedTask
from hera_experiment.submit.identity import Identities, identified
from hera_experiment.submit.remainder import Remainder

Json = dict[str, Any]


def node(name: str, kind: str = "Pod", phase: str = "Succeeded", **more: Any) -> Json:
    return {"id": name, "name": name, "type": kind, "phase": phase, "displayName": name, **more}


def run(*nodes: Json, **annotations: str) -> Any:
    """Return a run called ``old`` that has ended."""
    status = {"finishedAt": "2026-11-26T08:00:00Z", "nodes": {each["id"]: each for each in nodes}}
    metadata = {"name": "old", "annotations": annotations}
    return SimpleNamespace(name="old", workflow={"metadata": metadata, "status": status})


class NoData:
    sums: Mapping[str, str] = {}

    def claim_of(self, manifest: Any) -> str:
        return ""


IDENTITIES = Identities(NoData(), lambda image: f"sha256:{image}")


def remainder(old: Any, begin: str, only: str) -> Remainder:
    return Remainder(old, NamedTask(begin, only), IDENTITIES)


def values(**parameters: str) -> Json:
    return {"parameters": [{"name": name, "value": value} for name, value in parameters.items()]}


def dag(*tasks: Json) -> Json:
    leaf = {"name": "leaf", "container": {"image": "x", "args": ["/data/{{workflow.name}}/x"]}}
    templates = [{"name": "d", "dag": {"tasks": list(tasks)}}, leaf]
    return {
        "metadata": {"generateName": "new-"},
        "spec": {"entrypoint": "d", "templates": templates},
    }


def task(name: str, *parents: str, **more: Any) -> Json:
    found: Json = {"name": name, "template": "leaf", **more}
    return {**found, "dependencies": list(parents)} if parents else found


def argument(value: str) -> Json:
    return {"parameters": [{"name": "p", "value": value}]}


def tasks_of(manifest: Json) -> dict[str, Json]:
    entry = manifest["spec"]["templates"][0]
    return {each["name"]: each for each in entry["dag"]["tasks"]}


CHAIN = (task("a"), task("b", "a", arguments=argument("{{tasks.a.outputs.parameters.n}}")))


def test_from_a_task_on() -> None:
    old = run(node("old.a", outputs=values(n='say "x"')), node("old.b", phase="Failed"))

    made = remainder(old, "b", "").of(dag(*CHAIN, task("c", "b"), task("d")))

    tasks = tasks_of(made)
    assert tasks["a"] == {"name": "a", "template": "kept-a"}
    assert tasks["b"]["arguments"] == argument('say "x"')
    assert [name for name, each in tasks.items() if each["template"] == "leaf"] == ["b", "c", "d"]
    kept = next(each for each in made["spec"]["templates"] if each["name"] == "kept-a")
    step = {"name": "finished", "template": "kept-a", "when": "false"}
    assert kept["steps"] == [[step]]
    expression = kept["outputs"]["parameters"][0]["valueFrom"]["expression"]
    assert expression == '"say \\"x\\""'
    assert made["spec"]["templates"][-1]["container"]["args"] == ["/data/old/x"]
    assert made["metadata"]["generateName"] == "new-"
    assert made["metadata"]["annotations"]["hera-utils/goes-on"] == "old"


def test_one_task_only() -> None:
    old = run(node("old.a"), node("old.b"), node("old.d", phase="Error"))

    made = remainder(old, "", "b").of(dag(task("a"), task("b", "a"), task("c", "b"), task("d")))

    tasks = tasks_of(made)
    assert tasks["b"]["template"] == "leaf"
    assert tasks["a"] == {"name": "a", "template": "kept-a"}
    assert tasks["c"] == {
        "name": "c",
        "dependencies": ["b"],
        "template": "kept-c",
        "when": "false",
    }
    assert tasks["d"]["when"] == "false"


def test_the_values_of_a_loop() -> None:
    items = [node(f"old.a({n}:{n})", outputs=values(n=str(n))) for n in range(2)]
    group = node("old.a", "TaskGroup", children=[each["id"] for each in items])
    made = remainder(run(group, *items), "b", "").of(dag(*CHAIN))
    assert tasks_of(made)["b"]["arguments"] == argument('["0","1"]')


def test_an_artifact_of_a_finished_task() -> None:
    left = {"name": "file", "path": "/tmp/x", "s3": {"key": "old/x.tgz"}}
    old = run(node("old.a", outputs={"artifacts": [left]}))
    given = {"artifacts": [{"name": "in", "from": "{{tasks.a.outputs.artifacts.file}}"}]}
    made = remainder(old, "b", "").of(dag(task("a"), task("b", "a", arguments=given)))
    artifacts = tasks_of(made)["b"]["arguments"]["artifacts"]
    assert artifacts == [{"name": "in", "s3": {"key": "old/x.tgz"}}]


def test_steps() -> None:
    groups = [[task("a"), task("b")], [task("c", when="{{steps.a.outputs.result}} == 1")]]
    templates = [{"name": "s", "steps": groups}, {"name": "leaf", "container": {"image": "x"}}]
    manifest = {"metadata": {}, "spec": {"entrypoint": "s", "templates": templates}}
    old = run(node("old[0].a", outputs={"result": "1"}), node("old[0].b", phase="Failed"))

    made = remainder(old, "c", "").of(manifest)

    first, second = made["spec"]["templates"][0]["steps"]
    assert [step["template"] for step in first] == ["kept-a", "leaf"]
    assert second == [{"name": "c", "template": "leaf", "when": "1 == 1"}]


@pytest.mark.parametrize(
    ("manifest", "begin", "sentence"),
    [
        (dag(*CHAIN), "x", "there is no task 'x' in the workflow: it has a, b (--from)"),
        (
            {"spec": {"entrypoint": "c", "templates": [{"name": "c", "container": {}}]}},
            "x",
            "the workflow begins with 'c', which is no DAG and no steps",
        ),
        (
            dag(task("a"), task("b", "a", arguments=argument("{{tasks.a.outputs.result}}"))),
            "b",
            "{{tasks.a.outputs.result}} is not known of old",
        ),
    ],
)
def test_what_cannot_be_is_told(manifest: Json, begin: str, sentence: str) -> None:
    with pytest.raises(UserError) as told:
        remainder(run(node("old.a")), begin, "").of(manifest)
    assert sentence in str(told.value)


def test_a_run_that_goes_on_is_told() -> None:
    old = run()
    del old.workflow["status"]["finishedAt"]
    with pytest.raises(UserError, match="old has not ended: it goes on"):
        remainder(old, "a", "")


def test_what_a_new_run_would_do_otherwise_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    other = dag(task("a"))
    other["spec"]["templates"][1]["container"]["image"] = "before"
    before = identified(other, IDENTITIES.of(other))["metadata"]["annotations"]
    old = run(node("old.a"), **before)
    remainder(old, "b", "").of(dag(*CHAIN[:1], task("b", "a")))
    assert "of these a new run would do otherwise: a" in capsys.readouterr().err


def test_the_files_are_those_of_the_first_run() -> None:
    old = run(node("old.a"), node("old.b"), **{"hera-utils/goes-on": "first"})
    made = remainder(old, "b", "").of(dag(task("a"), task("b", "a")))
    assert made["spec"]["templates"][-1]["container"]["args"] == ["/data/first/x"]
    assert made["metadata"]["annotations"]["hera-utils/goes-on"] == "first"
