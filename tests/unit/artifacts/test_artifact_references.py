"""Locations and keys, as Argo's types have them."""

from __future__ import annotations

from typing import Any

import pytest

from hera_experiment.local.artifacts.references import (
    LocationError,
    below,
    has_key,
    has_location,
    joined,
    key_of,
    relocated,
)

S3 = {"endpoint": "e", "bucket": "b", "key": "k"}


@pytest.mark.parametrize(
    ("artifact", "key", "whole"),
    [
        ({"s3": {"key": "a/b"}}, "a/b", False),
        ({"s3": S3}, "k", True),
        ({"gcs": {"bucket": "b", "key": "k"}}, "k", True),
        ({"oss": {"bucket": "b", "key": "k"}}, "k", False),
        ({"azure": {"endpoint": "e", "container": "c", "blob": "k"}}, "k", True),
        ({"hdfs": {"addresses": ["h:1"], "path": "/p"}}, "/p", True),
        ({"hdfs": {"path": "/p"}}, "/p", False),
        ({"http": {"url": "https://h/a/b?c=d"}}, "/a/b", True),
        ({"artifactory": {"url": "https://h/a"}}, "/a", False),
        ({"artifactory": {"url": "https://h/a", "usernameSecret": {"name": "x"}}}, "/a", True),
    ],
)
def test_keys_and_whole_locations(artifact: dict[str, Any], key: str, whole: bool) -> None:
    assert (key_of(artifact), has_location(artifact), has_key(artifact)) == (key, whole, True)


@pytest.mark.parametrize(
    ("artifact", "words"),
    [
        ({"raw": {"data": ""}}, "key unsupported: raw artifat does not have key"),
        ({"git": {"repo": "r"}}, "key unsupported: git artifact does not have a key"),
        ({"name": "x"}, "artifact storage is not configured; see the docs"),
    ],
)
def test_what_has_no_key_says_so(artifact: dict[str, Any], words: str) -> None:
    with pytest.raises(LocationError, match=words):
        key_of(artifact)
    assert not has_key(artifact)
    with pytest.raises(LocationError):
        below(artifact, "x")


def test_empty_raw_data_are_a_location() -> None:
    assert has_location({"raw": {}})
    assert not has_location({"git": {}})


def test_a_key_is_joined_as_go_joins_paths() -> None:
    assert joined("a/", "/b", "", "./c") == "a/b/c"
    assert joined("/a", "..", "b") == "/b"
    assert joined("", "") == ""
    assert below({"name": "x", "s3": S3}, "in/ner")["s3"] == {**S3, "key": "k/in/ner"}
    moved = below({"http": {"url": "https://h/a?b=c"}}, "d")
    assert moved["http"]["url"] == "https://h/a/d?b=c"


def test_a_key_alone_lies_in_the_archive() -> None:
    archive = {"archiveLogs": True, "gcs": {"bucket": "b", "key": "prefix"}}
    assert relocated({"name": "x", "s3": {"key": "own"}}, archive) == {
        "gcs": {"bucket": "b", "key": "own"}
    }
    assert relocated({"name": "x", "s3": S3}, archive) == {"s3": S3}
    with pytest.raises(LocationError, match="template artifact location not set"):
        relocated({"s3": {"key": "own"}}, None)
