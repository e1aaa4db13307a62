"""Which image is meant, in a shell that says less than the one that built it."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_project import ImageProject

from hera_experiment.errors import UserError

MIRROR = "mirror/python:3.13"


@pytest.fixture
def project(tmp_path: Path) -> ImageProject:
    return ImageProject(tmp_path)


def test_the_containers_with_a_dockerfile(project: ImageProject):
    (project.experiment.containers / "none").mkdir()
    sources = project.sources()
    assert sources.names() == ["chart", "collect"]
    assert sources.chosen([]) == ["chart", "collect"]
    assert sources.chosen(["collect", "collect"]) == ["collect"]
    with pytest.raises(UserError, match=r"no containers/chat/Dockerfile: did you mean 'chart'\?"):
        sources.chosen(["chat"])
    with pytest.raises(UserError, match="there is: chart, collect"):
        sources.wanted("none")


def test_a_shell_without_the_base_means_the_image_that_was_built(project: ImageProject):
    plain = project.sources().wanted("chart").tag
    built = project.build(PYTHON_IMAGE=MIRROR)
    assert built != plain
    assert project.sources().wanted("chart").tag == built
    # The other container was not built with it.
    assert project.sources().wanted("collect").arguments == {}
    # What a shell says holds, though it is the Dockerfile's own, or nothing.
    assert project.sources(PYTHON_IMAGE="python:3.13").wanted("chart").tag == plain
    assert project.sources(PYTHON_IMAGE="").wanted("chart").tag == plain
    assert project.sources(PYTHON_IMAGE="other:1").wanted("chart").tag not in (plain, built)


def test_the_base_goes_on_to_the_next_content_and_is_told(project: ImageProject):
    project.build(PYTHON_IMAGE=MIRROR)
    project.write("chart", "new.py", "1")
    told: list[str] = []
    source = project.sources().to_build("chart", told.append)
    assert source.arguments == {"PYTHON_IMAGE": MIRROR} and source.base == MIRROR
    assert told == [f"PYTHON_IMAGE={MIRROR}, as in its last build (PYTHON_IMAGE= forgets it)"]
    told.clear()
    assert project.sources(PYTHON_IMAGE="").to_build("chart", told.append).arguments == {}
    assert told == []


def test_values_that_were_not_kept_name_an_image_but_build_none(project: ImageProject):
    built = project.build(BUILD_ARGS="A=1", PYTHON_IMAGE=MIRROR)
    for environ in ({}, {"PYTHON_IMAGE": MIRROR}, {"BUILD_ARGS": "A=1"}):
        assert project.sources(**environ).wanted("chart").tag == built
    for environ in ({"BUILD_ARGS": "A=2"}, {"BUILD_ARGS": ""}, {"PYTHON_IMAGE": "other:1"}):
        assert project.sources(**environ).wanted("chart").tag != built
    assert project.sources().to_build("chart", lambda _: None).unknown == ("A",)
    project.write("chart", "new.py", "1")
    with pytest.raises(UserError, match=r"values for A, .*\(BUILD_ARGS='A=…'\).*: BUILD_ARGS=$"):
        project.sources().to_build("chart", lambda _: None)
    without = project.sources(BUILD_ARGS="").to_build("chart", lambda _: None)
    assert without.arguments == {"PYTHON_IMAGE": MIRROR}


def test_of_two_images_of_one_content_the_one_asked_for_last(project: ImageProject):
    first = project.build(PYTHON_IMAGE=MIRROR)
    second = project.build(PYTHON_IMAGE="")
    assert project.sources().wanted("chart").tag == second
    project.build(PYTHON_IMAGE=MIRROR)
    assert project.sources().wanted("chart").tag == first


def test_an_option_that_changes_the_image_is_remembered(project: ImageProject):
    built = project.build(BUILD_OPTIONS="--platform=linux/amd64")
    assert project.sources().wanted("chart").tag == built
    project.write("chart", "new.py", "1")
    source = project.sources().to_build("chart", lambda _: None)
    assert source.arguments == {"--platform": "linux/amd64"}
