"""What goes into a crate, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from recorded_run import RUN, account_in, experiment_in, manifest, unpacked, with_manifest

from hera_experiment.crate.contents import recorded
from hera_experiment.crate.places import account_in as account_of_crate
from hera_experiment.crate.places import log_file
from hera_experiment.crate.writing import write
from hera_experiment.errors import UserError
from hera_experiment.record.records import Records


def test_what_may_hold_a_secret_stays_out_and_the_rest_goes_in(tmp_path: Path) -> None:
    experiment = experiment_in(tmp_path / "one")
    crate = tmp_path / "crate"
    unpacked(account_in(experiment), experiment, crate)
    written = write(account_in(experiment), experiment)
    names = {path.relative_to(crate).as_posix() for path in crate.rglob("*") if path.is_file()}
    assert {"code/workflow.py", "code/data/table.csv", "code/env.tmpl"} <= names
    assert {"results/a/one & two.csv", "results/sum.txt", "reproduce.py", "README.md"} <= names
    assert not {"code/.env", "code/server.key"} & names
    assert all("swordfish" not in (crate / name).read_text("utf-8") for name in names)
    assert all("nowhere.example" not in (crate / name).read_text("utf-8") for name in names)
    assert sorted(written.remarks)[0].startswith(".env is left out")
    assert written.path == experiment.results / f"{RUN}.crate.zip"
    assert written.size == written.path.stat().st_size and written.results == 2
    assert [path.name for path in experiment.results.iterdir() if path.name[0] == "."] == []


def test_the_account_comes_back(tmp_path: Path) -> None:
    experiment = experiment_in(tmp_path / "one")
    account = account_in(experiment)
    unpacked(account, experiment, tmp_path / "crate")
    read = account_of_crate(tmp_path / "crate")
    assert read.name == account.name and read.files == account.files
    assert read.workflow == account.workflow and read.origin == account.origin
    assert read.record is not None and read.record.script == "workflow.py"
    assert read.record.manifest == manifest()


def test_a_run_without_code_or_end_is_refused(tmp_path: Path) -> None:
    account = account_in(experiment_in(tmp_path))
    assert account.record is not None
    with pytest.raises(UserError, match=r"code of lyon-abcde was not kept.*not submitted from"):
        recorded(replace(account, record=None))
    bare = replace(account, record=replace(account.record, origin={}))
    with pytest.raises(UserError, match="an older version of the library submitted it"):
        recorded(bare)
    going = {**account.workflow, "status": {"phase": "Running"}}
    with pytest.raises(UserError, match=r"has not ended.*make watch RUN=lyon-abcde"):
        recorded(replace(account, workflow=going))


def test_a_secret_in_the_workflow_or_the_code_is_refused(tmp_path: Path) -> None:
    experiment = experiment_in(tmp_path)
    secret = manifest()
    secret["spec"]["templates"][1]["container"]["env"] = [{"name": "API_KEY", "value": "swordfish"}]
    with pytest.raises(UserError, match=r"'API_KEY' holds a secret.*HE701") as refused:
        write(with_manifest(account_in(experiment), secret), experiment)
    assert "swordfish" not in str(refused.value)
    (tmp_path / "pyproject.toml").write_text('[tool.hera_experiment.lint]\nignore = ["HE701"]\n')
    write(with_manifest(account_in(experiment), secret), experiment)
    key = "ghp_" + "a" * 36
    (tmp_path / "inputs.py").write_text(f"TOKEN = '{key}'\n")
    with pytest.raises(UserError, match=r"shape of a secret key.*\(code/inputs.py\)") as refused:
        write(account_in(experiment), experiment)
    assert key not in str(refused.value)
    assert not list(experiment.results.glob(".crate*"))


def test_logs_of_tasks_of_any_name_lie_in_one_folder() -> None:
    assert log_file("collect(LYON_1ER)") == "logs/collect(LYON_1ER).txt"
    for name in ("../x", "a/b", ".hidden", "é:ü", "a\nb"):
        path = Path(log_file(name))
        assert path.parent == Path("logs") and not path.name.startswith(".")
    assert log_file("a/b") != log_file("a:b")


def test_of_several_workflows_of_a_script_it_says_which_it_is(tmp_path: Path) -> None:
    experiment = experiment_in(tmp_path / "one")
    account = account_in(experiment)
    assert account.record is not None
    record = replace(account.record, session="run-1")
    for each in (record, replace(record, name="lyon-other", submission="2")):
        Records.of(experiment).write(each)
    written = write(replace(account, record=record), experiment)
    said = [each for each in written.remarks if "workflows" in each]
    assert said == [
        "workflow.py made 2 workflows: this is the record of lyon-abcde alone, "
        "'make record RUN=lyon-other' makes that of another"
    ]
