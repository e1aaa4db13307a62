from __future__ import annotations

import os
from pathlib import Path

import pytest
from results_shell import SHELLS, ProcessShell, programs_of

from hera_experiment.errors import UserError
from hera_experiment.results.data_files import data_files
from hera_experiment.results.pod_folder import PodFolder

NAMES = [b"plain", b"sub/deep/ -x", b"new\nline\n", b"\xff\\", b"-dash", "ü'\"$x".encode()]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> ProcessShell:
    path = programs_of(request.param, tmp_path / "programs")
    if not path:
        pytest.skip(f"{request.param} is not installed (Debian: apt-get install busybox-static)")
    return ProcessShell(path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        path = folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number)
    return folder


def upload(shell: ProcessShell, data: Path, claim: Path) -> None:
    PodFolder(shell, str(claim / "data"), print, pause=lambda _: None).upload(data_files(data))


def is_there(shell: ProcessShell, data: Path, claim: Path) -> bool:
    listing = PodFolder(shell, str(claim / "data"), print).list()
    there = {each.path: each.sum for each in listing.files} if listing else {}
    return {each.path: each.sum for each in data_files(data)}.items() <= there.items()


def test_every_file_arrives_and_nothing_is_removed(
    shell: ProcessShell, data: Path, tmp_path: Path
) -> None:
    claim = tmp_path / "claim"
    (claim / "data" / "sub").mkdir(parents=True)
    (claim / "data" / "sub" / "old").write_text("stays")
    (claim / "data" / "plain").write_text("is replaced")
    (data / "program").write_text("#!")
    (data / "program").chmod(0o755)
    (data / "same").write_bytes(b"0")
    (data / "big").write_bytes(os.urandom(20 << 20))
    upload(shell, data, claim)
    assert is_there(shell, data, claim)
    assert (claim / "data" / "sub" / "old").read_text() == "stays"
    assert os.access(claim / "data" / "program", os.X_OK)
    assert sorted(os.listdir(claim / "data")) == sorted(os.listdir(data))


def test_a_big_file_goes_on_after_the_connection_broke(
    shell: ProcessShell, data: Path, tmp_path: Path
) -> None:
    (data / "big").write_bytes(os.urandom(20 << 20))
    claim = tmp_path / "claim"
    shell.break_after, shell.breaks = -1, 3
    upload(shell, data, claim)
    assert shell.breaks == 0 and is_there(shell, data, claim)


def test_a_folder_in_the_way_is_one_sentence(
    shell: ProcessShell, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "claim" / "data" / "plain").mkdir(parents=True)
    with pytest.raises(UserError, match=r"does not take the files.*a folder is called \./plain"):
        upload(shell, data, tmp_path / "claim")


def test_links_are_followed_but_not_in_circles(data: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "set.csv").write_text("1")
    (data / "folder").symlink_to(elsewhere)
    (data / "file.csv").symlink_to(elsewhere / "set.csv")
    (elsewhere / "round").symlink_to(data)
    (data / ".gitkeep").touch()
    found = {each.path for each in data_files(data)}
    assert {b"folder/set.csv", b"file.csv"} <= found
    assert b".gitkeep" not in found and len(found) < 30
    (data / "nowhere").symlink_to("gone")
    with pytest.raises(UserError, match="the link leads nowhere"):
        data_files(data)
