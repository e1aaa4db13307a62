"""Artifacts from the web and from git, fetched from real servers on this machine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from artifact_sources import (
    PASSWORD,
    USER,
    Pages,
    add_submodule,
    make_repository,
    serve_git,
    serve_pages,
)

from hera_experiment.local.artifacts.errors import ArtifactFailure
from hera_experiment.local.artifacts.pod import PodArtifacts
from hera_experiment.local.store import Objects

AUTH = {"usernameSecret": {"name": "s", "key": "user"}, "passwordSecret": {"name": "s", "key": "p"}}


@pytest.fixture
def pages() -> Iterator[str]:
    with serve_pages() as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[str]:
    make_repository(tmp_path / "repos")
    with serve_git(tmp_path / "repos") as port:
        yield f"git://127.0.0.1:{port}/repo.git"


def load(pod: PodArtifacts, folder: Path, **artifact: Any) -> Path | None:
    there = pod.load({"name": "in", "path": "/in", **artifact}, folder / "in")
    return folder / "in" if there else None


def test_a_page_with_what_it_asks_for(
    pages: str, pod: PodArtifacts, objects: Objects, tmp_path: Path
) -> None:
    objects.put("secrets", "s", {"user": USER.encode(), "p": PASSWORD.encode()})
    sources = {
        "/moved": ({}, b"a page\n"),
        "/header": ({"headers": [{"name": "X-Word", "value": "hello"}]}, b"hello"),
        "/auth": ({"auth": {"basicAuth": AUTH}}, b"a page\n"),
    }
    for path, (more, text) in sources.items():
        found = load(pod, tmp_path / path[1:], http={"url": pages + path, **more})
        assert found is not None and found.read_bytes() == text


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/missing", "^artifact in failed to load: 404 Not Found$"),
        ("/failing", "loading content from http.*/failing failed with reason: 500 Internal Server"),
        ("/auth", "failed with reason: 401 Unauthorized"),
    ],
)
def test_a_server_that_refuses(
    path: str, words: str, pages: str, pod: PodArtifacts, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactFailure, match=words):
        load(pod, tmp_path, http={"url": pages + path})


def test_an_optional_page_may_be_missing_and_a_server_may_not(
    pages: str, pod: PodArtifacts, tmp_path: Path
) -> None:
    assert load(pod, tmp_path, optional=True, http={"url": f"{pages}/missing"}) is None
    refused = "dial tcp 127.0.0.1:1: connect: connection refused"
    with pytest.raises(ArtifactFailure, match=refused):
        load(pod, tmp_path, optional=True, http={"url": "http://127.0.0.1:1/"})


def test_a_secret_that_is_not_there_is_named(pages: str, pod: PodArtifacts, tmp_path: Path) -> None:
    words = "write the file .hera/secrets/s/user"
    with pytest.raises(ArtifactFailure, match=words):
        load(pod, tmp_path, http={"url": f"{pages}/auth", "auth": {"basicAuth": AUTH}})


def test_an_output_is_sent(pages: str, pod: PodArtifacts, tmp_path: Path) -> None:
    from hera_experiment.contained_files import tree_of, walk_in_trees

    (tmp_path / "out").write_text("sent")
    artifact = {
        "name": "out",
        "path": "/out",
        "archive": {"none": {}},
        "http": {"url": f"{pages}/unit"},
    }
    saved = pod.save(
        [artifact], lambda path: walk_in_trees([tree_of(tmp_path)], path), lambda path: True
    )
    assert (saved.error, saved.artifacts) == ("", {"out": artifact})
    assert Pages.sent["/unit"] == b"sent"


@pytest.mark.parametrize(
    ("more", "text", "head"),
    [
        ({}, "second", "ref: refs/heads/main"),
        ({"revision": "v1"}, "first", ""),
        ({"revision": "other"}, "other", ""),
        ({"branch": "other", "singleBranch": True}, "other", "ref: refs/heads/other"),
        ({"depth": 1}, "second", "ref: refs/heads/main"),
        ({"depth": 1, "revision": "v1"}, "first", ""),
    ],
)
def test_a_repository(
    more: dict[str, Any], text: str, head: str, repo: str, pod: PodArtifacts, tmp_path: Path
) -> None:
    found = load(pod, tmp_path, git={"repo": repo, **more})
    assert found is not None and (found / "file").read_text() == f"{text}\n"
    assert (found / ".git" / "HEAD").read_text().startswith(head)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"singleBranch": True}, "single branch mode without a branch specified"),
        ({"revision": "nowhere"}, "failed to get resolve revision: reference not found"),
        ({"repo": "/nothing.git"}, 'failed to clone "/nothing.git": repository not found'),
        ({"repo": "ext::sh -c true"}, "failed to clone .*transport 'ext' not allowed"),
        ({"repo": "--upload-pack=true"}, 'failed to clone "--upload-pack=true": '),
    ],
)
def test_a_repository_that_cannot_be_had(
    more: dict[str, Any], words: str, repo: str, pod: PodArtifacts, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactFailure, match=words):
        load(pod, tmp_path, git={"repo": repo, **more})


def test_submodules_come_unless_they_shall_not(pod: PodArtifacts, tmp_path: Path) -> None:
    bare = make_repository(tmp_path / "outer")
    add_submodule(bare, make_repository(tmp_path / "inner"))
    found = load(pod, tmp_path / "with", git={"repo": str(bare)})
    assert found is not None and (found / "inner" / "file").read_text() == "second\n"
    bare_alone = {"repo": str(bare), "disableSubmodules": True}
    found = load(pod, tmp_path / "without", git=bare_alone)
    assert found is not None and list((found / "inner").iterdir()) == []


def test_hooks_of_a_repository_do_not_run(pod: PodArtifacts, tmp_path: Path) -> None:
    bare = make_repository(tmp_path / "repos")
    template = tmp_path / "home" / "hooks"
    template.mkdir(parents=True)
    hook = template / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    subprocess.run(["git", "-C", str(bare), "config", "core.hooksPath", str(template)], check=True)
    assert load(pod, tmp_path, git={"repo": str(bare)}) is not None
    assert not (tmp_path / "ran").exists()
