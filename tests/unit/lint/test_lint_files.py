"""Workflows in files: how scalars are read, and which line a path has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hera_experiment.errors import UserError
from hera_experiment.lint.files import documents
from hera_experiment.lint.sources import of_files

TEXT = """\
# two documents
kind: ConfigMap
metadata: {name: c}
---
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata:
  generateName: a-
spec:
  entrypoint: main
  templates:
  - name: main
    dag:
      tasks:
      - name: one
        template: t
      - {name: two,
         template: t}
"""


def written(tmp_path: Path, text: str, name: str = "w.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_each_path_has_its_line(tmp_path: Path) -> None:
    first, second = documents(written(tmp_path, TEXT))
    assert (first.manifest["kind"], second.manifest["kind"]) == ("ConfigMap", "Workflow")
    tasks = ("spec", "templates", 0, "dag", "tasks")
    assert second.locate(())[1] == 5
    assert second.locate(("spec", "entrypoint"))[1] == 10
    assert second.locate((*tasks, 0))[1] == 15
    assert second.locate((*tasks, 1, "template"))[1] == 18
    # What is not there has the line of what would hold it.
    assert second.locate((*tasks, 0, "arguments", "parameters"))[1] == 15
    assert second.locate((*tasks, 7))[1] == 14


def test_scalars_are_read_as_argo_reads_them(tmp_path: Path) -> None:
    text = "[2026-11-26, 1:30, y, off, 0o17, 1e3, 1_000, ~, .5, 010, '1', n]"
    (document,) = documents(written(tmp_path, text))
    assert document.manifest[:5] == ["2026-11-26", "1:30", True, False, "0o17"]
    assert document.manifest[5:] == [1000.0, 1000, None, 0.5, 8, "1", False]


def test_json_has_lines_too_and_may_have_tabs(tmp_path: Path) -> None:
    path = written(tmp_path, '{\n\t"kind":\n\t"Workflow",\n\t"spec": {}\n}', "w.json")
    (document,) = documents(path)
    assert document.manifest == json.loads(path.read_text())
    assert document.locate(("spec",))[1] == 4


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("a: [", "w.yaml", "is no YAML"),
        ("a: !!python/object:os.system {}", "w.yaml", "is no YAML"),
        ("{", "w.json", "is no JSON"),
        ("- 1", "w.yaml", "it is no object but list"),
        ("kind: Workfow", "w.yaml", "did you mean Workflow?"),
        ("spec: {}", "w.yaml", "begin with kind: Workflow"),
        ("kind: ConfigMap", "w.yaml", "there is no object of Argo's"),
        ("", "w.yaml", "there is no object of Argo's"),
    ],
)
def test_what_is_no_workflow_is_one_sentence(
    tmp_path: Path, text: str, name: str, said: str
) -> None:
    sources, problems = of_files([written(tmp_path, text, name)], (4, 0))
    assert sources == [] and len(problems) == 1
    assert said in str(problems[0]) and "\n" not in str(problems[0])


def test_bytes_that_are_no_text_and_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_bytes(b"\xff\xfe\x00")
    _, problems = of_files([tmp_path / "w.yaml", tmp_path / "none.yaml"], (4, 0))
    assert "no text in UTF-8" in str(problems[0])
    assert "No such file" in str(problems[1])


def test_a_folder_is_read_whole_and_knows_its_templates(tmp_path: Path) -> None:
    written(tmp_path, TEXT)
    (tmp_path / "below").mkdir()
    written(tmp_path / "below", "kind: WorkflowTemplate\nmetadata: {name: census}\nspec: {}\n")
    written(tmp_path, "just: data\n", "values.yml")
    sources, problems = of_files([tmp_path], (4, 0))
    assert not problems
    assert sorted(each.name for each in sources) == ["a-…", "census"]
    assert sources[0].subject.kept("WorkflowTemplate", "census") is not None
    assert sources[0].subject.kept("WorkflowTemplate", "other") is None
    with pytest.raises(UserError, match="cannot be read"):
        list(documents(tmp_path))
