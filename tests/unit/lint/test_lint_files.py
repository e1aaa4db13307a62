"""Workflows in files: which line a path has, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from hera_experiment.lint.sources import of_files
from hera_experiment.submission.documents import documents_of

TEXT = """\
# two documents
apiVersion: v1
kind: ConfigMap
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
    (document,) = documents_of(written(tmp_path, TEXT), whole=False)
    tasks = ("spec", "templates", 0, "dag", "tasks")

    def line(*path: str | int) -> int:
        return document.locate(path)[1]

    assert (line(), line("spec", "entrypoint"), line(*tasks, 0)) == (5, 10, 15)
    # The line of the object that holds it, be it there or not.
    assert line(*tasks, 1, "template") == 17
    assert (line(*tasks, 0, "arguments", "parameters"), line(*tasks, 7)) == (15, 14)
    places = {name: place[1] for name, place in document.origins.items()}
    assert places == {"": 5, "main": 12, "main/one": 15, "main/two": 17}


def test_json_has_no_lines_but_its_file(tmp_path: Path) -> None:
    path = written(tmp_path, '{"kind": "Workflow", "spec": {}}', "w.json")
    (source,), _ = of_files([path], (4, 0))
    assert source.locate(("spec",)) == (str(path), 0)


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("a: [", "w.yaml", "this is not YAML"),
        ("{", "w.json", "this is not JSON"),
        ("kind: Workfow", "w.yaml", "'Workfow' of"),
        ("- 1", "w.yaml", "there is no object of Argo's"),
        ("kind: ConfigMap\napiVersion: v1", "w.yaml", "there is no object of Argo's"),
        ("", "w.yaml", "there is no object of Argo's"),
    ],
)
def test_what_is_no_workflow_is_one_sentence(
    tmp_path: Path, text: str, name: str, said: str
) -> None:
    sources, problems = of_files([written(tmp_path, text, name)], (4, 0))
    assert sources == [] and len(problems) == 1
    assert said in str(problems[0]) and "\n" not in str(problems[0])


def test_a_file_that_is_not_there_keeps_no_other_from_its_judgement(tmp_path: Path) -> None:
    sources, problems = of_files([tmp_path / "none.yaml", written(tmp_path, TEXT)], (4, 0))
    assert len(sources) == 1
    assert "No such file" in str(problems[0])


def test_a_folder_is_read_whole_and_knows_its_templates(tmp_path: Path) -> None:
    written(tmp_path, TEXT)
    (tmp_path / "below").mkdir()
    written(tmp_path / "below", "kind: WorkflowTemplate\nmetadata: {name: census}\nspec: {}\n")
    written(tmp_path, "just: data\n", "values.yml")
    written(tmp_path, "a: [\n", "a.yml")
    sources, problems = of_files([tmp_path], (4, 0))
    # What cannot be read keeps no other from its judgement.
    assert len(problems) == 1
    assert sorted(each.name for each in sources) == ["a-…", "census"]
    assert sources[0].subject.kept("WorkflowTemplate", "census") is not None
    assert sources[0].subject.kept("WorkflowTemplate", "other") is None
