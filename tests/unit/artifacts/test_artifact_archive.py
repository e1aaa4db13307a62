"""Packing and unpacking: what Argo's executor packs is unpacked, what leads out is refused."""

from __future__ import annotations

import gzip
import io
import os
import socket
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from hera_experiment.contained_files import tree_of, walk_in_trees
from hera_experiment.local.artifacts.archive import (
    change_mode,
    check_links,
    is_tarball,
    tar_gz,
    untar,
    unzip,
    zipped,
)
from hera_experiment.local.artifacts.errors import ArtifactFailure, NotPackable

Entry = tuple[str, bytes, int, str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    top = tmp_path / "tree" / "top"
    (top / "inner").mkdir(parents=True)
    (top / "empty").mkdir()
    (top / "inner" / "ünï").write_text("text")
    (top / "run").write_text("run")
    (top / "run").chmod(0o750)
    (top / "link").symlink_to("inner/ünï")
    (top / "dangling").symlink_to("nowhere")
    return top


def packed(tmp_path: Path, *entries: Entry) -> Path:
    """Write a tar of entries: name, type, mode, and text or target."""
    path = tmp_path / "packed.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name, kind, mode, text in entries:
            header = tarfile.TarInfo(name)
            header.type, header.mode = kind, mode
            if kind == tarfile.REGTYPE:
                header.size = len(text)
                tar.addfile(header, io.BytesIO(text.encode()))
            else:
                header.linkname = text
                tar.addfile(header)
    return path


def test_a_folder_comes_back_as_it_was(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.tgz"
    with path.open("wb") as out:
        tar_gz(walk_in_trees([tree_of(folder.parent)], "top"), "top", 6, out)
    with tarfile.open(path) as tar:
        assert tar.getnames() == [
            *("top", "top/dangling", "top/empty", "top/inner", "top/inner/ünï", "top/link"),
            "top/run",
        ]
    assert is_tarball(path)
    untar(path, tmp_path / "back")
    back = tmp_path / "back"
    assert (back / "inner" / "ünï").read_text() == "text"
    assert stat.S_IMODE((back / "run").stat().st_mode) == 0o750
    assert int((back / "run").stat().st_mtime) == int((folder / "run").stat().st_mtime)
    assert os.readlink(back / "link") == "inner/ünï"
    assert os.readlink(back / "dangling") == "nowhere"
    assert (back / "empty").is_dir()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tgz", "back", "tree"]


def test_one_file_takes_the_place_and_several_lie_in_it(tmp_path: Path) -> None:
    one = packed(tmp_path, ("deep/../one", tarfile.REGTYPE, 0o600, "one"))
    untar(one, tmp_path / "x" / "one")
    assert (tmp_path / "x" / "one").read_text() == "one"
    two = packed(tmp_path, ("a", tarfile.REGTYPE, 0o600, "a"), ("b/c", tarfile.REGTYPE, 0o600, "c"))
    untar(two, tmp_path / "x" / "two")
    assert (tmp_path / "x" / "two" / "b" / "c").read_text() == "c"


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([("../out", tarfile.REGTYPE, 0o600, "x")], "illegal file path: ../out"),
        ([("/etc/x", tarfile.REGTYPE, 0o600, "x")], "illegal file path: /etc/x"),
        ([("a/l", tarfile.SYMTYPE, 0o777, "/etc")], "illegal symlink target: a/l -> /etc"),
        ([("l", tarfile.SYMTYPE, 0o777, "../x")], "illegal symlink target: l -> ../x"),
        ([("a/l", tarfile.SYMTYPE, 0o777, "../../x")], "illegal symlink target"),
    ],
)
def test_nothing_leads_out(entries: list[Entry], words: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactFailure, match=words):
        untar(packed(tmp_path, *entries), tmp_path / "in" / "here")
    assert not (tmp_path / "in" / "out").exists()


def test_no_file_is_written_through_a_link(tmp_path: Path) -> None:
    entries = [
        ("d", tarfile.DIRTYPE, 0o755, ""),
        ("a", tarfile.SYMTYPE, 0o777, "d"),
        ("a/../../x", tarfile.REGTYPE, 0o600, "x"),
    ]
    with pytest.raises(ArtifactFailure, match="illegal file path"):
        untar(packed(tmp_path, *entries), tmp_path / "in" / "here")
    replaced = [
        ("f", tarfile.SYMTYPE, 0o777, "g"),
        ("f", tarfile.REGTYPE, 0o600, "x"),
    ]
    with pytest.raises(OSError, match="symbolic links"):
        untar(packed(tmp_path, *replaced), tmp_path / "in" / "there")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "EOF"),
        (b"short", "unexpected EOF"),
        (b"long enough to be no gzip", "gzip: invalid header"),
        (gzip.compress(b"x" * 600, mtime=0)[:-9], "unexpected EOF"),
        (gzip.compress(b"x" * 2000, mtime=0), "archive/tar: invalid tar header"),
    ],
)
def test_what_is_no_tar_says_so_as_go_does(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    assert not is_tarball(path)
    with pytest.raises(ArtifactFailure, match=f"^{words}$"):
        untar(path, tmp_path / "y")


def test_a_zip_has_files_alone(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with path.open("wb") as out:
        zipped(walk_in_trees([tree_of(folder.parent)], "top"), "name", out)
    with zipfile.ZipFile(path) as archive:
        texts = {name: archive.read(name) for name in archive.namelist()}
    assert texts == {
        "name/dangling": b"",
        "name/inner/ünï": b"text",
        "name/link": b"",
        "name/run": b"run",
    }


def test_a_zip_without_folders_is_argos_own_trap(folder: Path, tmp_path: Path) -> None:
    """Of such a zip Argo makes folders that nobody but root can enter, and fails."""
    path = tmp_path / "a.zip"
    with path.open("wb") as out:
        zipped(walk_in_trees([tree_of(folder.parent)], "top/inner"), "name", out)
    place = "/argo/inputs/artifacts/here.tmpdir/name"
    with pytest.raises(ArtifactFailure, match=f"open {place}/ünï: permission denied"):
        unzip(path, tmp_path / "here")


def test_a_zip_with_folders_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode, text in (("top/", 0o40755, ""), ("top/run", 0o100750, "run")):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, text)
    unzip(path, tmp_path / "here")
    run = tmp_path / "here" / "run"
    assert (run.read_text(), stat.S_IMODE(run.stat().st_mode)) == ("run", 0o750)
    path.write_bytes(b"no zip")
    with pytest.raises(ArtifactFailure, match="zip: not a valid zip file"):
        unzip(path, tmp_path / "there")


def test_sockets_are_not_packed_and_pipes_are_empty(folder: Path) -> None:
    os.mkfifo(folder / "a pipe")
    out = io.BytesIO()
    tar_gz(walk_in_trees([tree_of(folder.parent)], "top"), "top", 1, out)
    out.seek(0)
    with tarfile.open(fileobj=out) as tar:
        assert tar.getmember("top/a pipe").isfifo()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
        with pytest.raises(NotPackable, match="sockets not supported"):
            tar_gz(walk_in_trees([tree_of(folder.parent)], "top"), "top", 1, io.BytesIO())


def test_links_that_lead_out_are_told_before_a_folder_is_kept(folder: Path) -> None:
    def found() -> list[str]:
        walk = check_links(walk_in_trees([tree_of(folder.parent)], "top"), "top")
        return [each.path for each in walk]

    assert "link" in found()
    (folder / "out").symlink_to("../..")
    with pytest.raises(ArtifactFailure, match=r"illegal symlink target: top/out -> \.\./\.\."):
        found()


def test_modes_are_given_to_all_but_links(folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.write_text("x")
    outside.chmod(0o600)
    (folder / "out").symlink_to(outside)
    change_mode(folder, 0o755, recurse=True)
    assert stat.S_IMODE((folder / "inner" / "ünï").stat().st_mode) == 0o755
    assert stat.S_IMODE(outside.stat().st_mode) == 0o600
    change_mode(folder / "run", 0o400, recurse=False)
    assert stat.S_IMODE((folder / "run").stat().st_mode) == 0o400


def test_a_big_file_is_never_held_whole(tmp_path: Path, measured: Callable[..., int]) -> None:
    size = 64 << 20
    big = tmp_path / "in" / "big"
    big.parent.mkdir()
    with big.open("wb") as file:
        file.truncate(size)

    def through() -> None:
        with (tmp_path / "a.tgz").open("wb") as out:
            tar_gz(walk_in_trees([tree_of(big.parent)], "big"), "big", 1, out)
        untar(tmp_path / "a.tgz", tmp_path / "back")

    assert measured(through) < size // 4
    assert (tmp_path / "back").stat().st_size == size


@pytest.fixture
def measured() -> Callable[[Callable[[], None]], int]:
    """Return how many bytes of Python's own a call has held at most."""
    import tracemalloc

    def measure(call: Callable[[], None]) -> int:
        tracemalloc.start()
        try:
            call()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return measure
