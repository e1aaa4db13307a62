"""Argo's objects in files of YAML and JSON: what they hold, and where they go wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hera_experiment.errors import UserError
from hera_experiment.submission.document_names import is_document
from hera_experiment.submission.documents import documents_of


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)

    def read(text: str | bytes, name: str = "w.yaml") -> Any:
        data = text.encode() if isinstance(text, str) else text
        (tmp_path / name).write_bytes(data)
        return documents_of(tmp_path / name)

    return read


def test_files_of_objects_are_known_by_their_names() -> None:
    assert all(map(is_document, ("w.yaml", "W.YML", "a/b.json")))
    assert not any(map(is_document, ("workflow.py", "yaml", "w.yaml.py")))


def test_several_objects_know_where_they_begin(read: Any) -> None:
    one, two = read("# first\nkind: WorkflowTemplate\n---\n---\n\nmetadata: {name: x}\n")
    assert (one.kind.name, one.place) == ("WorkflowTemplate", "./w.yaml, line 2")
    # An object without a kind is a Workflow, as argo submit has it.
    assert (two.kind.name, two.manifest) == ("Workflow", {"metadata": {"name": "x"}})
    assert two.place == "./w.yaml, line 6"


def test_values_are_read_as_argos_programs_read_them(read: Any) -> None:
    (found,) = read(
        "spec: {date: 2001-01-01, time: 12:30:00, on: yes, no: off, octal: 0o17, old: 017,"
        " hex: 0xff, many: 1_000, half: .5, big: 1e3, quoted: '1e3', none: ~, 1: one}\n"
    )
    assert found.manifest["spec"] == {
        "date": "2001-01-01",
        "time": "12:30:00",
        "true": True,
        "false": False,
        "octal": "0o17",
        "old": 15,
        "hex": 255,
        "many": 1000,
        "half": 0.5,
        "big": 1000.0,
        "quoted": "1e3",
        "none": None,
        "1": "one",
    }


def test_anchors_and_merges(read: Any) -> None:
    text = """
spec:
  base: &base {image: python, command: [python]}
  own: {<<: *base, command: [sh]}
  two: {<<: [{image: first}, *base]}
  again: *base
"""
    spec = read(text)[0].manifest["spec"]
    assert spec["own"] == {"image": "python", "command": ["sh"]}
    assert spec["two"] == {"image": "first", "command": ["python"]}
    assert spec["again"] == spec["base"]


def test_json_in_one_file_or_several_objects(read: Any) -> None:
    one, two = read('\ufeff{"kind": "Workflow"}\n\n{"kind": "CronWorkflow", "a": "\\/"}', "w.json")
    assert (two.kind.name, two.manifest["a"], two.place) == (
        "CronWorkflow",
        "/",
        "./w.json, line 3",
    )
    assert read('{"kind": "Workflow", "a": [1, 2.5, true, null]}')[0].manifest["a"] == [
        1,
        2.5,
        True,
        None,
    ]
    assert one.manifest == {"kind": "Workflow"}


WRONG = [
    ("w.yaml", "kind: [", "this is not YAML", "line 1, column 8"),
    ("w.yaml", "a: b: c", "mapping values are not allowed here", "line 1, column 5"),
    ("w.yaml", "a:\n\t- b", "cannot start any token", "line 2, column 1"),
    ("w.yaml", "a: \x07", "special characters are not allowed", "line 1"),
    ("w.yaml", b"a: 1\nb: \xff", "not UTF-8", "line 2"),
    (
        "w.yaml",
        "spec:\n  a: 1\n  b: 2\n  a: 3",
        "the key 'a' is given twice",
        "line 4, column 3: keep",
    ),
    ("w.yaml", "- 1", "no object with metadata and spec", "line 1"),
    ("w.yaml", "text", "no object with metadata and spec", "line 1"),
    ("w.yaml", "\n# nothing\n", "holds no workflow", "./w.yaml"),
    ("w.yaml", "a: 1\n---\nkind: ConfigMap", "'ConfigMap' of", "line 3"),
    ("w.yaml", "apiVersion: v1\nkind: Workflow", "'Workflow' of 'v1'", "line 1"),
    ("w.yaml", "a: .inf", ".inf is no number that JSON has", "line 1, column 4"),
    ("w.yaml", "a: !!python/name:os.system x", "the tag", "line 1, column 4"),
    ("w.yaml", "a: !!binary aGk=", "the tag", "line 1, column 4"),
    ("w.yaml", "{[1]: 2}", "a key is a text", "line 1, column 2"),
    ("w.yaml", "a: &a [*a]", "an alias stands for what it is a part of", "line 1, column 4"),
    ("w.yaml", "a: *b", "undefined alias", "line 1, column 4"),
    ("w.yaml", "<<: 5", "'<<' takes in objects", "line 1, column 5"),
    ("w.yaml", "a: " + "[" * 5000, "nested too deep", "./w.yaml"),
    ("w.json", '{"a": }', "this is not JSON: Expecting value", "line 1, column 7"),
    ("w.json", '{"a": 1}\n{"b"', "this is not JSON", "line 2, column 5"),
    ("w.json", '{"a": 1, "a": 2}', "the key 'a' is given twice", "line 1"),
    ("w.json", '{"a": NaN}', "NaN is not a JSON number", "line 1"),
    ("w.json", '{"a": ' + "[" * 100_000, "nested too deep", "line 1"),
    ("w.json", "kind: Workflow", "this is not JSON", "line 1, column 1"),
]


@pytest.mark.parametrize(("name", "text", "what", "where"), WRONG, ids=lambda it: repr(it)[:30])
def test_what_is_wrong_is_said_in_one_sentence(
    name: str, text: str | bytes, what: str, where: str, read: Any
) -> None:
    with pytest.raises(UserError) as refused:
        read(text, name)
    sentence = str(refused.value)
    assert what in sentence
    assert where in f"{refused.value.where}: {refused.value.next_step}"
    assert "\n" not in sentence


def test_a_few_words_cannot_stand_for_millions_of_values(read: Any) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(UserError, match="more than 1000000 values"):
        read("\n".join(lines))


def test_what_is_no_text_is_made_one_where_argo_wants_one(read: Any) -> None:
    text = """
metadata: {annotations: {n: 5, yes: no}}
spec:
  entrypoint: main
  activeDeadlineSeconds: 5
  arguments: {parameters: [{name: n, value: 5}]}
  templates:
  - name: 7
    container: {image: x, command: [true, 1, 2.5, 3.0], env: [{name: A, value: 1}]}
    withItems: [1]
"""
    found = read(text)[0].manifest
    assert found["metadata"]["annotations"] == {"n": "5", "true": "false"}
    spec = found["spec"]
    # A number stays one where Argo takes it, too.
    assert spec["activeDeadlineSeconds"] == 5
    assert spec["arguments"]["parameters"] == [{"name": "n", "value": 5}]
    (template,) = spec["templates"]
    assert template["name"] == "7"
    assert template["container"]["command"] == ["true", "1", "2.5", "3"]
    assert template["container"]["env"] == [{"name": "A", "value": "1"}]


def test_templates_and_tasks_know_their_lines(read: Any) -> None:
    text = """kind: CronWorkflow
spec:
  workflowSpec:
    templates:
    - name: main
      dag:
        tasks:
        - name: a
        - {name: b}
    - name: steps
      steps:
      - - name: s
"""
    (found,) = read(text)
    lines = {name: line for name, (_, line) in found.origins.items()}
    assert lines == {"": 1, "main": 5, "main/a": 8, "main/b": 9, "steps": 10, "steps/s": 12}
    assert not read('{"kind": "Workflow"}', "w.json")[0].origins
