"""Pods of several containers, in each runtime that needs no engine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from polling import until
from runtime_project import Project, shell

from hera_experiment.local.runtimes.base import (
    ContainerState,
    PodResult,
    Progress,
    Ready,
)
from hera_experiment.local.runtimes.base_runtime import BaseRuntime
from hera_experiment.local.store import container_log

Json = dict[str, Any]
SHARED = [{"name": "data", "emptyDir": {}}]
MOUNTED = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}


def container(name: str, code: str, **more: Any) -> Json:
    return {"name": name, **shell(code, **more)["container"]}


def of_set(*containers: Json, **more: Any) -> Json:
    return {"containerSet": {"containers": list(containers), **more}}


def states(project: Project) -> dict[str, tuple[int | None, str]]:
    """Return how each container ended, by its name."""
    return {
        each.name: (each.exit_code, each.message)
        for each in project.announced
        if isinstance(each, ContainerState) and each.exit_code is not None
    }


class Begun:
    """A pod that runs in a thread of its own."""

    def __init__(self, project: Project, runtime: BaseRuntime, template: Json) -> None:
        self.pod = project.pod(template)
        self.results: list[PodResult] = []
        self._thread = threading.Thread(
            target=lambda: self.results.append(runtime.run(self.pod, project.announce))
        )
        self._thread.start()

    def ended(self) -> PodResult:
        self._thread.join(20)
        assert self.results, "the pod goes on"
        return self.results[0]


@pytest.fixture
def begin(project: Project, runtime: BaseRuntime) -> Callable[[Json], Begun]:
    return lambda template: Begun(project, runtime, template)


def test_init_containers_come_first_and_share_volumes(run, project):
    template = {
        **shell("cat /data/order; echo main", **MOUNTED),
        "initContainers": [
            container("one", "echo one > /data/order", mirrorVolumeMounts=True),
            container("two", "echo $ARGO_CONTAINER_NAME >> /data/order; echo said", **MOUNTED),
        ],
    }
    result, log = run(template, volumes=SHARED)
    assert (result.exit_code, result.result) == (0, "one\ntwo\nmain")
    assert log == "one\ntwo\nmain\n"
    assert project.announced[-3:] == [
        "running the init container one",
        "running the init container two",
        "",
    ]


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        (3, "one: Error (exit code 3)", False),
        (143, "Pod failed before two container starts due to PodInitializing: ", True),
    ],
)
def test_an_init_container_that_fails_ends_its_pod(run, code, message, error):
    others = [container("one", f"exit {code}"), container("two", "echo never")]
    result, log = run({**shell("echo never"), "initContainers": others})
    assert (result.exit_code, result.message, result.error) == (None, message, error)
    assert log == ""


def test_each_container_has_a_root_and_a_log_of_its_own(project):
    template = {
        **shell("echo main; test ! -e /tmp/left", **MOUNTED),
        "initContainers": [container("one", "echo one; echo x > /tmp/left")],
    }
    pod = project.pod(template, volumes=SHARED)
    result = project.runtime().run(pod, project.announce)
    assert result.exit_code == 0
    assert pod.log.read_text() == "main\n"
    assert container_log(pod.log, "one").read_text() == "one\n"


def test_a_set_runs_as_its_dependencies_allow(run, project):
    template = {
        **of_set(
            container("main", "cat /data/a /data/b; echo x > /tmp/p", dependencies=["a", "b"]),
            container("b", "cat /data/a > /data/b", dependencies=["a"]),
            container("a", "sleep 0.3; echo a > /data/a"),
            volumeMounts=MOUNTED["volumeMounts"],
        ),
        "outputs": {"parameters": [{"name": "p", "valueFrom": {"path": "/tmp/p"}}]},
    }
    result, _ = run(template, volumes=SHARED)
    assert (result.exit_code, result.message, result.result) == (0, "", "a\na")
    assert result.parameters == {"p": "x"}
    assert states(project) == {name: (0, "") for name in ("a", "b", "main")}


def test_what_waits_for_a_failed_container_never_runs(run, project):
    result, _ = run(
        of_set(
            container("a", "exit 3"),
            container("b", "echo never", dependencies=["a"]),
            container("c", "echo never", dependencies=["b"]),
        )
    )
    assert (result.exit_code, result.message, result.error) == (
        None,
        "a: Error (exit code 3)",
        False,
    )
    assert states(project) == {
        "a": (3, "a: Error (exit code 3): "),
        "b": (64, 'b: Error (exit code 64): dependency "a" exited with non-zero code: 3'),
        "c": (64, 'c: Error (exit code 64): dependency "b" exited with non-zero code: 64'),
    }


def test_a_container_that_fails_ends_the_others(run, project):
    code = "trap 'exit 7' TERM; touch /data/ready; while :; do sleep 0.1; done"
    result, _ = run(
        of_set(
            container("other", code),
            container("main", "until test -e /data/ready; do sleep 0.1; done; exit 3"),
            volumeMounts=MOUNTED["volumeMounts"],
        ),
        volumes=SHARED,
    )
    assert (result.exit_code, result.message) == (3, "main: Error (exit code 3)")
    assert states(project)["other"][0] == 7


def test_a_set_tries_again_in_the_same_root(run):
    code = "echo x >> /tmp/tries; test $(wc -l < /tmp/tries) = 3 && cat /tmp/tries"
    tried = of_set(container("main", code), retryStrategy={"retries": 3})
    result, _ = run(tried)
    assert (result.exit_code, result.result) == (0, "x\nx\nx")
    result, _ = run(of_set(container("main", "exit 5"), retryStrategy={"retries": "2"}))
    assert result.exit_code == 5
    # As in Argo, which runs nothing then.
    result, log = run(of_set(container("main", "exit 5"), retryStrategy={"retries": 0}))
    assert (result.exit_code, log) == (0, "")
    strategy = {"retries": 2, "duration": "soon"}
    result, _ = run(of_set(container("main", "true"), retryStrategy=strategy))
    assert result.error and "soon" in result.message


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("exec sleep 60", ""),
        ("exit 0", ""),
        ("exit 143", ""),
        ("exit 3", "side: Error (exit code 3)"),
    ],
)
def test_a_sidecar_ends_with_main(run, code, message):
    result, _ = run({**shell("sleep 0.5; echo done"), "sidecars": [container("side", code)]})
    assert (result.exit_code, result.message, result.result) == (0, message, "done")


def test_a_failure_of_main_is_told_before_one_of_a_sidecar(run):
    result, _ = run({**shell("sleep 0.5; exit 4"), "sidecars": [container("side", "exit 3")]})
    assert (result.exit_code, result.message) == (4, "main: Error (exit code 4)")


def test_a_sidecar_that_cannot_run_ends_the_pod(run):
    side = {**container("side", "true"), "envFrom": [{"secretRef": {"name": "missing"}}]}
    result, _ = run({**shell("exec sleep 60"), "sidecars": [side]})
    assert result.error and "'missing'" in result.message


def test_a_pod_of_several_containers_is_stopped_as_a_whole(begin, project, runtime):
    begun = begin({**shell("exec sleep 60"), "sidecars": [container("side", "exec sleep 60")]})
    until(lambda: "" in project.announced)
    runtime.stop(begun.pod.node_id, 5)
    assert begun.ended().exit_code == 143


def test_what_waits_in_a_set_is_stopped_too(begin, project, runtime):
    waiting = container("b", "echo never", dependencies=["a"])
    begun = begin(of_set(container("a", "exec sleep 60"), waiting))
    until(lambda: "" in project.announced)
    runtime.stop(begun.pod.node_id, 5)
    assert begun.ended().message == "a: Error (exit code 143)"
    assert states(project)["b"] == (143, "b: Error (exit code 143): ")


def test_a_daemon_is_ready_when_its_probe_passes(begin, project, runtime):
    probe = {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1}
    code = "until test -e /data/go; do sleep 0.1; done; touch /tmp/ready; exec sleep 60"
    template = {"daemon": True, **shell(code, readinessProbe=probe, **MOUNTED)}

    claim = project.objects.add_claim("go")
    pod_volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "go"}}]
    pod = project.pod(template, volumes=pod_volumes)
    results: list[PodResult] = []
    thread = threading.Thread(target=lambda: results.append(runtime.run(pod, project.announce)))
    thread.start()
    until(lambda: "" in project.announced)
    assert Ready() not in project.announced
    (claim / "go").touch()
    until(lambda: Ready() in project.announced)
    runtime.stop(pod.node_id, 5)
    thread.join(20)
    assert results[0].exit_code == 143


def test_a_daemon_without_a_probe_is_ready_at_once(begin, project, runtime):
    begun = begin({"daemon": True, **shell("exec sleep 60")})
    until(lambda: Ready() in project.announced)
    runtime.stop(begun.pod.node_id, 5)
    assert begun.ended().exit_code == 143


def test_a_daemon_that_ends_is_never_ready(run, project):
    probe = {"exec": {"command": ["false"]}}
    result, _ = run({"daemon": True, **shell("sleep 0.3; exit 3", readinessProbe=probe)})
    assert result.exit_code == 3 and Ready() not in project.announced


def test_progress_is_the_last_line_that_says_it(begin, project):
    code = """
    echo 1/10 > $ARGO_PROGRESS_FILE
    until test -e /data/first; do sleep 0.1; done
    printf '%s\\n' 'no progress' 7/10 ' 8/10 ' '' >> $ARGO_PROGRESS_FILE
    until test -e /data/second; do sleep 0.1; done
    """
    claim = project.objects.add_claim("go")
    pod = project.pod(
        shell(code, **MOUNTED),
        volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "go"}}],
    )
    thread = threading.Thread(target=lambda: project.runtime().run(pod, project.announce))
    thread.start()
    until(lambda: Progress("1/10") in project.announced)
    (claim / "first").touch()
    until(lambda: Progress("8/10") in project.announced)
    (claim / "second").touch()
    thread.join(20)
    assert [each.text for each in project.announced if isinstance(each, Progress)] == [
        "1/10",
        "8/10",
    ]


def test_a_link_in_place_of_the_progress_file_is_not_followed(begin, project, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("3/4\n")
    begun = begin(shell(f"ln -s {secret} $ARGO_PROGRESS_FILE; sleep 2.5"))
    assert begun.ended().exit_code == 0
    assert not [each for each in project.announced if isinstance(each, Progress)]


def test_with_tty_a_command_has_a_terminal(run):
    code = "test -t 0 && test -t 1 && test -t 2 && echo yes"
    result, log = run(shell(code, tty=True))
    assert (result.exit_code, result.result, log) == (0, "yes\r", "yes\n")
    result, _ = run(shell(code))
    assert result.exit_code == 1


def test_nobody_writes_to_an_open_standard_input(begin, project, runtime):
    result = begin(shell("cat")).ended()
    assert result.exit_code == 0
    begun = begin(shell("cat", stdin=True))
    until(lambda: project.announced.count("") == 2)
    runtime.stop(begun.pod.node_id, 5)
    assert begun.ended().exit_code == 143


def test_a_volume_has_outputs_of_whoever_of_a_set_writes_them_last(run):
    outputs = {"parameters": [{"name": "out", "valueFrom": {"path": "/data/out"}}]}
    slow = container("slow", "sleep 0.5; echo late > /data/out", **MOUNTED)
    after = container("after", "test ! -e /data/out", dependencies=["main"], **MOUNTED)
    template = of_set(slow, container("main", "true", **MOUNTED), after)
    result, _ = run({**template, "outputs": outputs}, volumes=SHARED)
    assert (result.exit_code, result.message, result.parameters) == (0, "", {"out": "late"})


def test_a_volume_in_memory_is_shared_as_well(run):
    template = {
        **shell("cat /data/x", **MOUNTED),
        "initContainers": [container("one", "echo shared > /data/x", **MOUNTED)],
    }
    result, _ = run(template, volumes=[{"name": "data", "emptyDir": {"medium": "Memory"}}])
    assert result.result == "shared"


def test_a_probe_of_a_kind_that_is_not_known_is_refused(runtime):
    template = {
        "name": "main",
        "daemon": True,
        **shell("sleep 1", readinessProbe={"grpc": {"port": 1}}),
    }
    manifest = {
        "metadata": {"namespace": "local", "name": "w"},
        "spec": {"entrypoint": "main", "templates": [template]},
    }
    assert "readinessProbe of grpc" in "\n".join(runtime.refusals(manifest))
