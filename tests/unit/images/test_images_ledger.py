"""The record of images: whole or not at all, with no secret in it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from image_project import ImageProject

from hera_experiment.errors import UserError
from hera_experiment.images.ledger import FILE, Ledger


@pytest.fixture
def project(tmp_path: Path) -> ImageProject:
    return ImageProject(tmp_path)


def test_what_is_recorded_is_found_again(project: ImageProject):
    sources = project.sources()
    source = sources.wanted("chart")
    local, remote = sources.reference(source), sources.reference(source, "r.example.org/p")
    assert remote == f"r.example.org/p/lyon-chart:{source.tag}"
    ledger = project.ledger
    assert ledger.digest(remote) == "" and ledger.get(local) is None
    ledger.asked(local, source, built=True)
    ledger.asked(local, source)
    ledger.pushed(remote, source, "sha256:1")
    ledger.pushed(remote, source, "sha256:2", now=False)
    again = Ledger(project.experiment.state)
    entry = again.get(local)
    assert entry and entry.built < entry.asked and entry.pushed == ""
    assert again.digest(remote) == "sha256:2"
    found = again.get(remote)
    assert found and found.pushed and found.context == source.context
    assert [each.tag for each in again.of_container("chart")] == [source.tag] * 2
    path = project.experiment.state / FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir() if "draft" in p.name] == []


def test_values_of_build_args_are_not_kept(project: ImageProject):
    project.build(BUILD_ARGS="A=s3cret", PYTHON_IMAGE="mirror/python:3")
    text = (project.experiment.state / FILE).read_text()
    assert "s3cret" not in text
    (entry,) = json.loads(text)["images"].values()
    assert entry["arguments"] == {"A": None, "PYTHON_IMAGE": "mirror/python:3"}


@pytest.mark.parametrize("text", ["{", "[]", '{"images": {"a": {"b": 1}}}', '{"images": 1}'])
def test_a_file_that_is_none(project: ImageProject, text: str):
    project.build()
    (project.experiment.state / FILE).write_text(text)
    with pytest.raises(UserError, match=r"images.json\): remove it"):
        project.ledger.entries()


def test_many_writers_lose_nothing(project: ImageProject):
    def build(number: int) -> None:
        source = project.sources(PYTHON_IMAGE=f"m:{number}").wanted("chart")
        ledger = Ledger(project.experiment.state)
        ledger.asked(project.sources().reference(source), source)

    threads = [threading.Thread(target=build, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(project.ledger.entries()) == 20


def test_a_writer_that_is_killed_leaves_the_file_as_it_was(project: ImageProject):
    project.build()
    before = (project.experiment.state / FILE).read_bytes()
    code = f"""
import os, sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from image_project import ImageProject
os.fsync = lambda descriptor: os.kill(os.getpid(), 9)
ImageProject(Path({str(project.experiment.folder)!r})).build("collect")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert done.returncode == -9, done.stderr
    assert (project.experiment.state / FILE).read_bytes() == before
    project.build("collect")
    assert len(project.ledger.entries()) == 2
