"""What is kept of a run: each task that is proven to do the same, and nothing that is not."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from hera_experiment.submit.choices import Unchanged
from hera_experiment.submit.identity import Identities, identified
from hera_experiment.submit.remainder import Remainder

Json = dict[str, Any]

ITEMS = ("a", "b", "c")
DATA = {"a.csv": "1", "b.csv": "1", "c.csv": "1"}
GOES_ON = "hera-utils/goes-on"


class Data:
    """Files of ``data/`` on the claim ``results``."""

    def __init__(self, sums: Mapping[str, str]) -> None:
        self.sums = sums

    def claim_of(self, manifest: Any) -> str:
        return "results"


def pod(name: str, path: str, **more: Any) -> Json:
    mount = {"name": "v", "mountPath": "/mnt", "subPath": path}
    container = {"image": f"{name}:1", "args": ["/mnt"], "volumeMounts": [mount]}
    return {"name": name, "container": container, **more}


def workflow(*, items: tuple[str, ...] = ITEMS) -> Json:
    """Return one that collects each item of its own file, checks them all, and draws them."""
    given = {"parameters": [{"name": "item", "value": "{{item}}"}]}
    collect = {"name": "collect", "template": "collect", "arguments": given, "withItems": [*items]}
    tasks = [
        collect,
        {"name": "check", "template": "check", "dependencies": ["collect"]},
        {"name": "chart", "template": "chart", "dependencies": ["check"]},
    ]
    inputs = {"parameters": [{"name": "item"}]}
    templates = [
        {"name": "d", "dag": {"tasks": tasks}},
        pod("collect", "data/{{inputs.parameters.item}}.csv", inputs=inputs),
        pod("check", "{{workflow.name}}"),
        pod("chart", "{{workflow.name}}"),
    ]
    claim = {"name": "v", "persistentVolumeClaim": {"claimName": "results"}}
    spec = {"entrypoint": "d", "templates": templates, "volumes": [claim]}
    return {"metadata": {"generateName": "census-"}, "spec": spec}


def template(manifest: Json, name: str) -> Json:
    found: Json = next(each for each in manifest["spec"]["templates"] if each["name"] == name)
    return found


def digest_of(image: str) -> str:
    return "" if image.startswith("unknown") else f"sha256:{image}"


def submitted(manifest: Json, data: Mapping[str, str] | None = None) -> Json:
    return identified(manifest, Identities(Data(data or DATA), digest_of).of(manifest))


def ended(manifest: Json, name: str = "census-vvvvv", **phases: str) -> Any:
    """Return the run of a workflow that was submitted; ``phases`` are of what went not well."""
    nodes: Json = {}
    for task in template(manifest, "d")["dag"]["tasks"]:
        full, children = f"{name}.{task['name']}", []
        items = task.get("withItems") or json.loads(task.get("withParam", "[]"))
        for index, item in enumerate(items):
            children.append(f"{full}({index}:{item})")
            phase = phases.get(item, "Succeeded")
            nodes[children[-1]] = {"name": children[-1], "type": "Pod", "phase": phase}
        kind = "TaskGroup" if children else "Pod"
        if task["template"].startswith("kept-"):
            kind = "Steps"
        phase = phases.get(task["name"], "Succeeded")
        nodes[full] = {"name": full, "type": kind, "phase": phase, "children": children}
    for key, node in nodes.items():
        node["id"] = key
    status = {"finishedAt": "2026-11-26T08:00:00Z", "nodes": nodes}
    metadata = {**manifest["metadata"], "name": name}
    return SimpleNamespace(name=name, workflow={"metadata": metadata, "status": status})


def goes_on(run: Any, manifest: Json, data: Mapping[str, str] | None = None) -> Json:
    return Remainder(run, Unchanged(), Identities(Data(data or DATA), digest_of)).of(manifest)


def runs(manifest: Json) -> dict[str, Any]:
    """Return what runs: the tasks, with the items of a loop."""
    return {
        task["name"]: json.loads(task.get("withParam", "[]")) or task.get("withItems")
        for task in template(manifest, "d")["dag"]["tasks"]
        if not task["template"].startswith("kept-")
    }


ALL = {"collect": [*ITEMS], "check": None, "chart": None}
Said = pytest.CaptureFixture[str]


def test_all_is_kept_when_nothing_has_changed(capsys: Said) -> None:
    made = goes_on(ended(submitted(workflow())), workflow())
    assert runs(made) == {}
    assert made["metadata"]["annotations"][GOES_ON] == "census-vvvvv"
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "hera_utils: 5 of 5 tasks are the same as in census-vvvvv and are kept",
        "hera_utils: it works in the files of census-vvvvv",
    ]


def test_of_one_file_only_what_follows_runs(capsys: Said) -> None:
    made = goes_on(ended(submitted(workflow())), workflow(), {**DATA, "b.csv": "2"})
    assert runs(made) == {"collect": ["b"], "check": None, "chart": None}
    said = capsys.readouterr().err
    assert "2 of 5 tasks are the same" in said
    assert "collect(b) runs: files of data/ that it sees have changed" in said


def test_of_one_image_only_what_follows_runs(capsys: Said) -> None:
    manifest = workflow()
    template(manifest, "chart")["container"]["image"] = "chart:2"
    assert runs(goes_on(ended(submitted(workflow())), manifest)) == {"chart": None}
    said = capsys.readouterr().err
    assert "4 of 5 tasks are the same" in said
    assert "chart runs: its image has changed" in said


def test_a_run_that_goes_on_knows_what_it_had_kept() -> None:
    changed = {**DATA, "b.csv": "2"}
    second = goes_on(ended(submitted(workflow())), workflow(), changed)
    third = goes_on(ended(second, "census-wwwww"), workflow(), changed)
    assert runs(third) == {}
    assert third["metadata"]["annotations"][GOES_ON] == "census-vvvvv"
    fourth = goes_on(ended(third, "census-xxxxx"), workflow(), {**changed, "c.csv": "2"})
    assert runs(fourth) == {"collect": ["c"], "check": None, "chart": None}


def test_what_failed_runs_again_and_may_get_more_memory(capsys: Said) -> None:
    run = ended(submitted(workflow()), c="Failed", collect="Failed", check="Omitted")
    manifest = workflow()
    template(manifest, "collect")["container"]["resources"] = {"limits": {"memory": "8Gi"}}
    assert runs(goes_on(run, manifest))["collect"] == ["c"]
    assert "collect(c) runs: in census-vvvvv it did not succeed" in capsys.readouterr().err


def test_a_task_that_is_skipped_again_is_the_same() -> None:
    manifest = workflow()
    template(manifest, "d")["dag"]["tasks"][1]["when"] = "1 == 2"
    made = goes_on(ended(submitted(copy.deepcopy(manifest)), check="Skipped"), manifest)
    assert runs(made) == {"check": None}


def test_whose_values_are_read_runs_whole() -> None:
    def read(manifest: Json) -> Json:
        value = {"name": "all", "value": "{{tasks.collect.outputs.parameters.n}}"}
        template(manifest, "d")["dag"]["tasks"][1]["arguments"] = {"parameters": [value]}
        manifest["spec"]["templates"].append(pod("first", "{{workflow.name}}"))
        first = {"name": "first", "template": "first"}
        template(manifest, "d")["dag"]["tasks"].append(first)
        return manifest

    run = ended(submitted(read(workflow())))
    assert runs(goes_on(run, read(workflow()), {**DATA, "b.csv": "2"})) == ALL


def with_parameter(value: str) -> Json:
    manifest = workflow()
    manifest["spec"]["arguments"] = {"parameters": [{"name": "colour", "value": value}]}
    template(manifest, "chart")["container"]["args"] = ["{{workflow.parameters.colour}}"]
    return manifest


def test_a_parameter_concerns_whoever_is_given_it() -> None:
    made = goes_on(ended(submitted(with_parameter("red"))), with_parameter("blue"))
    assert runs(made) == {"chart": None}


def _whole_claim(manifest: Json) -> None:
    del template(manifest, "collect")["container"]["volumeMounts"][0]["subPath"]


def _as_it_is(manifest: Json) -> None:
    pass


def _moment(manifest: Json) -> None:
    args = template(manifest, "collect")["container"]["args"]
    args.append("{{workflow.creationTimestamp}}")


def _tag(manifest: Json) -> None:
    template(manifest, "collect")["container"]["image"] = "unknown:1"


def _http(manifest: Json) -> None:
    found = template(manifest, "collect")
    del found["container"]
    found["http"] = {"url": "http://x"}


def _claim_of_its_own(manifest: Json) -> None:
    manifest["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "v"}}]


def _http_artifact(manifest: Json) -> None:
    artifact = {"name": "table", "path": "/t", "http": {"url": "http://x"}}
    template(manifest, "collect")["inputs"]["artifacts"] = [artifact]


def _patch(manifest: Json) -> None:
    patch = '{"containers": [{"name": "main", "image": "other:latest"}]}'
    template(manifest, "collect")["podSpecPatch"] = patch


def _default_image(manifest: Json) -> None:
    manifest["spec"]["templateDefaults"] = {"initContainers": [{"image": "unknown:2"}]}


CASES = {
    "files of data/ that it sees have changed": (_whole_claim, {**DATA, "d.csv": "1"}, ITEMS),
    "there is no collect(c) any more, and its files would stay": (_as_it_is, DATA, ITEMS[:2]),
    "it is given creationTimestamp, which is another in each run": (_moment, DATA, ITEMS),
    "no registry tells the digest of its image unknown:1": (_tag, DATA, ITEMS),
    "it asks a server": (_http, DATA, ITEMS),
    "its artifact table comes by http": (_http_artifact, DATA, ITEMS),
    "its podSpecPatch names an image or a volume": (_patch, DATA, ITEMS),
    "no registry tells the digest of its image unknown:2": (_default_image, DATA, ITEMS),
    "its files lie on a claim that goes with the run": (_claim_of_its_own, DATA, ITEMS),
}


@pytest.mark.parametrize("why", CASES)
def test_nothing_is_kept_where_nothing_is_proven(why: str, capsys: Said) -> None:
    change, data, items = CASES[why]
    before, now = workflow(), workflow(items=items)
    change(before)
    change(now)
    made = goes_on(ended(submitted(before)), now, data)
    assert runs(made) == {**ALL, "collect": [*items]}
    assert GOES_ON not in made["metadata"]["annotations"]
    said = capsys.readouterr().err
    assert re.match("hera_utils: nothing of census-vvvvv is kept: ", said)
    assert why in said


@pytest.mark.parametrize(
    ("name", "why"),
    [("census-vvvvv", "it does not say what its tasks were made of"), ("o-vvvvv", "another")],
)
def test_a_run_that_is_no_such_one(name: str, why: str, capsys: Said) -> None:
    assert runs(goes_on(ended(workflow(), name), workflow())) == ALL
    assert why in capsys.readouterr().err
