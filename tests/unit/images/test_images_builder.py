"""Building: the command, the tag, once per content, and what a failure says."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from hera_utils.errors import UserError
from hera_utils.images.builder import Builder, BuildSettings, failing_instruction
from hera_utils.images.engine import Completed, find_engine


class Engine:
    """Stands for an engine's program: remembers what it was asked and what it built."""

    def __init__(self, fails: str = "") -> None:
        self.asked: list[list[str]] = []
        self.images: set[str] = set()
        self.fails = fails

    def __call__(self, argv: Sequence[str]) -> Completed:
        self.asked.append(list(argv))
        if "inspect" in argv:
            return Completed(0 if argv[-1] in self.images else 1, "")
        if self.fails:
            return Completed(1, self.fails)
        self.images |= {argv[at + 1] for at, word in enumerate(argv) if word == "--tag"}
        return Completed(0, "")


@pytest.fixture
def containers(tmp_path: Path) -> Path:
    folder = tmp_path / "containers" / "chart"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("ARG PYTHON_IMAGE=python:3.13\nFROM ${PYTHON_IMAGE}\n")
    return tmp_path / "containers"


def builder(containers: Path, engine: Engine, name: str = "docker", **options: object) -> Builder:
    arguments = {"slug": "lyon", "settings": BuildSettings(), "environ": {}, **options}
    return Builder(name, engine, containers=containers, **arguments)  # type: ignore[arg-type]


def test_once_per_content(containers: Path):
    engine = Engine()
    announced: list[str] = []
    build = builder(containers, engine)
    threads = [
        threading.Thread(target=build.ensure, args=("chart", announced.append)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert announced == ["building the image of containers/chart"]
    first = build.ensure("chart", announced.append)
    (containers / "chart" / "new.py").write_text("1")
    second = build.ensure("chart", announced.append)
    assert first != second and len(announced) == 2
    assert first.startswith("localhost/lyon-chart:")
    assert engine.images == {first, second, "localhost/lyon-chart:latest"}


def test_the_tag_tells_the_arguments_that_the_dockerfile_takes(containers: Path):
    def tag(*options: str, **arguments: str) -> str:
        settings = BuildSettings(arguments, options)
        return builder(containers, Engine(), settings=settings).source("chart").tag

    plain = tag()
    assert tag(OTHER="x") == plain
    assert tag("--network=host") == plain
    assert tag(PYTHON_IMAGE="mirror/python:3.13") != plain


def test_the_dockerfile_counts_even_where_it_is_ignored(containers: Path):
    (containers / "chart" / ".dockerignore").write_text("Dockerfile\n")
    before = builder(containers, Engine()).source("chart").tag
    (containers / "chart" / "Dockerfile").write_text("FROM python:3.13\nENV A=1\n")
    assert builder(containers, Engine()).source("chart").tag != before


def test_the_command(containers: Path):
    engine = Engine()
    settings = BuildSettings({"PYTHON_IMAGE": "m/p:3", "OTHER": "x"}, ("--network=host",))
    environ = {"HTTPS_PROXY": "http://user:secret@proxy", "TOKEN": "t"}
    build = builder(
        containers, engine, "podman", settings=settings, environ=environ, registry="h:5000/project"
    )
    reference = build.build(build.source("chart"))
    folder = containers / "chart"
    assert engine.asked[-1] == [
        *("podman", "build", "--file", str(folder / "Dockerfile"), "--format=docker"),
        *("--tag", reference, "--tag", "h:5000/project/lyon-chart:latest"),
        *("--build-arg", "PYTHON_IMAGE=m/p:3", "--build-arg", "HTTPS_PROXY"),
        *("--network=host", str(folder)),
    ]


CLASSIC = """Sending build context to Docker daemon  2.048kB
Step 1/3 : FROM python:3.13-slim
 ---> 35f72e553e00
Step 2/3 : RUN pip install nothing
 ---> Running in 5f39548cf417
ERROR: No matching distribution found for nothing
The command '/bin/sh -c pip install nothing' returned a non-zero code: 1
"""
BUILDKIT = """#1 [internal] load build definition from Dockerfile
#1 DONE 0.0s
#5 [1/3] FROM docker.io/library/python:3.13-slim
#6 [2/3] RUN pip install nothing
#7 [3/3] COPY . .
#7 CACHED
#6 1.2 ERROR: No matching distribution found for nothing
#6 ERROR: process "/bin/sh -c pip install nothing" did not complete successfully: exit code: 1
"""
PODMAN = """STEP 1/3: FROM python:3.13-slim
STEP 2/3: RUN pip install nothing
ERROR: No matching distribution found for nothing
Error: building at STEP "RUN pip install nothing": while running runtime: exit status 1
"""


@pytest.mark.parametrize("output", [CLASSIC, BUILDKIT, PODMAN])
def test_a_failing_build_names_the_instruction(containers: Path, output: str):
    assert failing_instruction(output)[0] == "RUN pip install nothing"
    with pytest.raises(UserError) as caught:
        builder(containers, Engine(fails=output)).ensure("chart", lambda _: None)
    assert "RUN pip install nothing" in str(caught.value)
    assert "No matching distribution found for nothing" in str(caught.value)
    assert "containers/chart/Dockerfile" in str(caught.value)


def test_a_build_that_never_began():
    assert failing_instruction("Cannot connect to the daemon\n") == (
        "",
        "Cannot connect to the daemon",
    )


def _programs(folder: Path, *names: str) -> dict[str, str]:
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return {"PATH": str(folder)}


def test_the_engine_that_answers_is_found(tmp_path: Path):
    environ = _programs(tmp_path, "docker", "podman")

    def run(argv: Sequence[str]) -> Completed:
        return Completed(int(argv[0] == "docker"), "one\nCannot connect to the daemon\n")

    assert find_engine("", environ, run) == "podman"
    with pytest.raises(UserError, match="docker is installed but does not answer: Cannot connect"):
        find_engine("docker", environ, run)
    with pytest.raises(UserError, match="no container engine 'rkt'"):
        find_engine("rkt", environ, run)
    with pytest.raises(UserError, match="no container engine is installed"):
        find_engine("buildah", environ, run)


def test_settings_from_the_environment():
    environ = {
        "PYTHON_IMAGE": "m/p:3",
        "BUILD_ARGS": "A=1 B='2 3'",
        "BUILD_OPTIONS": "--network=host",
    }
    settings = BuildSettings.from_environ(environ)
    assert settings.arguments == {"PYTHON_IMAGE": "m/p:3", "A": "1", "B": "2 3"}
    assert settings.options == ("--network=host",)
    assert BuildSettings.from_environ({}) == BuildSettings()
    with pytest.raises(UserError, match="BUILD_ARGS"):
        BuildSettings.from_environ({"BUILD_ARGS": "A"})
    with pytest.raises(UserError, match="BUILD_OPTIONS"):
        BuildSettings.from_environ({"BUILD_OPTIONS": "'"})
