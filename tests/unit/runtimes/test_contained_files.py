"""Files below a folder that others write to: nobody is led out of it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from runtime_project import Project, shell

from hera_experiment.contained_files import NotReadable, contained_path, read_contained
from hera_experiment.local.runtimes.base import BUBBLEWRAP

VOLUMES = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("s3cret")
    folder = tmp_path / "folder"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "file").write_text("inside")
    return folder


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("x", "/etc/passwd"),
        ("x", "../secret"),
        ("x", "a/../../secret"),
        ("a/b/x", "../../../secret"),
        ("x/secret", ".."),
        ("x/secret", "a/b/../../.."),
    ],
)
def test_a_link_out_is_not_followed(folder: Path, path: str, target: str):
    name = folder / path if path.endswith("x") else (folder / path).parent
    name.symlink_to(target)
    with pytest.raises(NotReadable, match=r"out of its folder"):
        read_contained(folder, path, 100)
    with pytest.raises(NotReadable, match=r"out of its folder"):
        contained_path(folder, f"{path}/new")
    assert sorted(p.name for p in folder.parent.iterdir()) == ["folder", "secret"]


@pytest.mark.parametrize("target", ["a/file", "./a/b/../file", "link", "{folder}/a/file"])
def test_a_link_that_stays_inside_is_followed(folder: Path, target: str):
    (folder / "link").symlink_to("a/file")
    (folder / "x").symlink_to(target.format(folder=folder))
    assert read_contained(folder, "/x", 100) == b"inside"


def test_links_in_a_circle_end(folder: Path):
    (folder / "x").symlink_to("y")
    (folder / "y").symlink_to("x")
    with pytest.raises(OSError, match="symbolic links"):
        read_contained(folder, "x", 100)


@pytest.mark.parametrize(
    ("kind", "words"),
    [("pipe", "a named pipe"), ("folder", "a folder"), ("socket", "a socket")],
)
def test_what_is_no_file_is_not_read(folder: Path, kind: str, words: str):
    path = folder / "x"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(os.path.relpath(path))
    with pytest.raises(NotReadable, match=words):
        read_contained(folder, "x", 100)


def test_a_file_has_a_bound(folder: Path):
    assert read_contained(folder, "a/file", 6) == b"inside"
    with pytest.raises(NotReadable, match="more than"):
        read_contained(folder, "a/file", 5)
    with pytest.raises(FileNotFoundError):
        read_contained(folder, "a/none", 5)


def test_folders_are_made_inside(folder: Path):
    (folder / "latest").symlink_to("a")
    assert contained_path(folder, "latest/new/deep") == folder / "a" / "new" / "deep"
    assert (folder / "a" / "new" / "deep").is_dir()
    assert contained_path(folder, "a/file") == folder / "a" / "file"


def output(path: str, code: str, **container: object) -> dict[str, object]:
    template = shell(code, **container)
    parameters = [{"name": "x", "valueFrom": {"path": path, "default": "d"}}]
    return {**template, "outputs": {"parameters": parameters}}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("mkfifo /tmp/x", "a named pipe"),
        ("mkdir /tmp/x", "a folder"),
        ("ln -s /dev/zero /tmp/x", "out of its folder"),
        ("ln -s ../../../secret /tmp/x", "out of its folder"),
        ("head -c 3000000 /dev/zero > /tmp/x", "1536 KiB at most"),
    ],
)
def test_an_output_parameter_that_is_not_taken(run, project: Project, code: str, words: str):
    (project.state / "secret").write_text("s3cret")
    result, _ = run(output("/tmp/x", code))
    if project.runtime_name == BUBBLEWRAP and code.startswith("ln"):
        # It leads to what the container has there, and not out of it.
        assert "s3cret" not in result.parameters.values()
        assert result.parameters == {"x": "d"} or "is a device" in result.message
        return
    assert (result.exit_code, result.error, result.parameters) == (0, True, {})
    assert result.message.startswith("wait: Error (exit code 64): the output parameter 'x'")
    assert words in result.message and "/tmp/x" in result.message


def test_output_parameters_have_a_bound_together(run):
    template = shell("for n in 1 2 3; do head -c 700000 /dev/zero > /tmp/$n; done")
    parameters = [{"name": n, "valueFrom": {"path": f"/tmp/{n}"}} for n in "123"]
    result, _ = run({**template, "outputs": {"parameters": parameters}})
    assert result.error and "'3'" in result.message and "1536 KiB at most" in result.message
    assert sorted(result.parameters) == ["1", "2"]


def test_a_link_on_a_claim_does_not_lead_out(run, project: Project):
    claim = project.objects.add_claim("data")
    (claim.parent / "elsewhere").mkdir()
    (claim.parent / "elsewhere" / "x").write_text("s3cret")
    (claim / "out").symlink_to("../elsewhere")
    (claim / "latest").symlink_to("run-1")
    (claim / "run-1").mkdir()
    (claim / "run-1" / "x").write_text("mine")
    mounts = [{"name": "data", "mountPath": "/data"}]
    result, _ = run(output("/data/latest/x", "true", volumeMounts=mounts), volumes=VOLUMES)
    assert result.parameters == {"x": "mine"}
    result, _ = run(output("/data/out/x", "true", volumeMounts=mounts), volumes=VOLUMES)
    assert result.error and "out of its folder" in result.message

    for fields in ({"subPath": "out/new"}, {}):
        mounts = [{"name": "data", "mountPath": "/data", **fields}]
        inside = {} if fields else {"workingDir": "/data/out/new"}
        result, _ = run(shell("true", volumeMounts=mounts, **inside), volumes=VOLUMES)
        assert result.error and "out of its folder" in result.message, result
    assert [p.name for p in (claim.parent / "elsewhere").iterdir()] == ["x"]
