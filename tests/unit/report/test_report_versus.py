"""Two runs beside each other: what differs, and nothing else."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from pathlib import Path

from PIL import Image
from report_accounts import account, fan

from hera_experiment.account.account import Account, OutputFile
from hera_experiment.report.document import Told, document_of
from hera_experiment.report.versus import versus_of

NOW = datetime(2026, 11, 21, 10, 5, tzinfo=timezone.utc)


def run(folder: Path, colour: str, value: int, seconds: float) -> Account:
    folder.mkdir()
    Image.new("RGB", (4, 2), colour).save(folder / "chart.png")
    (folder / "same.txt").write_text("same\n")
    (folder / "table.csv").write_text(f"year,value\n1999,{value}\n")
    found = fan(2)
    found["status"]["nodes"]["wf-sweep(1:1)"]["usage"]["ended"] = f"2026-11-21T10:00:0{seconds}Z"
    files = tuple(
        OutputFile(path.name, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.iterdir())
    )
    made = account(found, folder)
    return Account(**(vars(made) | {"name": folder.name, "files": files}))


def test_only_what_differs_is_told(tmp_path: Path) -> None:
    one, other = run(tmp_path / "one", "red", 1, 1.5), run(tmp_path / "other", "blue", 2, 4.25)
    found = versus_of(one, other)
    assert (found["one"], found["other"]) == ("one", "other")
    assert [file["path"] for file in found["files"]] == ["chart.png", "table.csv"]
    assert "8 of 8 pixels differ" in found["files"][0]["what"]
    (pair,) = found["pictures"]
    assert pair["path"] == "chart.png" and pair["one"] != pair["other"]
    assert [(each["name"], each["one"], each["other"]) for each in found["durations"]] == [
        ("sweep(1:1)", 1.3, 4.05)
    ]
    assert found["inputs"] == found["packages"] == ()


def test_a_run_of_which_nothing_ran_has_a_report(tmp_path: Path) -> None:
    # Deleted on its server, known by what was submitted.
    found = fan(3)
    found["status"] = {"finishedAt": "2026-11-21T10:00:00Z"}
    document = document_of(account(found, tmp_path), Told(), NOW, 0)
    assert document["tasks"] == [] and document["run"]["hasEnded"]
