"""What the rules tell apart beyond their examples."""

from __future__ import annotations

from typing import Any

import pytest
from lint_case import CONTAINER, arguments, dag, found, inputs, messages

from hera_experiment.lint.catalogue import CATALOGUE
from hera_experiment.lint.judge import judge
from hera_experiment.lint.subject import Subject

TASK = {"name": "a"}


def codes(spec: dict[str, Any]) -> set[str]:
    return {each.rule.code for each in found(spec)}


@pytest.mark.parametrize(
    ("image", "code"),
    [
        ("python", "HE601"),
        ("registry.org:5000/python", "HE601"),
        ("registry.org/a/python:latest", "HE601"),
        ("Registry.org/python:3", None),
        ("python@sha256:" + "0" * 64, None),
        ("localhost/lyon-chart:latest", None),
        ("{{inputs.parameters.image}}", None),
        ("my python:3", "HE602"),
        ("python:", "HE602"),
    ],
)
def test_images(image: str, code: str | None) -> None:
    spec = dag(TASK, container={**CONTAINER, "image": image})
    told = {each.rule.code for each in found(spec, "HE601", "HE602")}
    assert told == ({code} if code else set())


@pytest.mark.parametrize(
    ("name", "value", "is_told"),
    [
        ("DB_PASSWORD", "swordfish", True),
        ("apiKey", "swordfish", True),
        ("access-token", "swordfish", True),
        ("PASSWORD", "{{workflow.parameters.p}}", False),
        ("PASSWORD", "", False),
        ("TOKENS", "500", False),
        ("MONKEY", "swordfish", False),
        ("USER", "ghp_" + "a" * 36, True),
    ],
)
def test_secrets_are_known_by_name_or_shape_and_never_printed(
    name: str, value: str, is_told: bool
) -> None:
    spec = dag(TASK, container={**CONTAINER, "env": [{"name": name, "value": value}]})
    told = messages(spec, "HE701")
    assert len(told) == is_told
    assert not any(value in each for each in told if value)


def test_secrets_in_parameters_and_words_are_found_too() -> None:
    spec = dag({**TASK, "arguments": arguments(password="swordfish")}, inputs=inputs("password"))
    spec["templates"][1]["container"] = {**CONTAINER, "args": ["--db-password=swordfish"]}
    assert len(messages(spec, "HE701")) == 2


SCRIPT = {"image": "python:3.12", "command": ["python"]}


@pytest.mark.parametrize(
    ("source", "value", "is_told"),
    [
        ("print('{{inputs.parameters.x}}')", "it's", True),
        ("print('''{{inputs.parameters.x}}''')", "it's", False),
        ("print('''{{inputs.parameters.x}}''')", "it's'", True),
        ("print(r'{{inputs.parameters.x}}')", "C:\\", True),
        ("print('{{inputs.parameters.x}}')", "two\nlines", True),
        ("print('{{inputs.parameters.x}}')", "plain", False),
        ("not python at all {{inputs.parameters.x}}", "it's", False),
        ("print('{{=toBase64(inputs.parameters.x)}}')", "it's", False),
    ],
)
def test_values_that_break_a_script(source: str, value: str, is_told: bool) -> None:
    task = {**TASK, "arguments": arguments(x=value)}
    spec = dag(task, inputs=inputs("x"), script={**SCRIPT, "source": source})
    assert len(messages(spec, "HE312")) == is_told
    items = {
        **TASK,
        "arguments": arguments(x="{{item.v}}"),
        "withItems": [{"v": "a"}, {"v": value}],
    }
    spec = dag(items, inputs=inputs("x"), script={**SCRIPT, "source": source})
    assert len(messages(spec, "HE312")) == is_told


def claim(mode: str) -> dict[str, Any]:
    spec = {"accessModes": [mode], "resources": {"requests": {"storage": "1Gi"}}}
    return {"volumeClaimTemplates": [{"metadata": {"name": "work"}, "spec": spec}]}


MOUNTED = {**CONTAINER, "volumeMounts": [{"name": "work", "mountPath": "/work"}]}


@pytest.mark.parametrize(
    ("task", "mode", "is_told"),
    [
        ({"withItems": [1, 2]}, "ReadWriteOnce", True),
        ({"withItems": [1]}, "ReadWriteOnce", False),
        ({"withParam": "{{workflow.parameters.many}}"}, "ReadWriteOncePod", True),
        ({"withItems": [1, 2]}, "ReadWriteMany", False),
        ({}, "ReadWriteOnce", False),
    ],
)
def test_a_claim_of_one_node_and_a_fan_out(task: dict[str, Any], mode: str, is_told: bool) -> None:
    spec = {**dag({**TASK, **task}, container=MOUNTED), **claim(mode)}
    assert len(messages(spec, "HE501")) == is_told
    assert messages({**spec, "parallelism": 1}, "HE501") == []


def test_an_access_mode_that_there_is_not() -> None:
    spec = {**dag({"name": "a"}, container=MOUNTED), **claim("Sometimes")}
    (message,) = messages(spec, "HE503")
    assert message.startswith("the claim 'work' has the access mode 'Sometimes', which there")


def test_a_claim_is_followed_through_nested_templates() -> None:
    spec = {**dag({"name": "a"}, container=MOUNTED), **claim("ReadWriteOnce")}
    spec["templates"][0]["name"] = "inner"
    outer = {"name": "main", "steps": [[{"name": "all", "template": "inner", "withItems": [1, 2]}]]}
    spec["templates"].insert(0, outer)
    assert "the tasks of 'all' mount it at once" in messages(spec, "HE501")[0]


def test_a_misspelt_volume_names_the_one_that_was_meant() -> None:
    spec = {**dag(TASK, container=MOUNTED), "volumes": [{"name": "works", "emptyDir": {}}]}
    assert "did you mean 'works'?" in messages(spec, "HE502")[0]
    assert messages({**spec, "podSpecPatch": "volumes: [{name: work}]"}, "HE502") == []


def test_requests_of_devices_need_a_limit() -> None:
    resources = {"requests": {"nvidia.com/gpu": 1}}
    spec = dag(TASK, container={**CONTAINER, "resources": resources})
    assert "nvidia.com/gpu is requested without a limit" in messages(spec, "HE802")[0]
    assert codes(spec) == {"HE802"}


def test_mutual_recursion_is_endless_unless_something_ends_it() -> None:
    def calling(name: str, other: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "steps": [[{"name": "next", "template": other, **more}]]}

    spec = {"entrypoint": "a", "templates": [calling("a", "b"), calling("b", "a")]}
    assert len(messages(spec, "HE406")) == 1
    spec["templates"][1] = calling("b", "a", when="{{workflow.name}} == x")
    assert messages(spec, "HE406") == []


def test_fields_are_judged_for_the_version_of_the_server() -> None:
    template = {"name": "main", "pendingTimeout": "10m", "container": CONTAINER}
    spec = {"entrypoint": "main", "templates": [template]}
    rules = [rule for rule in CATALOGUE if rule.code in ("HE901", "HE902")]

    def told(version: tuple[int, int], spec: dict[str, Any]) -> list[str]:
        subject = Subject({"spec": spec}, version=version, written=True)
        return [each.rule.code for each in judge(rules, subject, "x")]

    assert told((4, 0), spec) == ["HE901"]
    assert told((4, 1), spec) == []
    mutex = {**spec, "synchronization": {"mutex": {"name": "m"}}}
    assert told((4, 1), mutex) == ["HE902"]
    assert told((3, 7), mutex) == ["HE901"]
    memoize = {"key": "k", "cache": {"configMap": {"name": "c", "key": "k"}}}
    kept = {"entrypoint": "main", "templates": [{**template, "memoize": memoize}]}
    assert told((4, 1), kept) == ["HE902"]


def test_anything_of_a_wrong_kind_is_survived() -> None:
    wrong: list[Any] = [None, 3, "x", [], [3], {}, {"templates": 3}, {"templates": [3, {"dag": 1}]}]
    wrong += [{"templates": [{"name": "a", "dag": {"tasks": [{"withItems": 3, "arguments": 4}]}}]}]
    wrong += [{"templates": [{"name": 5, "steps": [3, [4]], "container": [1]}], "volumes": "a"}]
    for spec in wrong:
        for subject in (Subject({"spec": spec}, written=True), Subject({"metadata": spec})):
            assert all(each.rule.code for each in judge(CATALOGUE, subject, "x"))
