from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from follow_workflows import NOW, Collected, node, workflow

from hera_experiment.argo.workflows import claims_of
from hera_experiment.experiment import Experiment
from hera_experiment.follow.summary import (
    Conclusion,
    notify,
    verdict,
    where_results_are,
    where_to_fetch,
)
from hera_experiment.results.folder_transport import FolderTransport
from hera_experiment.results.outcome import Results


def test_the_verdict_is_a_sentence() -> None:
    assert verdict(workflow(phase="Succeeded", end=65), NOW).text == (
        "workflow wf: Succeeded after 1m05s"
    )
    broken = workflow(node("a", "Failed"), node("b"), phase="Failed", end=2)
    assert verdict(broken, NOW).text == "workflow wf: Failed after 2s, 1 of 2 tasks failed"
    refused = workflow(phase="Error", end=0, message="no such template")
    assert verdict(refused, NOW).text == "workflow wf: Error after <1s: no such template"
    broken["spec"]["shutdown"] = "Terminate"
    broken["status"]["message"] = "Stopped with strategy 'Terminate'"
    assert verdict(broken, NOW).text == (
        "workflow wf: Failed after 2s: Stopped with strategy 'Terminate'"
    )


def test_claims_are_named_once() -> None:
    assert claims_of(workflow(claims=("b", "a", "b"))) == ["b", "a"]
    assert claims_of({"metadata": {"name": "x"}}) == []


def test_results_of_one_claim_are_copied_as_they_lie(tmp_path: Path) -> None:
    source = tmp_path / "claims" / "data" / "wf"
    (source / "figures").mkdir(parents=True)
    (source / "figures" / "chart.png").write_bytes(b"png")
    (source / "table.csv").write_text("1\n")
    (source / "link").symlink_to("/etc/hostname")
    os.mkfifo(source / "pipe")
    other = tmp_path / "claims" / "data" / "other"
    other.mkdir()
    (other / "secret").write_text("of another run")
    for _ in range(2):  # a second copy, after a retry, replaces the first
        transport = FolderTransport(workflow(claims=("data",)), tmp_path / "claims")
        results = transport.download(tmp_path / "out")
    out = tmp_path / "out"
    assert results == Results(out, (out / "figures/chart.png", out / "link", out / "table.csv"))
    assert (out / "figures" / "chart.png").read_bytes() == b"png"
    assert (out / "link").is_symlink()
    assert sorted(path.name for path in out.iterdir()) == ["figures", "link", "table.csv"]
    assert [line.text for line in where_results_are(results, tmp_path)] == [
        "results: out/ (3 files)",
        "chart:   out/figures/chart.png",
    ]


def test_several_claims_do_not_mix(tmp_path: Path) -> None:
    for claim in ("a", "b"):
        (tmp_path / claim / "wf").mkdir(parents=True)
        (tmp_path / claim / "wf" / "same").write_text(claim)
    FolderTransport(workflow(claims=("a", "b")), tmp_path).download(tmp_path / "out")
    assert (tmp_path / "out" / "a" / "same").read_text() == "a"
    assert (tmp_path / "out" / "b" / "same").read_text() == "b"


def test_the_last_line_says_where_the_chart_is(tmp_path: Path) -> None:
    files = (tmp_path / "a.csv", tmp_path / "chart.png")
    results = Results(tmp_path, files, remarks=("one file is missing",), new=1)
    assert [line.text for line in where_results_are(results, tmp_path, says_new=True)] == [
        "one file is missing",
        "results: ./ (2 files)",
        "new:     1",
        "chart:   chart.png",
    ]


def test_nothing_written_is_said(tmp_path: Path) -> None:
    results = FolderTransport(workflow(claims=("data",)), tmp_path).download(tmp_path / "out")
    assert results.remarks == ("no results: nothing was written below wf/ of the claim 'data'",)
    assert not (tmp_path / "out").exists()
    assert FolderTransport(workflow(), tmp_path).download(tmp_path / "out").remarks == ()


def test_a_file_in_the_way_is_a_remark(tmp_path: Path) -> None:
    (tmp_path / "data" / "wf").mkdir(parents=True)
    (tmp_path / "out").write_text("a file")
    results = FolderTransport(workflow(claims=("data",)), tmp_path).download(tmp_path / "out")
    assert len(results.remarks) == 1
    assert "cannot copy" in results.remarks[0] and "File exists" in results.remarks[0]


class Logs:
    def workflow_logs(self, *args: object, **options: object) -> list[str]:
        return ["boom"]


@dataclass
class Shown:
    """A display that keeps its lines."""

    output: Collected = field(default_factory=Collected)
    width: int = 80
    quiet: bool = False
    notify: str = ""


def concluded(folder: Path, found: dict[str, Any], **options: Any) -> list[str]:
    display = Shown(**options)
    experiment = Experiment(folder, "Try", "try")
    conclude = Conclusion(display, experiment, folder, lambda: NOW)  # type: ignore[arg-type]
    conclude([found], Logs())  # type: ignore[arg-type]
    return display.output.lines


def test_the_conclusion_ends_with_what_a_person_looks_for(tmp_path: Path) -> None:
    claim = tmp_path / ".hera" / "claims" / "data" / "wf"
    claim.mkdir(parents=True)
    (claim / "chart.png").touch()
    found = workflow(node("a", "Failed"), phase="Failed", end=1, claims=("data",))
    assert concluded(tmp_path, found) == [
        "",
        "└─ ✖ a  1s",
        "",
        "a: Failed after 1s: no message",
        "    boom",
        "    its whole log: .hera/runs/wf/logs/wf-a.log",
        "",
        "workflow wf: Failed after 1s, 1 of 1 tasks failed",
        "results: results/wf/ (1 file)",
        "chart:   results/wf/chart.png",
    ]


def test_tasks_outside_loops_show_what_they_printed(tmp_path: Path) -> None:
    group = {**node("fan", type="TaskGroup", children=("fan(0:0)", "fan(1:1)"))}
    members = [node("fan(0:0)"), node("fan(1:1)")]
    found = workflow(group, *members, node("print", start=5, end=6), phase="Succeeded", end=6)
    lines = concluded(tmp_path, found)
    assert lines[-4:] == ["print:", "    boom", "", "workflow wf: Succeeded after 6s"]
    assert sum("boom" in line for line in lines) == 1
    assert not any("boom" in line for line in concluded(tmp_path, found, quiet=True))


def test_a_person_is_notified_and_no_word_of_a_server_is_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = tmp_path / "told"
    evil = f"'; touch {tmp_path}/evil; $(touch {tmp_path}/evil)`touch {tmp_path}/evil`\n\x1b[2J\0"
    found = workflow(phase="Error", end=1, message=evil)
    notify(f'printf "%s|%s|%s" "$HERA_RUN" "$HERA_PHASE" "$HERA_MESSAGE" > {told}', found)
    run, phase, message = told.read_text().split("|")
    assert (run, phase) == ("wf", "Error") and message.startswith("workflow wf: Error after 1s")
    assert "\x1b" not in message and "\n" not in message
    assert not (tmp_path / "evil").exists()
    notify("", found)
    notify("exit 3", found)
    assert "NOTIFY ended with exit status 3" in capfd.readouterr().err
    concluded(tmp_path, workflow(phase="Succeeded", end=1), notify=f"echo $HERA_PHASE > {told}")
    assert told.read_text() == "Succeeded\n"


def test_where_the_files_of_a_run_elsewhere_come_from() -> None:
    assert [line.text for line in where_to_fetch(workflow(claims=("data",)))] == [
        "its files: make results RUN=wf"
    ]
    assert where_to_fetch(workflow()) == []
