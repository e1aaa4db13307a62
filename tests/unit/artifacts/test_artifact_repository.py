"""The folder that takes the place of an object store."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from hera_experiment.local.artifacts.errors import ArtifactFailure, ArtifactNotFound
from hera_experiment.local.artifacts.repository import Repository


def s3(key: str, **more: str) -> dict[str, Any]:
    return {"s3": {"key": key, **more}}


def keep(repository: Repository, location: dict[str, Any], text: str, inner: str = "") -> None:
    def write(file: BinaryIO) -> None:
        file.write(text.encode())

    repository.keep(location, write, inner)


def read(repository: Repository, location: dict[str, Any]) -> bytes:
    with repository.open(location) as file:
        return file.read()


def test_a_key_is_a_path(repository: Repository, tmp_path: Path) -> None:
    keep(repository, s3("w/w-a-1/out.tgz"), "data")
    assert (tmp_path / "artifacts/w/w-a-1/out.tgz").read_text() == "data"
    assert read(repository, s3("w/w-a-1/out.tgz")) == b"data"
    keep(repository, s3("w/w-a-1/out.tgz"), "other")
    assert read(repository, s3("/w//w-a-1/./out.tgz")) == b"other"


@pytest.mark.parametrize(
    ("location", "path"),
    [
        (s3("k", bucket="b", endpoint="e"), "buckets/b/k"),
        ({"gcs": {"bucket": "b", "key": "k"}}, "buckets/b/k"),
        ({"oss": {"bucket": "b", "key": "k"}}, "buckets/b/k"),
        ({"azure": {"container": "c", "blob": "k"}}, "buckets/c/k"),
        ({"hdfs": {"addresses": ["h:8020"], "path": "/a/b"}}, "buckets/h:8020/a/b"),
        ({"artifactory": {"url": "https://h/a/b"}}, "buckets/h/a/b"),
        (s3("../../../k"), "artifacts/k"),
        (s3("k", bucket="../x"), "buckets/_x/k"),
    ],
)
def test_every_store_is_a_folder(
    location: dict[str, Any], path: str, repository: Repository, tmp_path: Path
) -> None:
    keep(repository, location, "data")
    assert (tmp_path / path).read_text() == "data"


def test_a_folder_is_what_keys_begin_with(repository: Repository, tmp_path: Path) -> None:
    keep(repository, s3("f"), "one", "a/one")
    keep(repository, s3("f/two"), "two")
    assert repository.is_folder(s3("f"))
    assert list(repository.names(s3("f"))) == ["a/one", "two"]
    repository.fetch(s3("f"), tmp_path / "back")
    assert (tmp_path / "back/a/one").read_text() == "one"
    with pytest.raises(ArtifactFailure, match="the key f is that of a folder"):
        keep(repository, s3("f"), "x")
    with pytest.raises(ArtifactFailure, match="the key f/two/x lies below that of a file"):
        keep(repository, s3("f/two/x"), "x")


def test_what_is_not_there_is_not_found_in_argos_words(
    repository: Repository, tmp_path: Path
) -> None:
    for ask in (repository.open, lambda it: repository.fetch(it, tmp_path / "x")):
        with pytest.raises(ArtifactNotFound, match="The specified key does not exist"):
            ask(s3("nothing"))


@pytest.mark.parametrize("key", ["", "/", "..", "a\0b"])
def test_what_cannot_be_a_key_is_refused(key: str, repository: Repository) -> None:
    with pytest.raises(ArtifactFailure, match="cannot be a key"):
        keep(repository, s3(key), "x")


def test_what_is_removed_leaves_no_folders(repository: Repository, tmp_path: Path) -> None:
    keep(repository, s3("w/p/one"), "1")
    keep(repository, s3("w/q/two"), "2")
    repository.remove(s3("w/p/one"))
    repository.remove(s3("w/p/one"))
    assert [p.name for p in (tmp_path / "artifacts/w").iterdir()] == ["q"]
    repository.remove(s3("w/q"))
    assert list((tmp_path / "artifacts").iterdir()) == []


def test_a_full_disk_leaves_nothing_and_says_where_to_make_room(
    repository: Repository, tmp_path: Path
) -> None:
    def write(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ArtifactFailure, match=f"no space left on device: make room .* {tmp_path}"):
        repository.keep(s3("w/x"), write)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_no_link_leads_out_of_the_repository(repository: Repository, tmp_path: Path) -> None:
    keep(repository, s3("w/x"), "x")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "artifacts/w/link").symlink_to(tmp_path / "secret")
    (tmp_path / "artifacts/out").symlink_to(tmp_path)
    for key in ("w/link", "out/secret"):
        with pytest.raises(ArtifactNotFound):
            repository.open(s3(key))
    with pytest.raises(ArtifactFailure, match="is a link out of its folder"):
        keep(repository, s3("out/x"), "x")
    assert not (tmp_path / "x").exists()


def test_drafts_of_a_killed_server_go(tmp_path: Path) -> None:
    draft = tmp_path / "artifact-drafts" / "half"
    draft.parent.mkdir()
    draft.write_text("half")
    Repository(tmp_path)
    assert not draft.exists()
