"""Artifacts in a bucket of a real S3 server: the laptop keeps them there and reads them again."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import pytest
import yaml
from both_sides import NAMESPACE
from real_cluster import RealCluster, absent

from hera_experiment.local.artifacts.errors import ArtifactFailure, ArtifactNotFound
from hera_experiment.local.artifacts.repository import Repository
from hera_experiment.local.artifacts.secret_values import secret_value
from hera_experiment.local.store.objects import Objects

Json = dict[str, Any]


def writes(data: bytes) -> Callable[[BinaryIO], None]:
    def write(file: BinaryIO) -> None:
        file.write(data)

    return write


@pytest.fixture
def place(cluster: RealCluster, tmp_path: Path) -> Iterator[tuple[Repository, Json]]:
    """Yield a repository that knows the cluster's Secrets, and a location with a key of its own."""
    try:
        text = cluster.kubectl(
            *("-n", "argo", "get", "configmap", "workflow-controller-configmap", "-o", "json")
        )
        described = yaml.safe_load(json.loads(text)["data"]["artifactRepository"])["s3"]
    except KeyError:
        absent("no S3 server: Argo's default repository is none")
    name = described["accessKeySecret"]["name"]
    found = json.loads(cluster.kubectl("-n", NAMESPACE, "get", "secret", name, "-o", "json"))
    folder = tmp_path / "secrets" / name
    folder.mkdir(parents=True)
    for key, value in found["data"].items():
        (folder / key).write_bytes(base64.b64decode(value))
    objects = Objects(tmp_path)
    repository = Repository(tmp_path, lambda reference: secret_value(objects, reference))
    location = {"s3": {**described, "key": f"laptop-{uuid4().hex}"}}
    yield repository, location
    repository.remove(location)


def test_files_and_folders_go_there_and_come_back(
    place: tuple[Repository, Json], tmp_path: Path
) -> None:
    repository, location = place
    large = bytes(range(256)) * 40_000
    repository.keep(location, writes(b"one"), "a/one")
    repository.keep(location, writes(large), "large ü")
    assert sorted(repository.names(location)) == ["a/one", "large ü"]
    assert repository.is_folder(location)
    repository.fetch(location, tmp_path / "there")
    assert (tmp_path / "there" / "a" / "one").read_bytes() == b"one"
    assert (tmp_path / "there" / "large ü").read_bytes() == large
    one = {"s3": {**location["s3"], "key": f"{location['s3']['key']}/a/one"}}
    with repository.open(one) as file:
        assert file.read() == b"one"
    # Another machine, which has no folder of this one, finds them too.
    other = Repository(tmp_path / "other", repository._secret)
    other.fetch(one, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == b"one"
    repository.remove(location)
    assert list(repository.names(location)) == []
    with pytest.raises(ArtifactNotFound, match="The specified key does not exist"):
        repository.open(one)
    assert not (tmp_path / "buckets").exists()


def test_a_server_that_refuses_says_so(place: tuple[Repository, Json], tmp_path: Path) -> None:
    repository, location = place
    nowhere = {"s3": {**location["s3"], "bucket": "no-such-bucket"}}
    with pytest.raises(ArtifactFailure):
        repository.keep(nowhere, writes(b"x"))


def test_without_its_secret_a_folder_stands_for_it(
    place: tuple[Repository, Json], tmp_path: Path
) -> None:
    _, location = place
    plain = Repository(tmp_path / "b")
    plain.keep(location, writes(b"x"))
    assert [path.read_bytes() for path in (tmp_path / "b" / "buckets").rglob("*/*")] == [b"x"]
