from __future__ import annotations

import os
from pathlib import Path

from follow_workflows import NOW, Collected, node, workflow

from hera_experiment.argo.workflows import claims_of
from hera_experiment.follow.summary import (
    MOST_ROWS,
    Conclusion,
    table,
    verdict,
    where_results_are,
)
from hera_experiment.results.folder_transport import FolderTransport
from hera_experiment.results.outcome import Results


def test_the_table_has_one_row_per_task() -> None:
    done = workflow(
        node("collect(0:Lyon 1)", start=0, end=4),
        node("chart", "Failed", start=4, end=65),
        node("after", "Omitted", type="Skipped", start=65, end=65),
        phase="Failed",
        end=65,
    )
    assert [line.text for line in table(done, NOW, 80)] == [
        "TASK               STATUS     DURATION",
        "collect(0:Lyon 1)  Succeeded        4s",
        "chart              Failed        1m01s",
        "after              Omitted         <1s",
    ]


def test_a_narrow_table_cuts_names_only() -> None:
    lines = [line.text for line in table(workflow(node("n" * 300)), NOW, 40)]
    assert max(map(len, lines)) == 40
    assert lines[1].endswith("n…nnnnnnnnn  Succeeded        1s")


def test_a_big_fan_out_is_one_row_with_its_failures() -> None:
    nodes = [node(f"fan({i}:{i})", start=i, end=i + 1) for i in range(MOST_ROWS)]
    nodes[7] = node("fan(7:7)", "Failed", start=7, end=9)
    nodes.append(node("in", start=50, end=51))
    lines = [line.text for line in table(workflow(*nodes), NOW, 80)]
    assert lines == [
        "TASK            STATUS                  DURATION",
        "fan (40 tasks)  39 Succeeded, 1 Failed       40s",
        "  fan(7:7)      Failed                        2s",
        "in              Succeeded                     1s",
    ]


def test_a_fan_out_of_failures_is_counted() -> None:
    nodes = [node(f"fan({i}:{i})", "Failed") for i in range(100)]
    lines = [line.text for line in table(workflow(*nodes), NOW, 80)]
    assert len(lines) == 1 + 1 + 10 + 1
    assert "and 90 more failed" in lines[-1]


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


class NoLogs:
    def workflow_logs(self, *args: object, **options: object) -> list[str]:
        return ["boom"]


def test_the_conclusion_ends_with_what_a_person_looks_for(tmp_path: Path) -> None:
    (tmp_path / "data" / "wf").mkdir(parents=True)
    (tmp_path / "data" / "wf" / "chart.png").touch()
    output = Collected()
    conclude = Conclusion(
        output,
        tmp_path,
        lambda name, pod: tmp_path / name / f"{pod}.log",
        tmp_path / "results",
        tmp_path,
        80,
        lambda: NOW,
    )
    conclude(
        [workflow(node("a", "Failed"), phase="Failed", end=1, claims=("data",))],
        NoLogs(),  # type: ignore[arg-type]
    )
    assert output.lines == [
        "",
        "TASK  STATUS  DURATION",
        "a     Failed        1s",
        "",
        "a: Failed after 1s: no message",
        "    boom",
        "    its whole log: wf/wf-a.log",
        "",
        "workflow wf: Failed after 1s, 1 of 1 tasks failed",
        "results: results/wf/ (1 file)",
        "chart:   results/wf/chart.png",
    ]
