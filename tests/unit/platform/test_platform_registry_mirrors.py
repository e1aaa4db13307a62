"""Mirrors of registries, as the engines' settings name them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hera_experiment.platform.registry import Image
from hera_experiment.platform.registry_mirrors import places

PYTHON = Image.parse("python:3.13")
OTHER = Image.parse("quay.io/team/tool:1")


def written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def asked(image: Image, tmp_path: Path) -> list[str]:
    environ = {"HOME": str(tmp_path / "home")}
    return [str(place) for place in places(image, environ, tmp_path)]


def test_dockers_mirrors_are_of_its_own_registry(tmp_path: Path) -> None:
    assert asked(PYTHON, tmp_path) == ["docker.io/library/python:3.13"]
    mirrors = ["https://m.example.org/", "http://127.0.0.1:5001", "http://plain.example.org", 3]
    written(tmp_path / "etc/docker/daemon.json", json.dumps({"registry-mirrors": mirrors}))
    assert asked(PYTHON, tmp_path) == [
        "m.example.org/library/python:3.13",
        "127.0.0.1:5001/library/python:3.13",
        "docker.io/library/python:3.13",
    ]
    assert asked(OTHER, tmp_path) == ["quay.io/team/tool:1"]


TABLE = """
[[registry]]
prefix = "docker.io"
location = "docker.io"
[[registry.mirror]]
location = "cache.example.org/hub"

[[registry]]
location = "quay.io/team"
[[registry.mirror]]
location = "cache.example.org/quay-team"
"""


def test_podmans_table_of_registries(tmp_path: Path) -> None:
    written(tmp_path / "etc/containers/registries.conf", TABLE)
    hub = ["cache.example.org/hub/library/python:3.13", "docker.io/library/python:3.13"]
    assert asked(PYTHON, tmp_path) == hub
    quay = ["cache.example.org/quay-team/tool:1", "quay.io/team/tool:1"]
    assert asked(OTHER, tmp_path) == quay
    assert asked(Image.parse("quay.io/teams/tool:1"), tmp_path) == ["quay.io/teams/tool:1"]
    # What is beside the file adds to it, and a person's own file stands in for it.
    extra = '[[registry]]\nprefix = "quay.io"\nlocation = "inner.example.org"\n'
    written(tmp_path / "etc/containers/registries.conf.d/1.conf", extra)
    assert asked(OTHER, tmp_path) == quay
    assert asked(Image.parse("quay.io/x/y:1"), tmp_path) == [
        "inner.example.org/x/y:1",
        "quay.io/x/y:1",
    ]
    written(tmp_path / "home/.config/containers/registries.conf", "")
    assert asked(PYTHON, tmp_path) == ["docker.io/library/python:3.13"]


@pytest.mark.parametrize("text", ["{", "[]", '{"registry-mirrors": 1}', "registry = 3", "\0"])
def test_settings_that_cannot_be_read_name_no_mirror(tmp_path: Path, text: str) -> None:
    written(tmp_path / "etc/docker/daemon.json", text)
    written(tmp_path / "etc/containers/registries.conf", text)
    assert asked(PYTHON, tmp_path) == ["docker.io/library/python:3.13"]
