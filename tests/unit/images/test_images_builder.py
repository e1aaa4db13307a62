"""Building: the command, once per content, and what a failure says; which engine is used."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from hera_experiment.errors import UserError
from hera_experiment.images.builder import Builder
from hera_experiment.images.engine import Completed, find_engine, refuse_unknown_engine
from hera_experiment.images.source import BuildSettings


class Engine:
    """Stands for an engine's program: remembers what it was asked and what it built."""

    def __init__(self, fails: str = "") -> None:
        self.asked: list[list[str]] = []
        self.images: set[str] = set()
        self.fails = fails
        self.meanwhile = lambda: None

    def __call__(self, argv: Sequence[str]) -> Completed:
        self.asked.append(list(argv))
        if "inspect" in argv:
            return Completed(0 if argv[-1] in self.images else 1, "")
        if argv[1] == "tag":
            self.images.add(argv[-1])
        elif self.fails:
            return Completed(1, self.fails)
        else:
            self.meanwhile()
            Path(argv[argv.index("--iidfile") + 1]).write_text("sha256:00ff")
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


def test_an_image_of_files_that_changed_meanwhile_gets_no_name(containers: Path):
    engine = Engine()
    engine.meanwhile = lambda: (containers / "chart" / "new.py").write_text("1") and None
    with pytest.raises(UserError, match="containers/chart changed while it was built: build again"):
        builder(containers, engine).ensure("chart", lambda _: None)
    assert engine.images == set()


def test_the_command(containers: Path):
    engine = Engine()
    arguments = {"PYTHON_IMAGE": "127.0.0.1:5000/p:3", "OTHER": "x", "--platform": "linux/amd64"}
    settings = BuildSettings(arguments, ("--network=host",))
    environ = {"HTTPS_PROXY": "http://user:secret@proxy", "TOKEN": "t"}
    build = builder(containers, engine, "podman", settings=settings, environ=environ)
    reference = build.build(build.source("chart"))
    folder = containers / "chart"
    command, first, second = engine.asked
    identifier = command.pop(command.index("--iidfile") + 1)
    assert not Path(identifier).exists()
    assert command == [
        *("podman", "build", "--file", str(folder / "Dockerfile"), "--format=docker", "--layers"),
        *("--tls-verify=false", "--iidfile", "--platform", "linux/amd64"),
        *("--build-arg", "PYTHON_IMAGE=127.0.0.1:5000/p:3", "--build-arg", "HTTPS_PROXY"),
        *("--network=host", str(folder)),
    ]
    assert first == ["podman", "tag", "sha256:00ff", reference]
    assert second == ["podman", "tag", "sha256:00ff", "localhost/lyon-chart:latest"]


def test_a_failing_build_names_the_instruction(containers: Path):
    output = "STEP 1/2: FROM python\nSTEP 2/2: RUN pip install nothing\nERROR: nothing\n"
    with pytest.raises(UserError) as caught:
        builder(containers, Engine(fails=output)).ensure("chart", lambda _: None)
    assert str(caught.value) == (
        "building containers/chart failed at RUN pip install nothing (containers/chart/Dockerfile):"
        " its last lines were\nSTEP 2/2: RUN pip install nothing\nERROR: nothing"
    )


def _programs(folder: Path, *names: str) -> dict[str, str]:
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return {"PATH": str(folder)}


def test_an_engine_we_do_not_know_is_refused_with_its_source():
    said = r"no container engine 'rkt' \(the option --engine\): use one of docker, podman, buildah"
    with pytest.raises(UserError, match=said):
        refuse_unknown_engine("rkt", "the option --engine")
    refuse_unknown_engine("", "nowhere")
    refuse_unknown_engine("buildah", "the option --engine")


def test_the_engine_that_answers_is_found(tmp_path: Path):
    environ = _programs(tmp_path, "docker", "podman")

    def run(argv: Sequence[str]) -> Completed:
        return Completed(int(argv[0] == "docker"), "one\nCannot connect to the daemon\n")

    assert find_engine("", environ, run) == "podman"
    with pytest.raises(UserError, match="docker is installed but does not answer: Cannot connect"):
        find_engine("docker", environ, run)
    with pytest.raises(UserError, match="no container engine is installed"):
        find_engine("buildah", environ, run)
