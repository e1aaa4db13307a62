"""``make dag``: what it prints, what it writes where, and the chart in the example's README."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from graph_shapes import dag, task, workflow

from hera_experiment.cli import main
from hera_experiment.verbs.dag import BEGIN, END
from hera_utils import cli_context

TEMPLATE = Path(__file__).resolve().parents[3] / "{{cookiecutter.project_slug}}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with a workflow of two tasks."""
    monkeypatch.chdir(tmp_path)
    written = workflow(dag(task("a", withItems=[1, 2]), task("end", "a", when="1 == 1")))
    (tmp_path / "w.yaml").write_text(yaml.safe_dump(written))
    return tmp_path


def test_alone_it_prints_a_text_and_draws_a_picture(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dag", "--script", "w.yaml"], cli_context) == 0
    text = capsys.readouterr().out
    assert "├ a ×2" in text and "when 1 == 1" in text
    assert "results/dag.svg" in text
    assert "<svg" in (folder / "results" / "dag.svg").read_text()


def test_each_form_to_the_terminal_and_to_a_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begins = {"text": "Workflow ", "svg": "<svg", "mermaid": "flowchart ", "json": "["}
    for form, ending in (("text", "txt"), ("svg", "svg"), ("mermaid", "mmd"), ("json", "json")):
        assert main(["dag", "--format", form, "w.yaml"], cli_context) == 0
        printed = capsys.readouterr().out
        assert printed.startswith(begins[form])
        assert main(["dag", "--out", f"new/dag.{ending}", "w.yaml"], cli_context) == 0
        assert (folder / "new" / f"dag.{ending}").read_text() == printed
        capsys.readouterr()
    (graph,) = json.loads((folder / "new" / "dag.json").read_text())
    assert [node["id"] for node in graph["nodes"]] == ["a", "end"]
    assert graph["edges"] == [{"start": "a", "end": "end", "label": "", "kind": ""}]
    assert not (folder / "results").exists()


def test_more_workflows_have_a_picture_each_and_used_templates_none(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = {"kind": "WorkflowTemplate", "metadata": {"name": "lib"}, "spec": {"templates": []}}
    kept["spec"] = {"templates": [dag(task("inner"), name="t"), {"name": "work"}]}
    caller = {"name": "call", "templateRef": {"name": "lib", "template": "t"}}
    (folder / "w.yaml").write_text(yaml.safe_dump_all([kept, workflow(dag(caller)), workflow()]))
    assert main(["dag", "--out", "d.svg", "w.yaml"], cli_context) == 0
    assert sorted(path.name for path in folder.glob("d*.svg")) == ["d-2.svg", "d.svg"]
    assert 'data-node="call/inner"' in (folder / "d.svg").read_text()
    assert main(["dag", "--format", "svg", "w.yaml"], cli_context) == 1
    assert "OUT=" in capsys.readouterr().err


def test_parameters_on_request(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"parameters": [{"name": "x", "value": "7"}]}
    (folder / "w.yaml").write_text(yaml.safe_dump(workflow(dag(task("a", arguments=given)))))
    main(["dag", "--format", "text", "w.yaml"], cli_context)
    assert "x = 7" not in capsys.readouterr().out
    main(["dag", "--format", "text", "--parameters", "--script", "w.yaml"], cli_context)
    assert "x = 7" in capsys.readouterr().out


def test_a_chart_within_markdown_takes_the_place_of_the_last_one(folder: Path) -> None:
    page = folder / "README.md"
    page.write_text(f"# é\n\n{BEGIN}\nold\n{END}\n\nafter\n")
    for _ in range(2):
        assert main(["dag", "--out", "README.md", "w.yaml"], cli_context) == 0
        text = page.read_text()
        assert text.startswith(f"# é\n\n{BEGIN}\n```mermaid\nflowchart TD\n")
        assert text.endswith(f"```\n{END}\n\nafter\n") and "old" not in text
        assert text.count("flowchart") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "dag.png", "w.yaml"], "FORMAT="),
        (["--out", "PAGE.md", "w.yaml"], BEGIN),
        (["--out", "gone.md", "w.yaml"], "gone.md"),
        (["--out", "w.yaml/dag.svg", "w.yaml"], "cannot be written"),
        (["gone.yaml"], "gone.yaml"),
        (["--script", "gone.py"], "make dag SCRIPT=FILE"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    (folder / "PAGE.md").write_text("# a page\n")
    assert main(["dag", *words], cli_context) == 1
    told = capsys.readouterr().err
    assert said in told and "Traceback" not in told and told.count("\n") == 1


def test_the_chart_in_the_examples_readme_is_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unneeded = shutil.ignore_patterns("vendor", ".venv", ".hera", "results", "__pycache__", "tests")
    project = tmp_path / "project"
    shutil.copytree(TEMPLATE, project, ignore=unneeded)
    settings = project / "experiment.toml"
    settings.write_text(re.sub(r"\{\{.*?\}\}", "example", settings.read_text(encoding="utf-8")))
    monkeypatch.chdir(project)
    assert main(["dag", "--out", "README.md"], cli_context) == 0
    made, kept = (
        path.read_text(encoding="utf-8") for path in (project / "README.md", TEMPLATE / "README.md")
    )
    assert "flowchart" in made
    assert made == kept, "make dag FORMAT=mermaid, in a generated project"
