"""Nodes of pods of several containers, and of daemons, whatever the runtime."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from engine_bench import OK, Bench, by_name, dag, phases, script, steps, task, workflow
from polling import until

from hera_experiment.local.engine.pool import Job, Pool
from hera_experiment.local.runtimes.base import (
    ContainerState,
    Pod,
    PodResult,
    Progress,
    Ready,
)

Json = dict[str, Any]


class Play:
    """A runtime whose pods do what the test says, by the name of their template."""

    name = "play"
    heeds_users = False

    def __init__(self) -> None:
        self.parts: dict[str, Callable[[Pod, Callable[[Any], None]], PodResult]] = {}
        self.stopped: list[str] = []
        self._stops: dict[str, threading.Event] = {}

    def refusals(self, workflow: Any) -> list[str]:
        return []

    def warnings(self, workflow: Any) -> list[str]:
        return []

    def stop(self, node_id: str, grace_seconds: float) -> None:
        self.stopped.append(node_id)
        self._of(node_id).set()

    def run(self, pod: Pod, announce: Callable[[Any], None]) -> PodResult:
        announce("")
        return self.parts[pod.template["name"]](pod, announce)

    def until_stopped(self, pod: Pod) -> PodResult:
        assert self._of(pod.node_id).wait(10)
        return PodResult(143, "main: Error (exit code 143)")

    def daemon(self, pod: Pod, announce: Callable[[Any], None]) -> PodResult:
        announce(Ready())
        return self.until_stopped(pod)

    def _of(self, node_id: str) -> threading.Event:
        return self._stops.setdefault(node_id, threading.Event())


def fine(pod: Pod, announce: Callable[[Any], None]) -> PodResult:
    return PodResult(0)


@pytest.fixture
def play(bench: Bench) -> Play:
    found = Play()
    bench.runtime = found  # type: ignore[assignment]
    found.parts["ok"] = fine
    return found


DAEMON = {**script("daemon", ""), "daemon": True}
SET: Json = {
    "name": "set",
    "containerSet": {
        "containers": [
            {"name": "a", "image": "x"},
            {"name": "b", "image": "x", "dependencies": ["a"]},
            {"name": "c", "image": "x", "dependencies": ["a"]},
        ]
    },
}


def test_a_daemon_that_is_ready_lets_others_begin_and_ends_with_its_dag(bench, play):
    play.parts["daemon"] = play.daemon
    seen = task("ask", "say", "serve", with_={"text": "{{tasks.serve.ip}} {{tasks.serve.status}}"})
    play.parts["say"] = fine
    say = {**OK, "name": "say", "inputs": {"parameters": [{"name": "text"}]}}
    done = bench.run(workflow(dag(task("serve", "daemon"), seen), DAEMON, say))
    nodes = by_name(done)
    assert done["status"]["phase"] == "Succeeded"
    assert nodes["ask"]["inputs"]["parameters"][0]["value"] == "127.0.0.1 Running"
    assert nodes["serve"]["phase"] == "Succeeded"
    assert nodes["serve"]["podIP"] == "127.0.0.1" and "daemoned" not in nodes["serve"]
    assert play.stopped == [nodes["serve"]["id"]]


def test_while_it_can_be_used_a_daemon_is_marked(bench, play):
    gate = threading.Event()
    play.parts["daemon"] = play.daemon
    play.parts["ok"] = lambda pod, announce: PodResult(0) if gate.wait(10) else PodResult(1)
    name = bench.create(
        workflow(dag(task("serve", "daemon"), task("ok", "ok", "serve")), DAEMON, OK)
    )
    bench.until_running(name, "ok")
    serve = by_name(bench.store.get("local", name).as_dict())["serve"]
    assert (serve["phase"], serve["daemoned"]) == ("Running", True)
    gate.set()
    assert bench.ended(name)["status"]["phase"] == "Succeeded"


def test_a_daemon_that_is_ready_holds_no_place(make_bench):
    bench = make_bench(parallelism=1)
    play = Play()
    bench.runtime = play
    play.parts = {"daemon": play.daemon, "ok": fine}
    tasks = [task("a", "daemon"), task("b", "daemon"), task("ok", "ok", "a && b")]
    assert bench.run(workflow(dag(*tasks), DAEMON, OK))["status"]["phase"] == "Succeeded"


def test_a_daemon_is_pending_until_it_is_ready(bench, play):
    gate = threading.Event()

    def slow(pod: Pod, announce: Callable[[Any], None]) -> PodResult:
        assert gate.wait(10)
        return play.daemon(pod, announce)

    play.parts["daemon"] = slow
    name = bench.create(
        workflow(dag(task("serve", "daemon"), task("ok", "ok", "serve")), DAEMON, OK)
    )
    bench.until(name, lambda run: len(run.nodes) == 2)
    bench.settle(name)
    assert phases(bench.store.get("local", name).as_dict())["serve"] == "Pending"
    gate.set()
    assert bench.ended(name)["status"]["phase"] == "Succeeded"


def test_a_daemon_is_to_run_until_it_is_ended(bench, play):
    play.parts["daemon"] = fine
    tasks = [
        task("serve", "daemon"),
        task("ok", "ok", "serve"),
        task("other", "ok", "serve.Failed"),
    ]
    done = bench.run(workflow(dag(*tasks), DAEMON, OK))
    assert phases(done)["serve"] == "Failed"
    assert (phases(done)["ok"], phases(done)["other"]) == ("Omitted", "Succeeded")


def test_depends_knows_a_daemon(bench, play):
    play.parts["daemon"] = play.daemon
    tasks = [
        task("serve", "daemon"),
        task("one", "ok", "serve.Daemoned"),
        task("two", "ok", "serve.Succeeded"),
    ]
    done = bench.run(workflow(dag(*tasks), DAEMON, OK))
    assert (phases(done)["one"], phases(done)["two"]) == ("Succeeded", "Omitted")


def test_a_daemon_that_ends_later_fails_its_steps(bench, play):
    over = threading.Event()

    def brief(pod: Pod, announce: Callable[[Any], None]) -> PodResult:
        announce(Ready())
        assert over.wait(10)
        return PodResult(3, "main: Error (exit code 3)")

    def client(pod: Pod, announce: Callable[[Any], None]) -> PodResult:
        over.set()
        return play.until_stopped(pod)

    play.parts |= {"daemon": brief, "ok": client}
    done = bench.run(workflow(steps([task("serve", "daemon")], [task("ok")]), DAEMON, OK))
    serve = by_name(done)["serve"]
    message = f"child '{serve['id']}' failed"
    assert (serve["phase"], serve["message"]) == ("Failed", "main: Error (exit code 3)")
    assert (done["status"]["phase"], done["status"]["message"]) == ("Failed", message)
    assert by_name(done)["[0]"]["phase"] == "Failed"


def test_a_daemon_that_ends_later_may_be_tried_again(bench, play):
    begun: list[str] = []
    asked = threading.Event()

    def twice(pod: Pod, announce: Callable[[Any], None]) -> PodResult:
        begun.append(pod.node_id)
        if len(begun) == 1:
            announce(Ready())
            assert asked.wait(10)
            return PodResult(3, "main: Error (exit code 3)")
        return play.daemon(pod, announce)

    def client(pod: Pod, announce: Callable[[Any], None]) -> PodResult:
        asked.set()
        until(lambda: len(begun) == 2, 10)
        return PodResult(0)

    play.parts |= {"daemon": twice, "ok": client}
    again = {**DAEMON, "retryStrategy": {"limit": 2}}
    done = bench.run(workflow(dag(task("serve", "daemon"), task("ok", "ok", "serve")), again, OK))
    assert done["status"]["phase"] == "Succeeded"
    found = phases(done)
    assert (found["serve(0)"], found["serve(1)"], found["serve"]) == (
        "Failed",
        "Succeeded",
        "Succeeded",
    )


def test_a_workflow_that_is_stopped_ends_its_daemons(bench, play):
    play.parts |= {"daemon": play.daemon, "ok": lambda pod, announce: play.until_stopped(pod)}
    name = bench.create(
        workflow(dag(task("serve", "daemon"), task("ok", "ok", "serve")), DAEMON, OK)
    )
    bench.until_running(name, "ok")
    bench.engine.stop("local", name)
    found = phases(bench.ended(name))
    assert (found["serve"], found["ok"]) == ("Succeeded", "Failed")
    assert len(play.stopped) == 2


def test_a_daemon_as_the_entry_ends_as_soon_as_it_is_ready(bench, play):
    play.parts["daemon"] = play.daemon
    done = bench.run(workflow(DAEMON))
    assert done["status"]["phase"] == "Succeeded"
    assert len(play.stopped) == 1


def test_the_containers_of_a_set_are_nodes(bench, play):
    def part(pod: Pod, announce: Callable[[Any], None]) -> PodResult:
        announce(ContainerState("a"))
        announce(ContainerState("a", 0))
        announce(ContainerState("b", 64, "b: Error (exit code 64): why"))
        announce(ContainerState("c", 3, "c: Error (exit code 3): "))
        return PodResult(None, "b: Error (exit code 64): why", placed=True)

    play.parts["set"] = part
    tasks = [task("set"), task("ok", "ok", "set.Failed")]
    done = bench.run(workflow(dag(*tasks), SET, OK))
    nodes = by_name(done)
    assert {name: node["phase"] for name, node in nodes.items() if name in "abc"} == {
        "a": "Succeeded",
        "b": "Error",
        "c": "Failed",
    }
    assert nodes["b"]["message"] == "b: Error (exit code 64): why"
    assert all(nodes[name]["boundaryID"] == nodes["set"]["id"] for name in "abc")
    assert nodes["set"]["children"] == [nodes["a"]["id"]]
    assert sorted(nodes["a"]["children"]) == sorted(nodes[name]["id"] for name in "bc")
    # What follows the pod follows the last of its containers.
    assert all(nodes[name]["children"] == [nodes["ok"]["id"]] for name in "bc")
    assert "outputs" not in nodes["set"]
    assert done["status"]["progress"] == "2/5"


def test_containers_that_never_began_failed_with_their_pod(bench, play):
    play.parts["set"] = lambda pod, announce: PodResult(None, "one: Error (exit code 3)")
    done = bench.run(workflow(SET))
    assert done["status"]["message"] == "one: Error (exit code 3)"
    assert {by_name(done)[name]["message"] for name in "abc"} == {
        "Pod Failed whilst container running"
    }


def test_the_containers_of_a_stopped_set_say_why(bench, play):
    play.parts["set"] = lambda pod, announce: play.until_stopped(pod)
    name = bench.create(workflow(dag(task("set")), SET))
    bench.until_running(name, "set")
    bench.engine.terminate("local", name)
    nodes = by_name(bench.ended(name))
    assert {nodes[name]["message"] for name in ("set", "a", "b", "c")} == {
        "workflow shutdown with strategy:  Terminate"
    }


def test_a_retry_begins_a_set_anew(bench, play):
    codes = [3, 0]

    def part(pod: Pod, announce: Callable[[Any], None]) -> PodResult:
        code = codes.pop(0)
        announce(ContainerState("a", 0))
        for name in "bc":
            announce(ContainerState(name, code, f"{name}: Error (exit code {code}): "))
        return PodResult(None, f"b: Error (exit code {code})" if code else "")

    play.parts["set"] = part
    done = bench.run(workflow(dag(task("ok"), task("set", "set", "ok")), SET, OK))
    assert done["status"]["phase"] == "Failed"
    name = done["metadata"]["name"]
    bench.engine.retry("local", name)
    assert set(phases(bench.ended(name)).values()) == {"Succeeded"}
    assert not codes


def test_progress_is_shown_and_summed_up(bench, play):
    def part(pod: Pod, announce: Callable[[Any], None]) -> PodResult:
        announce(Progress("3/10"))
        return PodResult(0)

    def fails(pod: Pod, announce: Callable[[Any], None]) -> PodResult:
        announce(Progress("2/5"))
        return PodResult(1, "main: Error (exit code 1)")

    play.parts |= {"ok": part, "bad": fails}
    begun = {"metadata": {"annotations": {"workflows.argoproj.io/progress": "0/10"}}}
    bad = script("bad", "")
    done = bench.run(workflow(dag(task("ok"), task("bad"), failFast=False), {**OK, **begun}, bad))
    nodes = by_name(done)
    assert (nodes["ok"]["progress"], nodes["bad"]["progress"]) == ("10/10", "2/5")
    assert done["status"]["progress"] == "12/15"


def test_a_pod_killed_at_its_deadline_keeps_its_exit_code(bench, play):
    play.parts["ok"] = lambda pod, announce: play.until_stopped(pod)
    done = bench.run(workflow({**OK, "activeDeadlineSeconds": 1}))
    (node,) = done["status"]["nodes"].values()
    assert node["outputs"] == {"exitCode": "143"}
    assert node["message"] == "Pod was active on the node longer than the specified deadline"


def test_a_patch_with_variables_changes_the_pod(bench, play):
    seen: list[Pod] = []

    def part(pod: Pod, announce: Callable[[Any], None]) -> PodResult:
        seen.append(pod)
        return PodResult(0)

    play.parts["ok"] = part
    of_spec = '{"containers": [{"name": "main", "image": "{{workflow.parameters.image}}"}]}'
    own = "terminationGracePeriodSeconds: {{inputs.parameters.seconds}}"
    leaf = {
        **OK,
        "podSpecPatch": own,
        "inputs": {"parameters": [{"name": "seconds"}]},
    }
    arguments = {"parameters": [{"name": "image", "value": "other"}]}
    called = task("ok", with_={"seconds": "7"})
    spec = {"podSpecPatch": of_spec, "arguments": arguments}
    done = bench.run(workflow(dag(called), leaf, **spec))
    assert done["status"]["phase"] == "Succeeded"
    assert seen[0].template["script"]["image"] == "other"
    assert seen[0].grace_seconds == 7


def test_a_patch_that_is_none_is_an_error_of_its_task(bench, play):
    done = bench.run(workflow(dag(task("ok")), {**OK, "podSpecPatch": "containers: [}"}))
    node = by_name(done)["ok"]
    assert node["phase"] == "Error"
    assert node["message"] == f"task '{node['name']}' errored: Error applying PodSpecPatch"


def test_a_job_that_is_released_lets_another_run():
    pool = Pool(1)
    first, second = threading.Event(), threading.Event()
    job = Job(lambda: None, "x")
    began = threading.Event()

    def run() -> None:
        began.set()
        assert second.wait(10)

    job.run = run
    pool.submit(job)
    assert began.wait(10)
    pool.submit(Job(first.set, "x"))
    assert not first.wait(0.05)
    pool.release(job)
    assert first.wait(10)
    second.set()
    pool.release(job)
    again = threading.Event()
    pool.submit(Job(again.set, "x"))
    assert again.wait(10)
    pool.close()
