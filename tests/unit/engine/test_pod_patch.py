"""What a podSpecPatch makes of a template."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hera_experiment.local.engine.pod_patch import PatchError, patch_refusals, patched

Json = dict[str, Any]
MAIN: Json = {"image": "a", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}


def patch(template: Json, *patches: Any, pod: Json | None = None) -> Json:
    texts = [each if isinstance(each, str) else json.dumps(each) for each in patches]
    return patched(template, texts, pod or {})


def main(*changes: Json, template: Json | None = None) -> Json:
    found = patch(
        template or {"name": "t", "container": MAIN},
        *({"containers": [{"name": "main", **change}]} for change in changes),
    )
    return {key: value for key, value in found["container"].items() if key != "name"}


def test_items_of_a_list_are_told_apart_by_their_key():
    assert main({"env": [{"name": "B", "value": "3"}, {"name": "C", "value": "4"}]}) == {
        "image": "a",
        "env": [
            {"name": "A", "value": "1"},
            {"name": "B", "value": "3"},
            {"name": "C", "value": "4"},
        ],
    }


def test_one_patch_comes_after_the_other():
    assert main({"image": "b", "tty": True}, {"image": "c"})["image"] == "c"


def test_null_and_directives_remove():
    assert main({"env": None}) == {"image": "a"}
    assert main({"env": [{"name": "A", "$patch": "delete"}]})["env"] == [
        {"name": "B", "value": "2"}
    ]
    replaced = main({"env": [{"name": "Z", "value": "9"}, {"$patch": "replace"}]})
    assert replaced["env"] == [{"name": "Z", "value": "9"}]
    assert main({"resources": {"limits": {"cpu": 1}}}, {"resources": {"$patch": "delete"}}) == MAIN
    limits = {"resources": {"$patch": "replace", "requests": {"cpu": 1}}}
    kept = main({"resources": {"limits": {"cpu": 1}}}, limits)
    assert kept["resources"] == {"requests": {"cpu": 1}}
    kept = main({"securityContext": {"a": 1, "b": 2}}, {"securityContext": {"$retainKeys": ["a"]}})
    assert kept["securityContext"] == {"a": 1}


def test_other_lists_are_replaced():
    template = {"name": "t", "container": {**MAIN, "args": ["a", "b"]}}
    assert main({"args": ["c"]}, template=template)["args"] == ["c"]


def test_yaml_as_well_as_json():
    found = patch(
        {"name": "t", "script": {"source": "x"}}, "containers:\n- {name: main, tty: true}"
    )
    assert found["script"] == {"source": "x", "name": "main", "tty": True}


def test_every_container_of_a_pod_has_its_name():
    template = {
        "name": "t",
        "containerSet": {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "x"}]},
        "sidecars": [{"name": "s", "image": "x"}],
        "initContainers": [{"name": "i", "image": "x"}],
    }
    changed = {
        "containers": [{"name": name, "tty": True} for name in ("b", "s", "wait")],
        "initContainers": [{"name": "i", "tty": True}, {"name": "init", "tty": True}],
    }
    found = patch(template, changed)
    assert found["containerSet"]["containers"] == [
        {"name": "a", "image": "x"},
        {"name": "b", "image": "x", "tty": True},
    ]
    assert found["sidecars"] == [{"name": "s", "image": "x", "tty": True}]
    assert found["initContainers"] == [{"name": "i", "image": "x", "tty": True}]
    # What only the patch has ends as a sidecar does.
    more = patch(template, {"containers": [{"name": "more", "image": "y"}]})
    assert more["sidecars"][-1] == {"name": "more", "image": "y"}


def test_what_the_workflow_says_of_all_pods_is_changed_too():
    pod = {"securityContext": {"runAsUser": 1, "fsGroup": 2}, "activeDeadlineSeconds": 9}
    change = {"securityContext": {"runAsUser": 3}, "terminationGracePeriodSeconds": 4}
    found = patch({"name": "t", "container": MAIN}, change, pod=pod)
    assert found["securityContext"] == {"runAsUser": 3, "fsGroup": 2}
    assert found["terminationGracePeriodSeconds"] == 4


def test_a_volume_has_one_source():
    template = {
        "name": "t",
        "container": MAIN,
        "volumes": [{"name": "v", "emptyDir": {"medium": "Memory"}}],
    }
    change = {"volumes": [{"name": "v", "configMap": {"name": "c"}}, {"name": "w", "emptyDir": {}}]}
    assert patch(template, change)["volumes"] == [
        {"name": "v", "configMap": {"name": "c"}},
        {"name": "w", "emptyDir": {}},
    ]


@pytest.mark.parametrize(
    "text",
    [
        "containers: [}",
        "- a list",
        "activeDeadlineSeconds: soon",
        '{"containers": {"name": "main"}}',
        '{"containers": [{"tty": true}]}',
    ],
)
def test_what_is_no_patch(text):
    with pytest.raises(PatchError):
        patch({"name": "t", "container": MAIN}, text)


def test_what_is_not_interpreted_is_named():
    texts = {
        "hostPID: true": ["hostPID (this machine's processes)"],
        "hostPID: false": [],
        "containers: [{name: main, lifecycle: {preStop: {}}}]": [
            "containers.main.lifecycle (lifecycle handlers of containers)"
        ],
        "containers: [{name: wait, lifecycle: {preStop: {}}}]": [],
        '{"$setElementOrder/containers": [{"name": "main"}]}': [
            "$setElementOrder/containers (a directive that the engine does not know)"
        ],
        "unheard: of": [],
        "no: [patch": [],
    }
    assert {text: list(patch_refusals(text)) for text in texts} == texts
