from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hera_experiment.errors import UserError
from hera_experiment.platform.argo_answers import ArgoRefusal
from hera_experiment.results.claim_files import fetch, remove_files, transport_of
from hera_experiment.results.data_files import data_files
from hera_experiment.results.transport import TransferRequest
from hera_experiment.runs.find import Run

WORKFLOW: dict[str, Any] = {
    "metadata": {"name": "run-abcde"},
    "spec": {
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "results"}}],
        "templates": [{"name": "a", "container": {"image": "a"}}],
    },
}


class Refusing:
    """An Argo server that lets nobody look."""

    def list_workflows(self, *args: Any, **options: Any) -> list[Any]:
        raise ArgoRefusal("you may not list workflows", status=403)


def request(
    said: list[str], *, state: Path = Path("unused"), local: bool = False
) -> TransferRequest:
    experiment = SimpleNamespace(state=state)
    context = SimpleNamespace(experiment=experiment, argo_service_account="", argo_token="")
    server: Any = SimpleNamespace(
        cluster=None, client=Refusing(), namespace="space", context=context, is_local=local
    )
    return TransferRequest(server, WORKFLOW, said.append)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "program").write_text("1")
    (folder / "deep" / "program").chmod(0o755)
    return folder


def test_where_no_way_is_open_both_reasons_are_said(tmp_path: Path, data: Path) -> None:
    said: list[str] = []
    transport = transport_of(request(said))
    for action in (
        lambda: transport.download(tmp_path / "out"),
        lambda: transport.upload("results", data_files(data)),
    ):
        said.clear()
        with pytest.raises(UserError) as caught:
            action()
        for fact in ("by a pod, since there is no kubeconfig", "you may not list workflows"):
            assert fact in str(caught.value)
        assert "there is no kubeconfig" in said[0]
        assert "kubectl apply -f -" in said[1] and "pods/exec" in said[2]
    assert not (tmp_path / "out").exists()


def test_on_the_laptop_data_is_copied_when_it_differs(tmp_path: Path, data: Path) -> None:
    said: list[str] = []
    transport = transport_of(request(said, state=tmp_path, local=True))
    there = tmp_path / "claims" / "results" / "data" / "deep" / "program"
    for content in ("1", "1", "2"):
        (data / "deep" / "program").write_text(content)
        transport.upload("results", data_files(data))
        assert there.read_text() == content and there.stat().st_mode & 0o100
    assert said == [
        "1 file of data/ to copy to the claim 'results', 1 B",
        "data/ on the claim 'results' is up to date",
        "1 file of data/ to copy to the claim 'results', 1 B",
    ]
    assert [each.name for each in there.parent.iterdir()] == ["program"]


def test_on_the_laptop_a_link_that_a_task_planted_is_not_written_through(tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    run = tmp_path / "claims" / "results" / "run-abcde"
    run.mkdir(parents=True)
    (run / "sub").symlink_to(outside)
    (run / "file").symlink_to(outside / "new")
    transport = transport_of(request([], state=tmp_path, local=True))
    destination = tmp_path / "results" / "run-abcde"
    assert transport.download(destination).remarks == ()
    # Brought home as a link, the first time; the second time the task has made a folder of it.
    for name in ("sub", "file"):
        (run / name).unlink()
    (run / "sub").mkdir()
    (run / "sub" / "table.csv").write_text("1")
    (run / "file").write_text("2")
    assert transport.download(destination).remarks == ()
    assert list(outside.iterdir()) == []
    assert (destination / "sub" / "table.csv").read_text() == "1"
    assert (destination / "file").read_text() == "2" and not (destination / "file").is_symlink()
    assert not (tmp_path / "results" / ".parts").exists()


def test_on_the_laptop_no_link_is_read_through(tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "secret").write_text("mine")
    (tmp_path / "claims" / "results").mkdir(parents=True)
    (tmp_path / "claims" / "results" / "run-abcde").symlink_to(outside)
    transport = transport_of(request([], state=tmp_path, local=True))
    results = transport.download(tmp_path / "out")
    assert results.files == () and "no results" in results.remarks[0]
    assert not (tmp_path / "out").exists()


def test_on_the_laptop_data_is_not_copied_through_a_planted_link(
    tmp_path: Path, data: Path
) -> None:
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    claim = tmp_path / "claims" / "results"
    claim.mkdir(parents=True)
    (claim / "data").symlink_to(outside)
    transport_of(request([], state=tmp_path, local=True)).upload("results", data_files(data))
    assert list(outside.iterdir()) == []
    assert (claim / "data" / "deep" / "program").read_text() == "1"


def test_folders_without_end_become_a_remark(tmp_path: Path) -> None:
    run = tmp_path / "claims" / "results" / "run-abcde"
    run.mkdir(parents=True)
    folder = os.open(run, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    results = transport_of(request([], state=tmp_path, local=True)).download(tmp_path / "out")
    assert len(results.remarks) == 1 and "too many folders" in results.remarks[0]
    subprocess.run(["rm", "-rf", str(run), str(tmp_path / "out")], check=True)


def test_on_the_laptop_folders_are_removed_and_no_link_is_followed(tmp_path: Path) -> None:
    claim = tmp_path / "claims" / "results"
    for name in ("run-abcde", "other", "elsewhere"):
        (claim / name).mkdir(parents=True)
        (claim / name / "file").write_bytes(bytes(1000))
    (claim / "run-abcde" / "link").symlink_to(claim / "other")
    (claim / "linked").symlink_to(claim / "elsewhere")
    transport = transport_of(request([], state=tmp_path, local=True))
    freed = transport.remove({"results": ["run-abcde", "linked", "absent"], "none": ["x"]})
    assert freed >= 1000
    assert sorted(each.name for each in claim.iterdir()) == ["elsewhere", "other"]
    assert (claim / "other" / "file").exists() and (claim / "elsewhere" / "file").exists()


@pytest.mark.parametrize("name", ["../precious", "..", "a/b", "/etc"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    context = SimpleNamespace(experiment=SimpleNamespace(results=tmp_path / "results"))
    server: Any = SimpleNamespace(context=context, name="lab", namespace="n")
    run = Run(server, {**WORKFLOW, "metadata": {"name": name}})
    with pytest.raises(UserError, match="names a run"):
        remove_files([run], print)
    with pytest.raises(UserError, match="names a run"):
        fetch(run, print)


def test_what_cannot_be_copied_for_one_reason_is_told_once(tmp_path: Path) -> None:
    run = tmp_path / "claims" / "results" / "run-abcde"
    run.mkdir(parents=True)
    out = tmp_path / "out"
    for number in range(30):
        (run / f"{number:02}").write_text("1")
        (out / f"{number:02}" / "in the way").mkdir(parents=True)
    (run / "well").write_text("1")
    results = transport_of(request([], state=tmp_path, local=True)).download(out)
    (remark,) = results.remarks
    assert "Is a directory" in remark and "'00', '01'" in remark and "and 25 more" in remark
    assert (results.missing, results.files) == (30, (out / "well",))
