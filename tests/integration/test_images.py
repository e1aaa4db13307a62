"""``make build``, ``make push`` and ``make images`` with real engines and real registries."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from polling import until
from real_registry import PASSWORD, USER, Engine, RealRegistry, real_engine

TEMPLATE = Path(__file__).resolve().parents[2] / "{{cookiecutter.project_slug}}"
KINDS = ("docker", "buildkit", "podman", "buildah")

REFERENCES = """
import hera_utils
args = hera_utils.parse_arguments()
environment = hera_utils.EnvironmentOfExecution(
    hera_utils.k8s_cluster(args, asserting=False), args,
    claim_name="", mount_path="", registry=args.registry,
)
print(environment.image("one"))
"""


class Project:
    """An experiment with the containers one and two, and a person who types there."""

    def __init__(self, folder: Path, registry: str, engine: Engine) -> None:
        self.folder = folder
        self.engine = engine
        self.slug = f"images-{secrets.token_hex(4)}"
        folder.mkdir()
        (folder / "experiment.toml").write_text(
            f'[experiment]\nname = "Images"\nslug = "{self.slug}"\n'
        )
        self.home = folder / "home"
        self.home.mkdir()
        for name in ("one", "two"):
            self.write(name, "Dockerfile", f"FROM scratch\nCOPY . /{name}/\n")
            self.write(name, "program.py", f"print('{name} {self.slug}')\n")
        self.calls = folder / "calls"
        keep = ("PATH", "LANG", "XDG_RUNTIME_DIR")
        self.environ = {
            **{name: os.environ[name] for name in keep if name in os.environ},
            **engine.environ,
            "HOME": str(self.home),
            "REGISTRY_AUTH_FILE": str(self.home / "auth.json"),
            "PYTHONPATH": str(TEMPLATE),
            "PYTHONDONTWRITEBYTECODE": "1",
            "REGISTRY": registry,
        }
        # Podman and Buildah insist on a file that is named.
        (self.home / "auth.json").write_text("{}")
        self._listen_to_the_engine()

    def _listen_to_the_engine(self) -> None:
        """Put a program before the engine's own that writes down how it is called."""
        real = shutil.which(self.engine.name, path=self.environ["PATH"])
        programs = self.folder / "programs"
        programs.mkdir()
        program = programs / self.engine.name
        program.write_text(f'#!/bin/sh\necho "$@" >> {self.calls}\nexec {real} "$@"\n')
        program.chmod(0o755)
        self.environ["PATH"] = f"{programs}:{self.environ['PATH']}"

    def write(self, container: str, file: str, text: str) -> None:
        path = self.folder / "containers" / container / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def start(self, *words: str, **environ: str) -> subprocess.Popen[str]:
        """Type a verb with its options; pairs are further variables of the environment."""
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "hera_utils",
                words[0],
                f"--engine={self.engine.name}",
                *words[1:],
            ],
            cwd=self.folder,
            env={**self.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def fails(self, *words: str, **environ: str) -> str:
        process = self.start(*words, **environ)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 1, said
        assert "Traceback" not in said and PASSWORD not in said
        return said

    def type(self, *words: str, **environ: str) -> str:
        process = self.start(*words, **environ)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
        assert PASSWORD not in said
        return said

    def reference(self, **environ: str) -> str:
        """Return what a workflow that is submitted now refers to."""
        (self.folder / "show.py").write_text(REFERENCES)
        done = subprocess.run(
            [sys.executable, "show.py"],
            cwd=self.folder,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def record(self) -> dict[str, dict[str, str]]:
        path = self.folder / ".hera" / "images.json"
        return json.loads(path.read_text())["images"] if path.exists() else {}

    def work_of_the_engine(self) -> list[str]:
        """Return the builds and pushes that the engine was asked for since the last call."""
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return [call for call in calls if call.split()[0] in ("build", "push")]

    def images(self) -> list[str]:
        """Return the names of the project's images in the engine."""
        name = "{{.Name}}" if self.engine.name == "buildah" else "{{.Repository}}"
        command = [self.engine.name, "images", "--format", name + ":{{.Tag}}"]
        listed = subprocess.run(
            command, env=self.environ, capture_output=True, text=True, check=True
        )
        return [each for each in listed.stdout.splitlines() if self.slug in each]

    def remove_images(self) -> None:
        remove = ["rmi"] if self.engine.name == "buildah" else ["image", "rm"]
        if names := self.images():
            command = [self.engine.name, *remove, "--force", *names]
            subprocess.run(command, env=self.environ, capture_output=True, check=True)


@pytest.fixture(scope="module")
def engine_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Engine]:
    """Return the engine of a kind, or skip, having tried it once."""
    found: dict[str, Engine] = {}

    def engine(kind: str) -> Engine:
        if kind not in found:
            found[kind] = real_engine(kind, tmp_path_factory.mktemp("probe") / "context")
        return found[kind]

    return engine


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, engine_of: Callable[[str], Engine]) -> Engine:
    return engine_of(request.param)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[RealRegistry]:
    made = RealRegistry(tmp_path / "registry")
    yield made
    made.close()


@pytest.fixture
def private(tmp_path: Path) -> Iterator[RealRegistry]:
    made = RealRegistry(tmp_path / "private", private=True)
    yield made
    made.close()


@pytest.fixture
def new_project(tmp_path: Path) -> Iterator[Callable[..., Project]]:
    made: list[Project] = []

    def make(registry: str, engine: Engine) -> Project:
        made.append(Project(tmp_path / f"project{len(made)}", registry, engine))
        return made[-1]

    yield make
    for project in made:
        project.remove_images()


def test_an_image_is_built_and_pushed_once_per_content(
    new_project: Callable[..., Project], engine: Engine, registry: RealRegistry
) -> None:
    project = new_project(f"{registry.host}/a/project", engine)
    repository = f"a/project/{project.slug}-one"
    before = project.reference()
    assert re.fullmatch(rf"{registry.host}/{repository}:[0-9a-f]{{16}}", before)
    assert "make build push" in project.fails("push")
    assert project.work_of_the_engine() == []

    said = project.type("build")
    assert len(re.findall(r"^(?:one|two)  .* was built in \d+ s$", said, re.MULTILINE)) == 2, said
    assert re.search(r"^one  \d/\d COPY \. /one/$", said, re.MULTILINE), said
    assert project.reference() == before
    project.type("push")
    assert len(project.work_of_the_engine()) == 2 + 2 * 2
    digest = registry.digest(repository, before.rpartition(":")[2])
    assert digest and registry.digest(repository, "latest") == digest
    assert project.record()[before]["digest"] == digest
    by_digest = project.reference()
    assert by_digest == f"{registry.host}/{repository}@{digest}"

    # The same content: nothing is built, nothing is pushed, a HEAD request decides.
    asked = len(registry.requests())
    assert project.type("build").count("is built already") == 2
    assert project.type("push").count(f"is in {registry.host}/a/project already") == 2
    assert project.work_of_the_engine() == []
    assert {method for method, _ in registry.requests()[asked:]} == {"HEAD"}

    # Other content: the workflow no longer refers to what was pushed, before and after.
    project.write("one", "program.py", "print('new')\n")
    changed = project.reference()
    assert changed.rpartition(":")[0] == before.rpartition(":")[0] and changed != before
    assert "make build push" in project.fails("push")
    project.type("build")
    project.type("push")
    assert len(project.work_of_the_engine()) == 1 + 2
    assert project.reference() not in (by_digest, changed)
    latest = registry.digest(repository, "latest")
    assert project.reference() == f"{registry.host}/{repository}@{latest}"

    # What .dockerignore keeps out changes nothing.
    project.write("one", ".dockerignore", "*.log\n.dockerignore\n")
    project.type("build")
    project.work_of_the_engine()
    project.write("one", "x.log", "1")
    project.type("build")
    assert project.work_of_the_engine() == []


def test_the_list_of_images(
    new_project: Callable[..., Project], engine: Engine, registry: RealRegistry
) -> None:
    project = new_project(registry.host, engine)

    def row() -> list[str]:
        said = project.type("images", "--container=one").splitlines()
        assert said[0].split() == ["container", "tag", "built", "pushed", "age", "digest"]
        return said[1].split()

    tag = project.reference().rpartition(":")[2]
    assert row() == ["one", tag, "no", "no", "-", "-"]
    (listed,) = json.loads(project.type("images", "--container=one", "-o", "json"))
    assert (listed["container"], listed["tag"], listed["pushed"]) == ("one", tag, "no")
    project.type("build")
    assert row()[:4] == ["one", tag, "yes", "no"] and row()[-1] == "-"
    assert re.fullmatch(r"\d+ s", " ".join(row()[4:6]))
    project.type("push", "--container", "one")
    assert row()[2:4] == ["yes", "yes"]
    assert row()[-1] == registry.digest(f"{project.slug}-one", tag)
    # The other one was not pushed.
    assert registry.digest(f"{project.slug}-two", "latest") == ""


def test_a_failing_build_names_the_instruction_and_the_others_are_built(
    new_project: Callable[..., Project], engine: Engine, registry: RealRegistry
) -> None:
    project = new_project(registry.host, engine)
    project.write("one", "Dockerfile", "FROM scratch\nCOPY program.py /\nCOPY absent /\n")
    said = project.fails("build")
    assert "building containers/one failed at COPY absent / (containers/one/Dockerfile)" in said
    assert "its last lines were" in said and re.search(
        r"absent.*(not found|no such|not exist)", said
    )
    assert re.search(r"^two  .* was built in", said, re.MULTILINE)
    assert [entry["container"] for entry in project.record().values()] == ["two"]


def test_signing_in(
    new_project: Callable[..., Project], engine: Engine, private: RealRegistry
) -> None:
    project = new_project(private.host, engine)
    project.type("build")
    said = project.fails("push")
    insecure = [] if engine.name == "docker" else ["--tls-verify=false"]
    login = [engine.name, "login", *insecure, private.host]
    assert f"{private.host} does not know who pushes" in said
    assert "(REGISTRY in the environment)" in said and " ".join(login) in said
    assert all(not entry["digest"] for entry in project.record().values())
    assert "signed out" in project.type("images")
    done = subprocess.run(
        [*login[:-1], "--username", USER, "--password-stdin", private.host],
        input=PASSWORD,
        env=project.environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    project.type("push")
    digest = private.digest(f"{project.slug}-one", "latest")
    assert project.reference() == f"{private.host}/{project.slug}-one@{digest}"
    # A new clone of the repository knows nothing yet, and asks as whoever is signed in.
    shutil.rmtree(project.folder / ".hera")
    assert project.reference().endswith(f"@{digest}")
    assert project.type("push").count("already") == 2


@pytest.fixture
def docker(engine_of: Callable[[str], Engine]) -> Engine:
    return engine_of("docker")


def test_a_registry_that_refuses(
    new_project: Callable[..., Project], docker: Engine, tmp_path: Path
) -> None:
    refusing = RealRegistry(tmp_path / "refusing", read_only=True)
    try:
        project = new_project(refusing.host, docker)
        project.type("build")
        said = project.fails("push", "--container=one")
    finally:
        refusing.close()
    assert f"hera_utils: {refusing.host} refuses {refusing.host}/{project.slug}-one:" in said
    assert "ask whoever keeps the registry" in said
    # Then nobody answers: one sentence, though there are two images.
    said = project.fails("push")
    assert said.count(f"nothing listens at http://{refusing.host} (REGISTRY in the env") == 1
    assert all(not entry["digest"] for entry in project.record().values())


def test_where_to_push_must_be_said(new_project: Callable[..., Project], docker: Engine) -> None:
    project = new_project("", docker)
    said = project.fails("push")
    assert "no registry is set" in said and "clusters/NAME.config" in said
    assert "make push CLUSTER=NAME" in project.fails("push", "--cluster=local")
    said = project.fails("push", "--registry=127.0.0.1:5000/Project")
    assert "not the address of a registry (--registry on the command line)" in said


def test_the_cluster_chooses_the_registry(
    new_project: Callable[..., Project], docker: Engine, registry: RealRegistry
) -> None:
    project = new_project("elsewhere.invalid", docker)
    (project.folder / "clusters").mkdir()
    (project.folder / "clusters" / "lab.config").write_text(f"registry = '{registry.host}/lab'\n")
    assert "make build push CLUSTER=lab" in project.fails("push", "--cluster=lab")
    project.type("build", "--cluster=lab")
    project.type("push", "--cluster=lab")
    assert registry.digest(f"lab/{project.slug}-two", "latest")


def test_what_the_registry_has_is_not_built_again(
    new_project: Callable[..., Project], docker: Engine, registry: RealRegistry
) -> None:
    project = new_project(registry.host, docker)
    project.type("build")
    project.type("push")
    by_digest = project.reference()
    project.remove_images()
    shutil.rmtree(project.folder / ".hera")
    project.work_of_the_engine()
    assert project.type("build").count(f"is in {registry.host} already") == 2
    assert project.type("push").count("already") == 2
    assert project.work_of_the_engine() == []
    assert project.reference() == by_digest


def test_arguments_hold_in_the_shells_that_follow(
    new_project: Callable[..., Project], docker: Engine, registry: RealRegistry
) -> None:
    project = new_project(registry.host, docker)
    (project.folder / "base").mkdir()
    base = f"localhost/{project.slug}-base:1"
    docker.call("build", "--tag", base, str(_scratch(project.folder / "base")))
    try:
        text = "ARG PYTHON_IMAGE=scratch\nARG KEY\nFROM ${PYTHON_IMAGE}\nCOPY . /\n"
        project.write("one", "Dockerfile", text)
        plain = project.reference()
        project.type("build", "--container=one", PYTHON_IMAGE=base, BUILD_ARGS=f"KEY={PASSWORD}")
        built = project.reference()
        assert built != plain
        assert PASSWORD not in (project.folder / ".hera" / "images.json").read_text()
        project.type("push", "--container=one")
        assert "@sha256:" in project.reference()
        project.write("one", "program.py", "print('new')")
        said = project.fails("build", "--container=one")
        assert "values for KEY, which are not kept" in said and "BUILD_ARGS='KEY=…'" in said
        said = project.type("build", "--container=one", "--build_args=")
        assert f"PYTHON_IMAGE={base}, as in its last build (PYTHON_IMAGE= forgets it)" in said
        said = project.type("build", "--container=one", "--python_image=", "--build_args=")
        assert "as in its last build" not in said
    finally:
        docker.call("image", "rm", "--force", base)


def _scratch(folder: Path) -> Path:
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /base\n")
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["docker", "buildkit"])
def test_an_interrupted_build_records_nothing(
    new_project: Callable[..., Project],
    engine_of: Callable[[str], Engine],
    registry: RealRegistry,
    kind: str,
    number: signal.Signals,
) -> None:
    project = new_project(registry.host, engine_of(kind))
    base = os.environ.get("PYTHON_IMAGE", "python:3.13-slim")
    project.write("one", "Dockerfile", f"FROM {base}\nRUN echo {project.slug} && sleep 120\n")
    process = project.start("build", "--container=one")
    assert process.stdout
    for line in process.stdout:
        if "RUN echo" in line:
            break
    time.sleep(0.5)
    process.send_signal(number)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130 and "Traceback" not in said, said
    assert project.record() == {}
    assert project.images() == []
    project.write("one", "Dockerfile", "FROM scratch\nCOPY . /\n")
    project.type("build", "--container=one")


def test_an_interrupted_push_records_nothing(
    new_project: Callable[..., Project], docker: Engine, registry: RealRegistry
) -> None:
    project = new_project(registry.host, docker)
    project.write("one", "much", secrets.token_hex(30_000_000))
    project.type("build", "--container=one")
    recorded = project.record()
    process = project.start("push", "--container=one")
    assert process.stdout
    assert "pushing" in process.stdout.readline()
    until(lambda: any(method == "POST" for method, _ in registry.requests()), 20, 0.02)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130 and "Traceback" not in said, said
    assert project.record() == recorded
    project.type("push", "--container=one")
    assert "@sha256:" in project.reference()


def test_no_engine(
    new_project: Callable[..., Project], docker: Engine, registry: RealRegistry
) -> None:
    project = new_project(registry.host, docker)
    said = project.fails("build", PATH=str(project.home))
    assert "no container engine is installed here (docker)" in said
    assert "no engine" in project.type("images", PATH=str(project.home))
    assert "use one of docker, podman, buildah" in project.fails("build", "--engine=rkt")
