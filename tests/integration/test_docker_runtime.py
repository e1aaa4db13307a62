"""Containers in a real engine: Docker, and Podman where it is installed with a base image."""

from __future__ import annotations

import ast
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from polling import until

sys.path.insert(0, str(Path(__file__).parent.parent / "unit" / "runtimes"))

from runtime_project import SLUG, Project, write_wheel

from hera_experiment.errors import UserError
from hera_experiment.images.source import BuildSettings
from hera_experiment.local.runtimes.base import BEGAN, ContainerState, Progress, Ready
from hera_experiment.local.runtimes.registry import Runtimes

BASE = os.environ.get("PYTHON_IMAGE", "python:3.13-slim")


def _missing(what: str) -> None:
    # Docker is part of what CI must offer; Podman is tried where there happens to be one.
    if os.environ.get("CI") and what.startswith("docker"):
        pytest.fail(f"{what}: run the test cluster's 'up' first")
    pytest.skip(what)


@pytest.fixture(scope="module", params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if shutil.which(name) is None:
        _missing(f"{name} is not installed")
    done = subprocess.run([name, "image", "inspect", BASE], capture_output=True, check=False)
    if done.returncode != 0:
        _missing(f"{name} does not answer or lacks the image {BASE}")
    run = [name, "run", "--rm", BASE, "true"]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        _missing(f"{name} cannot run containers here: {done.stderr.strip()[-200:]}")
    return name


class Laptop:
    """A project with one engine's runtime."""

    def __init__(self, project: Project, engine: str) -> None:
        self.project = project
        self.engine = engine
        self.runtime = self.new_runtime()

    def new_runtime(self):
        return Runtimes(
            slug=SLUG,
            containers=self.project.containers,
            state=self.project.state,
            objects=self.project.objects,
            environ=os.environ,
            build=BuildSettings({"PYTHON_IMAGE": BASE, "OTHER": "x"}, ("--network=host",)),
        ).get(self.engine)

    def run(self, template, **options):
        pod = self.project.pod(template, **options)
        result = self.runtime.run(pod, self.project.announce)
        assert not pod.folder.exists()
        return result, pod.log.read_text() if pod.log.exists() else ""

    def containers(self) -> list[str]:
        label = f"label=hera-experiment.state={self.project.state.resolve()}"
        listed = subprocess.run(
            [self.engine, "ps", "-aq", "--filter", label],
            capture_output=True,
            text=True,
            check=True,
        )
        return listed.stdout.split()


@pytest.fixture
def laptop(tmp_path: Path, engine: str):
    laptop = Laptop(Project(tmp_path), engine)
    yield laptop
    assert laptop.containers() == []
    images = subprocess.run(
        [engine, "images", "--format", "{{.Repository}}:{{.Tag}}"], capture_output=True, text=True
    ).stdout.split()
    mine = [image for image in images if image.startswith(f"localhost/{SLUG}-")]
    if mine:
        subprocess.run([engine, "rmi", "--force", *mine], capture_output=True, check=True)


def shell(code: str, **container):
    return {"container": {"image": BASE, "command": ["sh", "-c"], "args": [code], **container}}


def test_streams_result_and_exit_code(laptop: Laptop):
    result, log = laptop.run(shell("echo one; echo two >&2; echo three; exit 3"))
    assert (result.exit_code, result.message) == (3, "main: Error (exit code 3)")
    assert result.result == "one\nthree"
    assert sorted(log.split()) == ["one", "three", "two"]
    assert laptop.project.announced == [BEGAN, ""]


@pytest.mark.parametrize("program", ["nonesuch", "/usr/bin/nonesuch"])
def test_a_program_that_is_not_there(laptop: Laptop, program: str):
    result, log = laptop.run({"container": {"image": BASE, "command": [program, "x"]}})
    assert result.exit_code == 64, (result, log)
    assert result.message.startswith("main: Error (exit code 64): failed to")


def test_a_script_with_variables_and_volumes(laptop: Laptop):
    objects = laptop.project.objects
    claim = objects.add_claim("data")
    objects.values["configmaps", "settings"] = {"a.ini": b"A"}
    objects.values["secrets", "token"] = {"key": b"s3cret\nline"}
    source = """
import os, pathlib, sys
out = pathlib.Path('/data/run/x,y')
out.parent.mkdir()
out.write_text('written')
print(open('/settings/a.ini').read(), os.environ['SECRET'], os.environ['BOTH'], sys.argv)
print(os.getcwd(), os.statvfs('/dev/shm').f_blocks * os.statvfs('/dev/shm').f_frsize)
"""
    template = {
        "script": {
            "image": BASE,
            "command": ["python3"],
            "source": source,
            "workingDir": "/some/where",
            "env": [
                {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "token", "key": "key"}}},
                {"name": "BOTH", "value": "$(SECRET)$$"},
            ],
            "volumeMounts": [
                {"name": "data", "mountPath": "/data"},
                {"name": "settings", "mountPath": "/settings"},
                {"name": "shm", "mountPath": "/dev/shm"},
            ],
        }
    }
    volumes = [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "settings", "configMap": {"name": "settings"}},
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "32Mi"}},
    ]
    result, log = laptop.run(template, volumes=volumes)
    assert (result.result or log).splitlines() == [
        "A s3cret",
        "line s3cret",
        "line$ ['/argo/staging/script']",
        f"/some/where {32 * 2**20}",
    ]
    written = claim / "run" / "x,y"
    assert written.read_text() == "written"
    assert written.stat().st_uid == os.getuid()


def test_an_argument_too_long_for_linux_is_a_file(laptop: Laptop):
    read = "import sys; print(sys.argv[1], len(open(sys.argv[2][1:]).read()), sys.argv[2])"
    container = {"image": BASE, "command": ["python3", "-c", read], "args": ["a", "ä" * 70_000]}
    result, log = laptop.run({"container": container})
    assert result.result == "a 70000 @/tmp/argo_arg_3.txt", (result.message, log)


def test_output_parameters_from_files_and_volumes(laptop: Laptop):
    template = shell(
        r"printf 'a\n\n' > /tmp/a; mkdir /out; ln -s /tmp/a /out/link; echo v > /v/x",
        volumeMounts=[{"name": "v", "mountPath": "/v"}],
    )
    paths = {"a": "/tmp/a", "link": "/out/link", "v": "/v/x"}
    parameters = [{"name": n, "valueFrom": {"path": p}} for n, p in paths.items()]
    parameters.append({"name": "d", "valueFrom": {"path": "/nope", "default": "dd"}})
    volumes = [{"name": "v", "emptyDir": {}}]
    result, log = laptop.run({**template, "outputs": {"parameters": parameters}}, volumes=volumes)
    assert result.parameters == {"a": "a\n", "link": "a\n", "v": "v", "d": "dd"}, (result, log)
    missing = {"outputs": {"parameters": [{"name": "p", "valueFrom": {"path": "/tmp/nope"}}]}}
    result, _ = laptop.run({**shell("true"), **missing})
    assert (result.exit_code, result.error) == (0, True)
    assert result.message.endswith("/outputs/parameters/tmp/nope: no such file or directory")


def test_outputs_that_are_not_taken(laptop: Laptop):
    (laptop.project.root / "secret").write_text("s3cret")
    laptop.project.objects.add_claim("data")
    code = (
        f"ln -s {laptop.project.root}/secret /v/absolute; ln -s ../../../secret /v/relative;"
        "mkfifo /v/pipe /tmp/pipe; ln -s /dev/zero /tmp/zero; mkdir /tmp/folder;"
        "ln -s /dev/zero /v/zero; head -c 3000000 /dev/zero > /tmp/large; cp /tmp/large /v/large"
    )
    template = shell(f"rm -rf /v/*; {code}", volumeMounts=[{"name": "v", "mountPath": "/v"}])
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    words = {
        **{"/v/absolute": "a link out", "/v/relative": "leads out", "/v/zero": "a link out"},
        **{"/v/pipe": "a named pipe", "/tmp/pipe": "a named pipe", "/tmp/zero": "a device"},
        **{"/tmp/folder": "a folder", "/tmp/large": "1536 KiB", "/v/large": "1536 KiB"},
    }
    if laptop.engine == "podman":  # It copies nothing that lies below /dev.
        words["/tmp/zero"] = "no such file"
    for path, word in words.items():
        parameters = {"parameters": [{"name": "x", "valueFrom": {"path": path}}]}
        result, log = laptop.run({**template, "outputs": parameters}, volumes=volumes)
        assert result.error and result.parameters == {}, (path, result, log)
        assert word in result.message and path in result.message, result


def test_a_sub_path_through_a_planted_link_is_not_mounted(laptop: Laptop):
    claim = laptop.project.objects.add_claim("data")
    (claim / "out").symlink_to("..")
    mounts = [{"name": "v", "mountPath": "/v", "subPath": "out"}]
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    result, _ = laptop.run(shell("ls /v", volumeMounts=mounts), volumes=volumes)
    assert (result.exit_code, result.error) == (None, True)
    assert "leads out of its folder" in result.message


def test_no_value_is_in_the_list_of_processes(laptop: Laptop, monkeypatch: pytest.MonkeyPatch):
    values = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "OWN": "s3cret 1 ",
        "HOME": "/s3cret",
        "A": "b",
    }
    values |= {"HTTPS_PROXY": "http://s3cret@x", "DOCKER_KEY": "s3cret='#", "LINES_": "s3cret\n'"}
    monkeypatch.setenv("OWN", "mine")
    monkeypatch.setenv("LINES_", "mine")
    seen = set()

    claim = laptop.project.objects.add_claim("data")

    def announce(text: str) -> None:
        # Called once the client of the engine runs; the task waits until all were looked at.
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                seen.add((folder / "cmdline").read_bytes())
        if not text:
            (claim / "seen").touch()

    env = [{"name": name, "value": value} for name, value in values.items()]
    program = "until [ -e /v/seen ]; do sleep 0.1; done; "
    program += "python3 -c 'import os; print(dict(os.environ))'"
    mounts = [{"name": "v", "mountPath": "/v"}]
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    template = shell(program, env=env, volumeMounts=mounts)
    pod = laptop.project.pod(template, volumes=volumes)
    result = laptop.new_runtime().run(pod, announce)
    assert result.exit_code == 0, pod.log.read_text()
    assert values.items() <= ast.literal_eval(result.result).items()
    assert any(b"--env" in words for words in seen)
    assert not any(b"s3cret" in words for words in seen)


DOCKERFILE = """\
ARG PYTHON_IMAGE=nowhere.example/python:0
FROM ${PYTHON_IMAGE}
WORKDIR /app
COPY . .
ENV MODE=fast
ENTRYPOINT ["python3", "collect.py"]
CMD ["--verbose"]
"""
PROGRAM = "import os, sys; print(sys.argv[1:], os.environ['MODE'], os.getcwd(), 'v1')"


def test_an_image_is_built_once_per_content(laptop: Laptop):
    project = laptop.project
    image = project.container("collect", DOCKERFILE, collect_py=PROGRAM)
    template = {"container": {"image": image}}
    for _ in range(2):
        result, log = laptop.run(template)
        assert result.result == "['--verbose'] fast /app v1", (result, log)
    assert project.announced.count("building the image of containers/collect") == 1
    result, _ = laptop.run({"container": {"image": image, "args": ["--year", "2016"]}})
    assert result.result == "['--year', '2016'] fast /app v1"
    project.container("collect", DOCKERFILE, collect_py=PROGRAM.replace("v1", "v2"))
    assert laptop.run(template)[0].result == "['--verbose'] fast /app v1"
    result, _ = laptop.run(template, workflow="another")
    assert result.result == "['--verbose'] fast /app v2"
    assert project.announced.count("building the image of containers/collect") == 2


def test_a_package_from_requirements(laptop: Laptop):
    write_wheel(laptop.project.containers / "chart", "tinylib", "VALUE = 42\ndef main(): pass\n")
    image = laptop.project.container(
        "chart",
        f"FROM {BASE}\nWORKDIR /app\nCOPY . .\n"
        "RUN python3 -m pip install --no-index --find-links=. --root-user-action=ignore"
        " --break-system-packages -r requirements.txt\n",
        requirements_txt="tinylib==1.0\n",
    )
    use = ["python3", "-c", "import tinylib; print(tinylib.VALUE)"]
    result, log = laptop.run({"container": {"image": image, "command": use}})
    assert result.result == "42", (result, log)


def test_a_failing_build_shows_the_instruction_and_its_output(laptop: Laptop):
    image = laptop.project.container(
        "broken", f"FROM {BASE}\nRUN echo before\nRUN echo the-reason && exit 7\nRUN echo after\n"
    )
    result, _ = laptop.run({"container": {"image": image, "command": ["true"]}})
    assert (result.exit_code, result.error) == (None, True)
    assert "RUN echo the-reason && exit 7" in result.message
    assert result.message.startswith("building containers/broken failed at RUN echo the-reason")
    assert "containers/broken/Dockerfile" in result.message


def test_an_image_that_is_nowhere(laptop: Laptop):
    image = "127.0.0.1:1/nobody/nothing:1"
    result, _ = laptop.run({"container": {"image": image, "command": ["true"]}})
    assert (result.exit_code, result.error) == (None, True)
    assert repr(image) in result.message


@pytest.mark.parametrize(
    ("code", "grace", "exit_code"),
    [
        ("trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done", 20, 5),
        ("echo ready; exec sleep 60", 20, 143),
        ("trap '' TERM; echo ready; while :; do sleep 0.1; done", 0.5, 137),
    ],
)
def test_stop(laptop: Laptop, code: str, grace: float, exit_code: int):
    pod = laptop.project.pod(shell(code))
    results = []
    thread = threading.Thread(
        target=lambda: results.append(laptop.runtime.run(pod, lambda _: None))
    )
    thread.start()
    until(lambda: pod.log.exists() and "ready" in pod.log.read_text(), 30)
    laptop.runtime.stop(pod.node_id, grace)
    thread.join(30)
    assert results[0].exit_code == exit_code


def test_containers_of_a_killed_server_are_removed(laptop: Laptop):
    label = f"hera-experiment.state={laptop.project.state.resolve()}"
    left = [laptop.engine, "run", "--detach", "--label", label, BASE, "sleep", "60"]
    subprocess.run(left, capture_output=True, check=True)
    assert len(laptop.containers()) == 1
    laptop.new_runtime()
    assert laptop.containers() == []


def test_refusals_come_before_anything_runs(laptop: Laptop):
    broken = laptop.project.container("broken", "FROM x\nRUNN y\n")
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "nope"}}]
    templates = [
        {"name": "a", "container": {"image": broken}},
        {"name": "b", **shell("true", volumeMounts=[{"name": "v", "mountPath": "/v"}])},
        {"name": "c", "container": {"image": "alpine", "command": ["cat", "/nowhere"]}},
        {"name": "d", "container": {"image": "host/runtime-selftest-absent:1"}},
    ]
    found = laptop.runtime.refusals({"spec": {"templates": templates, "volumes": volumes}})
    assert len(found) == 3, found
    assert any("RUNN" in sentence for sentence in found)
    assert any(".hera/claims/nope" in sentence for sentence in found)
    assert any("containers/absent" in sentence for sentence in found)


def test_an_own_image_by_its_digest_is_pulled(laptop: Laptop):
    laptop.project.container("certain", f"FROM {BASE}\n")
    image = f"127.0.0.1:1/{SLUG}-certain@sha256:{'0' * 64}"
    result, _ = laptop.run({"container": {"image": image, "command": ["true"]}})
    assert result.exit_code is None
    assert f"the image '{image}' cannot be pulled" in result.message


def test_an_engine_that_is_not_there(tmp_path: Path):
    project = Project(tmp_path)
    runtimes = Runtimes(
        slug=SLUG,
        containers=project.containers,
        state=project.state,
        objects=project.objects,
        environ={"PATH": str(tmp_path)},
    )
    with pytest.raises(UserError, match="no container engine is installed here \\(docker\\)"):
        runtimes.get("docker")
    with pytest.raises(UserError, match="there is no runtime 'magic'"):
        runtimes.get("magic")


MOUNTED = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
SHARED = [{"name": "data", "emptyDir": {}}]


def named(name: str, code: str, **more):
    return {"name": name, **shell(code, **more)["container"]}


def test_init_containers_and_sidecars(laptop: Laptop):
    template = {
        **shell("cat /data/order; until test -e /data/side; do sleep 0.1; done", **MOUNTED),
        "initContainers": [
            named("one", "echo one > /data/order", mirrorVolumeMounts=True),
            named("two", "echo two >> /data/order", **MOUNTED),
        ],
        "sidecars": [named("side", "touch /data/side; exec sleep 60", mirrorVolumeMounts=True)],
    }
    result, log = laptop.run(template, volumes=SHARED)
    assert (result.exit_code, result.message, log) == (0, "", "one\ntwo\n")
    result, log = laptop.run({**shell("echo never"), "initContainers": [named("one", "exit 3")]})
    assert (result.exit_code, result.message, log) == (None, "one: Error (exit code 3)", "")


def test_containers_of_a_set(laptop: Laptop):
    code = "echo x >> /tmp/tries; test $(wc -l < /tmp/tries) = 2 && cat /data/a"
    template = {
        "containerSet": {
            "containers": [
                named("a", "echo a > /data/a"),
                named("main", code, dependencies=["a"]),
            ],
            "retryStrategy": {"retries": 2},
            **MOUNTED,
        }
    }
    result, _ = laptop.run(template, volumes=SHARED)
    assert (result.exit_code, result.message, result.result) == (0, "", "a")
    ended = [each for each in laptop.project.announced if isinstance(each, ContainerState)]
    assert {each.name: each.exit_code for each in ended} == {"a": 0, "main": 0}


def test_a_daemon_that_listens_is_ready_and_shares_the_network(laptop: Laptop):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    probe = {"httpGet": {"port": "web"}, "periodSeconds": 1}
    ports = [{"name": "web", "containerPort": port}]
    serve = {"image": BASE, "command": ["python3", "-m", "http.server", str(port)]}
    pod = laptop.project.pod(
        {"daemon": True, "container": {**serve, "ports": ports, "readinessProbe": probe}}
    )
    results = []
    thread = threading.Thread(
        target=lambda: results.append(laptop.runtime.run(pod, laptop.project.announce))
    )
    thread.start()
    until(lambda: Ready() in laptop.project.announced)
    asked = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}').status)"
    result, _ = laptop.run({"container": {"image": BASE, "command": ["python3", "-c", asked]}})
    assert result.result == "200"
    laptop.runtime.stop(pod.node_id, 1)
    thread.join(30)
    assert results


def test_a_terminal_and_progress(laptop: Laptop):
    code = "test -t 0 && test -t 1 && echo 3/4 > $ARGO_PROGRESS_FILE && sleep 3 && echo yes"
    result, _ = laptop.run(shell(code, tty=True))
    assert (result.exit_code, result.result) == (0, "yes\r")
    assert Progress("3/4") in laptop.project.announced
