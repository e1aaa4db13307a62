"""The choice of rules, what is printed, and what stands in the way of a submission."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lint_case import CONTAINER, arguments, dag, inputs

from hera_experiment.argo.objects import Submitted
from hera_experiment.endpoint.messages import Refused
from hera_experiment.errors import UserError
from hera_experiment.lint.catalogue import CATALOGUE, find, selected
from hera_experiment.lint.documentation import as_markdown, explained
from hera_experiment.lint.gate import Gate
from hera_experiment.lint.judge import judge
from hera_experiment.lint.report import as_github, as_json, as_sarif, as_text, lines
from hera_experiment.lint.settings import choice_of
from hera_experiment.lint.subject import LATEST, Subject, version_of

PAGE = Path(__file__).resolve().parents[3] / "docs" / "lint.md"

BOTH = dag({"name": "a", "depends": "b"}, container={**CONTAINER, "image": "python"})


def judged(spec: dict[str, Any], line: int = 7) -> list[Any]:
    return judge(CATALOGUE, Subject({"spec": spec}), "x", lambda path: ("w,:.py", line))


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == as_markdown(), (
        "python -m hera_experiment.lint.documentation > docs/lint.md"
    )


def test_each_rule_can_be_explained() -> None:
    for rule in CATALOGUE:
        text = explained(rule)
        assert text.startswith(f"{rule.code} {rule.name} ({rule.severity})")
        assert rule.fails.splitlines()[0] in text and "Fails::" not in text


def test_rules_are_chosen_by_codes_names_and_beginnings() -> None:
    assert [rule.code for rule in selected(["HE101"], [])] == ["HE101"]
    assert {rule.code[:3] for rule in selected(["he1", "HE3"], [])} == {"HE1", "HE3"}
    assert "HE601" not in {rule.code for rule in selected([], ["moving-tag"])}
    assert selected(["HE6"], ["HE601"]) == [find("HE602", "")]
    with pytest.raises(UserError, match=r"'HE666'.*\(--select\).*did you mean"):
        selected(["HE666"], [], "--select")


def test_an_experiment_chooses_in_its_pyproject(tmp_path: Path) -> None:
    assert choice_of(tmp_path).ignore == ()
    path = tmp_path / "pyproject.toml"
    path.write_text('[tool.hera_experiment.lint]\nignore = ["HE6"]\n')
    assert choice_of(tmp_path).ignore == ["HE6"]
    for wrong in ("ignor = []", 'ignore = "HE6"', "ignore = [6]"):
        path.write_text(f"[tool.hera_experiment.lint]\n{wrong}\n")
        with pytest.raises(UserError, match=r"tool\.hera_experiment\.lint"):
            choice_of(tmp_path)


def test_text_has_a_line_each_and_a_summary() -> None:
    text = as_text(judged(BOTH), 1)
    error, warning, last = text.splitlines()
    assert error.startswith("w,:.py:7: error HE101 ")
    assert warning.startswith("w,:.py:7: warning HE601 t: the image 'python' has no tag")
    assert last == "1 object: 1 error, 1 warning; make lint EXPLAIN=HE101 explains"
    assert as_text([], 2) == "2 objects: nothing to remark"


def test_what_one_line_of_a_script_makes_alike_is_one_line() -> None:
    tasks = [{"name": f"a-{n}", "arguments": arguments(x=1)} for n in range(3)]
    found = judged(dag(*tasks))
    assert [each.call for each in found] == ["a-0", "a-1", "a-2"]
    (line,) = lines(found)
    assert "(and 2 other tasks of this line)" in line


def test_documents_for_machines() -> None:
    found = judged(BOTH)
    document = json.loads(as_json(found, "1"))
    assert document["errors"] == 1
    assert document["findings"][1] | {"message": "", "advice": "", "path": []} == {
        "code": "HE601",
        "name": "moving-tag",
        "severity": "warning",
        "message": "",
        "advice": "",
        "object": "x",
        "template": "t",
        "task": "",
        "path": [],
        "file": "w,:.py",
        "line": 7,
    }
    run = json.loads(as_sarif(found, CATALOGUE, "1"))["runs"][0]
    result = run["results"][0]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "HE101"
    place = result["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "w,:.py"}, "region": {"startLine": 7}}
    error, _ = as_github(found).splitlines()
    assert error.startswith("::error file=w%2C%3A.py,line=7,title=HE101 refused-by-argo::")
    found = judged({**BOTH, "entrypoint": "100%"})
    assert "'100%25' undefined" in as_github(found).splitlines()[0]


def test_errors_refuse_a_submission_and_warnings_are_told_once(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    spec = dag({"name": "a", "arguments": arguments(x=1)})
    good = Submitted({"metadata": {"name": "w"}, "spec": spec}, origins={"main/a": ("w.py", 3)})
    (told,) = gate(good)
    assert "w.py:3: warning HE311" in told
    assert gate(good) == []
    with pytest.raises(Refused, match="nothing was submitted: w has 1 error") as caught:
        gate(Submitted({"metadata": {"name": "w"}, "spec": BOTH}))
    assert any("HE101" in each for each in caught.value.remarks)


def test_what_an_experiment_ignores_stops_no_submission(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.hera_experiment.lint]\nselect = ["HE6"]\n')
    told = Gate(tmp_path)(Submitted({"metadata": {"name": "w"}, "spec": BOTH}))
    assert len(told) == 1 and "HE601" in told[0]


def test_the_server_itself_says_what_it_does_not_interpret(tmp_path: Path) -> None:
    spec = {"entrypoint": "m", "templates": [{"name": "m", "suspend": {}, "inputs": inputs()}]}
    told = Gate(tmp_path)(Submitted({"metadata": {"name": "w"}, "spec": spec}))
    assert not any("HE103" in each for each in told)


def test_versions_are_read_as_servers_write_them() -> None:
    assert version_of("v3.7.18+abc") == (3, 7)
    assert version_of("4.1") == (4, 1)
    assert version_of("untagged") is LATEST is version_of("")
