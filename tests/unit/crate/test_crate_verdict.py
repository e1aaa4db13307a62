"""The verdict on a run that was reproduced, and the small program in the crate."""

from __future__ import annotations

import runpy
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from recorded_run import FILES, account_in, experiment_in, unpacked

from hera_experiment.compare.differences import differences
from hera_experiment.crate.verdict import Verdict, origins, tolerances_of
from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment


def _verdict(tmp_path: Path, changed: dict[str, bytes], tolerances: dict[str, float]) -> Verdict:
    one = account_in(experiment_in(tmp_path / "one"))
    other = account_in(experiment_in(tmp_path / "other"))
    for name, content in changed.items():
        (other.folder / name).write_bytes(content)
    files = tuple(
        replace(file, sha256="0" * 64) if file.path in changed else file for file in other.files
    )
    found = differences(one, replace(other, files=files), tolerances)
    return Verdict(found, (), origins(found, one, other), (one.phase, other.phase))


def test_all_is_identical(tmp_path: Path) -> None:
    verdict = _verdict(tmp_path, {}, {})
    lines = list(verdict.lines())
    assert [line.split()[0] for line in lines[:2]] == ["identical", "identical"]
    assert lines[-1] == "the run is reproduced: 2 outputs"
    assert verdict.first == "" and verdict.document()["same"] is True


def test_a_difference_is_located_at_the_first_task_above_the_file(tmp_path: Path) -> None:
    changed = {"a/one & two.csv": b"x,y\n1,9\n", "sum.txt": b"10\n"}
    verdict = _verdict(tmp_path, changed, {})
    assert verdict.first == "count(a b)"
    assert {file["from"] for file in verdict.document()["files"].values()} == {"count(a b)"}
    alone = _verdict(tmp_path, {"sum.txt": b"10\n"}, {})
    assert alone.first == "sum"
    assert list(alone.lines())[-1] == "the run is not reproduced: 1 of 2 outputs differ"


def test_within_the_tolerance_it_is_equal(tmp_path: Path) -> None:
    changed = {"a/one & two.csv": b"x,y\n1,2.0000001\n"}
    assert _verdict(tmp_path, changed, {"*.csv": 1e-6}).found.same_outputs
    assert not _verdict(tmp_path, changed, {"*.csv": 1e-9}).found.same_outputs


def test_tolerances_are_those_of_the_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    # Set before it is deleted, so that the layout read here is forgotten at the end.
    monkeypatch.setitem(sys.modules, "layout", ModuleType("layout"))
    monkeypatch.delitem(sys.modules, "layout")
    experiment = Experiment(tmp_path, "x", "x")
    assert tolerances_of(experiment) == {}
    (tmp_path / "layout.py").write_text('TOLERANCES = {"*.csv": "small"}\n')
    with pytest.raises(UserError, match=r"tolerances cannot be read.*small.*\*\.csv"):
        tolerances_of(experiment)


def test_the_program_in_the_crate_names_what_was_changed(tmp_path: Path) -> None:
    experiment = experiment_in(tmp_path / "one")
    (tmp_path / "one" / "workflow.py").chmod(0o755)
    crate = tmp_path / "un été"
    unpacked(account_in(experiment), experiment, crate)
    program = runpy.run_path(str(crate / "reproduce.py"))
    assert program["changed_files"]() == []
    (crate / "code" / "data" / "table.csv").write_text("2\n")
    (crate / "results" / "sum.txt").unlink()
    (crate / "code" / "new.py").write_text("")
    changed = ["code/data/table.csv", "code/new.py", "results/sum.txt"]
    assert program["changed_files"]() == changed and "sum.txt" in FILES
    program["copy_code"]()
    again = crate / "again"
    assert (again / "data" / "table.csv").read_text() == "2\n"
    modes = [(again / name).stat().st_mode & 0o100 for name in ("workflow.py", "inputs.py")]
    assert modes == [0o100, 0]
    (again / ".venv").mkdir()
    (again / "left over").write_text("")
    shutil.rmtree(crate / "code" / "data")
    program["copy_code"]()
    assert not (again / "data").exists() and not (again / "left over").exists()
    assert (again / ".venv").is_dir()
