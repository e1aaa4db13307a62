"""The tag of an image: its files, its base, the arguments that its Dockerfile takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from hera_experiment.errors import UserError
from hera_experiment.images.source import BuildSettings, ImageSource


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "chart"
    folder.mkdir()
    (folder / "Dockerfile").write_text(
        "ARG PYTHON_IMAGE=python:3.13\nARG A\nFROM ${PYTHON_IMAGE}\nARG A\n"
    )
    return folder


def tag(folder: Path, **arguments: str) -> str:
    return ImageSource.read(folder, arguments).tag


def test_arguments_count_where_the_dockerfile_takes_them(folder: Path):
    plain = tag(folder)
    assert tag(folder, OTHER="x") == plain
    assert tag(folder, PYTHON_IMAGE="mirror/python:3.13") != plain
    assert tag(folder, A="1") != plain
    assert ImageSource.read(folder, {"--platform": "linux/arm64"}).tag != plain


def test_a_value_that_the_dockerfile_has_itself_is_as_good_as_none(folder: Path):
    assert tag(folder, PYTHON_IMAGE="python:3.13") == tag(folder)
    assert ImageSource.read(folder, {"PYTHON_IMAGE": "python:3.13"}).arguments == {}


@pytest.mark.parametrize(
    ("dockerfile", "is_default"),
    [
        ("ARG A=1\nFROM x\nARG A\n", True),
        ("ARG A='1'\nFROM x\nARG A=1\n", True),
        ("FROM x\nARG A=1\n", True),
        ("FROM x\nARG A=1\nFROM y\nARG A\n", False),
        ("ARG A=1\nFROM x\nARG A=2\n", False),
        ("FROM x\nARG A\n", False),
        ("ARG B=1\nARG A=$B\nFROM x\n", False),
    ],
)
def test_what_a_default_is(folder: Path, dockerfile: str, is_default: bool):
    (folder / "Dockerfile").write_text(dockerfile)
    assert (tag(folder, A="1") == tag(folder)) == is_default


def test_files_count_but_those_that_are_ignored(folder: Path):
    (folder / ".dockerignore").write_text("Dockerfile\n*.log\n")
    before = tag(folder)
    (folder / "x.log").write_text("1")
    assert tag(folder) == before
    (folder / "Dockerfile").write_text("FROM python:3.13\nENV A=1\n")
    assert tag(folder) != before
    source = ImageSource.read(folder, {})
    assert source.again() == source
    (folder / "x.py").write_text("1")
    assert source.again().tag != source.tag


def test_settings_from_the_environment():
    environ = {
        "PYTHON_IMAGE": "m/p:3",
        "BASE_IMAGE": "",
        "BUILD_ARGS": "A=1 B='2 3'",
        "BUILD_OPTIONS": "--network=host --platform linux/amd64 --target=last",
    }
    settings = BuildSettings.from_environ(environ)
    assert settings.arguments == {
        **{"PYTHON_IMAGE": "m/p:3", "A": "1", "B": "2 3"},
        **{"--platform": "linux/amd64", "--target": "last"},
    }
    assert settings.options == ("--network=host",)
    assert settings.given == set(environ)
    assert BuildSettings.from_environ({}) == BuildSettings()


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("BUILD_ARGS", "A", "'A' is not NAME=value"),
        ("BUILD_ARGS", "'", "no closing quotation"),
        ("BUILD_OPTIONS", "'", "no closing quotation"),
        ("BUILD_OPTIONS", "--build-arg TOKEN=s3cret", "write BUILD_ARGS='NAME=value'"),
    ],
)
def test_settings_that_cannot_be_read(variable: str, value: str, says: str):
    with pytest.raises(UserError, match=says) as caught:
        BuildSettings.from_environ({variable: value})
    assert variable in str(caught.value) and "s3cret" not in str(caught.value)
