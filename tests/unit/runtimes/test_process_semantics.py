"""What a process sees: Kubernetes' command, variables and exit codes, Argo's words."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from polling import until
from runtime_project import PYTHON, Project, script, shell

from hera_experiment.local.runtimes import base_runtime, outputs
from hera_experiment.local.runtimes.base import BEGAN, PROCESS


def test_streams_go_to_the_log_and_the_result_is_standard_output_less_one_newline(run):
    result, log = run(shell("echo one; echo two >&2; echo three; echo"))
    assert (result.exit_code, result.message, result.error) == (0, "", False)
    assert result.result == "one\nthree\n"
    assert sorted(log.split()) == ["one", "three", "two"]


def test_without_capture_there_is_no_result(run):
    result, log = run(shell("echo one; echo two >&2"), capture=False)
    assert result.result is None
    assert log == "one\ntwo\n"


def test_bytes_that_are_no_text_are_replaced(run):
    result, _ = run(shell(r"printf 'a\377b'"))
    assert result.result == "a\ufffdb"


def test_the_result_is_the_last_256_kib(run):
    source = "import sys\nsys.stdout.write('x' * 3_000_000 + 'y' * 256 * 1024 + '\\n')"
    result, log = run(script(source))
    assert result.result == "y" * 256 * 1024
    assert len(log) == 3_000_000 + 256 * 1024 + 1


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [("exit 3", 3), ("kill -9 $$$$", 137), ("kill -15 $$$$", 143), ("kill -11 $$$$", 139)],
)
def test_a_failure_in_the_words_of_argo(run, code, exit_code):
    # Kubernetes makes one dollar of two.
    result, _ = run(shell(code))
    assert result.exit_code == exit_code
    assert result.message == f"main: Error (exit code {exit_code})"
    assert not result.error


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("nonesuch", 'exec: "nonesuch": executable file not found in $PATH'),
        ("/usr/bin/nonesuch", 'exec: "/usr/bin/nonesuch": stat /usr/bin/nonesuch: no such file'),
        ("/tmp", 'exec: "/tmp": permission denied'),
    ],
)
def test_a_program_that_is_not_there(run, program, words):
    result, log = run({"container": {"image": PYTHON, "command": [program]}})
    assert result.exit_code == 64
    assert result.message.startswith(
        f"main: Error (exit code 64): failed to find name in PATH: {words}"
    )
    assert words in log


def test_a_script_is_the_last_argument_of_its_command(run):
    result, _ = run(script("echo $0 $-", command="sh", args=["-e", "-u"]))
    assert result.exit_code == 0, result
    name, flags = result.result.split()
    assert name == "/argo/staging/script"
    assert "e" in flags and "u" in flags


def test_a_script_on_a_stock_image_sees_the_standard_library_and_no_packages(run):
    source = """
import json, sys, importlib.util as u
print(json.dumps([sys.version_info[:2], [n for n in ("pip", "pytest", "hera") if u.find_spec(n)]]))
"""
    result, _ = run(script(source))
    assert result.result == f"[[{sys.version_info[0]}, {sys.version_info[1]}], []]"


@pytest.mark.parametrize(
    "image", ["python", "docker.io/library/python:3.12-slim", "host:5000/python:3"]
)
def test_stock_images_have_the_python_command(project: Project, runtime, image):
    template = {"container": {"image": image, "args": ["python3", "-c", "print(1)"]}}
    assert runtime.run(project.pod(template), project.announce).result == "1"
    assert (
        runtime.run(project.pod({"container": {"image": image}}), project.announce).exit_code == 0
    )


def test_the_environment_is_clean(project: Project, monkeypatch, runtime_name):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-tell")
    result = project.runtime().run(project.pod(shell("env")), project.announce)
    names = {line.partition("=")[0] for line in result.result.splitlines()}
    expected = {"PATH", "HOME", "LANG", "HOSTNAME"}
    expected |= {"ARGO_NODE_ID", "ARGO_CONTAINER_NAME", "ARGO_PROGRESS_FILE"}
    if runtime_name == PROCESS:
        expected.add("TMPDIR")
    assert names - {"PWD", "SHLVL", "_", "OLDPWD"} == expected


def test_home_and_tmp_belong_to_the_task_and_leave_nothing(run, project: Project):
    code = "ls $HOME /tmp; echo x > $HOME/h; echo x > ${TMPDIR:-/tmp}/t; ls $HOME /tmp; pwd"
    for _ in range(2):
        result, _ = run(shell(code))
        assert result.result.split() == ["/root:", "/tmp:", "/root:", "h", "/tmp:", "t", "/"]
    names = {p.name for f in ("scratch", "roots") for p in (project.state / f).rglob("*")}
    assert not {"h", "t"} & names


@pytest.mark.parametrize(
    "change", ["echo exit 1 >> $0", "rm $0; ln -s other $0", "chmod 777 $0", "ln $0 /root/x"]
)
def test_what_a_task_makes_of_its_script_is_not_the_next_ones(run, change):
    run(script(f"echo a long first line; {change}", command="sh"))
    after = "cat $0; stat -c '%a %h' $0; ls /root\n"
    result, _ = run(script(after, command="sh"))
    assert result.exit_code == 0
    assert result.result in (f"{after}700 1", f"{after}755 1")


@pytest.mark.parametrize("runtime_name", ["process"])
def test_a_kernel_that_forbids_to_wait_for_a_process_runs_it(run, monkeypatch):
    def forbidden(*_: int) -> int:
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr("os.pidfd_open", forbidden, raising=False)
    result, log = run(script("echo ran", command="sh"), capture=False)
    assert (result.exit_code, log) == (0, "ran\n"), result


def test_variables_expand_by_the_rules_of_kubernetes(run):
    env = [
        {"name": "A", "value": "1$(B)$$(A)"},
        {"name": "B", "value": "x$(A)"},
        {"name": "C", "value": "$(NOPE) $$ $x $(A"},
        {"name": "EMPTY"},
    ]
    result, _ = run(shell('echo "$A|$B|$C|$EMPTY|$(A)|$1|"', env=env))
    # The same values came out of a pod on Kubernetes 1.34.
    assert result.result.startswith("1$(B)$(A)|x1$(B)$(A)|$(NOPE) $ $x $(A||")


def test_command_and_arguments_expand_too(run):
    env = [{"name": "A", "value": "a"}, {"name": "B", "value": "$(A)"}, {"name": "A", "value": "b"}]
    args = ["$(A)", "$(B)", "$$(A)", "$$$(A)", "$(NOPE $(A))", "$(", "$()", "$( A)"]
    args += ["$(ARGO_CONTAINER_NAME)"]
    container = {"image": PYTHON, "command": ["printf", "%s|"], "args": args, "env": env}
    result, _ = run({"container": container})
    # The same came out of a pod of Argo 3.7.18 on Kubernetes 1.34.
    assert result.result == "b|a|$(A)|$b|$(NOPE $(A))|$(|$()|$( A)|main|"


def test_a_script_expands_as_a_variable_of_the_init_container(run):
    source = "print('$$ $$$$ $(A) $$(A) $(ARGO_CONTAINER_NAME) $(ARGO_POD_NAME)')"
    result, _ = run(script(source, env=[{"name": "A", "value": "a"}]))
    # So it did on Argo 3.7.18: two dollars are one, and the script's own variables stay out.
    assert result.result.split(" ")[:5] == ["$", "$$", "$(A)", "$(A)", "init"]
    assert result.result.endswith("-pod")


def test_values_from_configmaps_secrets_and_fields(run, project: Project):
    project.objects.values["configmaps", "proxy"] = {"HTTP": b"http://p", "NO": b"localhost"}
    project.objects.values["secrets", "token"] = {"key": b"s3cret"}
    env = [
        {"name": "ONE", "valueFrom": {"configMapKeyRef": {"name": "proxy", "key": "HTTP"}}},
        {"name": "TWO", "valueFrom": {"secretKeyRef": {"name": "token", "key": "key"}}},
        {"name": "THREE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        {
            "name": "FOUR",
            "valueFrom": {"secretKeyRef": {"name": "nope", "key": "k", "optional": True}},
        },
    ]
    env_from = [
        {"prefix": "P_", "configMapRef": {"name": "proxy"}},
        {"secretRef": {"name": "nope", "optional": True}},
    ]
    code = 'echo "$ONE|$TWO|$THREE|${FOUR-unset}|$P_HTTP|$P_NO"'
    result, _ = run(shell(code, env=env, envFrom=env_from))
    assert result.result == "http://p|s3cret|local|unset|http://p|localhost"


def test_a_missing_configmap_is_an_error_that_says_what_to_make(run):
    env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "nope", "key": "k"}}}]
    result, _ = run(shell("true", env=env))
    assert (result.exit_code, result.error) == (None, True)
    assert ".hera/configmaps/nope" in result.message


def test_output_parameters(run):
    template = shell(
        r"printf 'a\n\n' > /tmp/a; mkdir -p /out/deep; echo b > /out/deep/b",
        env=[{"name": "X", "value": "y"}],
    )
    template["outputs"] = {
        "parameters": [
            {"name": "a", "valueFrom": {"path": "/tmp/a"}},
            {"name": "b", "valueFrom": {"path": "/out/deep/b"}},
            {"name": "c", "valueFrom": {"path": "/tmp/nope", "default": "dd\n"}},
            {"name": "d", "valueFrom": {"path": "/tmp/nope", "default": ""}},
            {"name": "e", "value": "fixed"},
        ]
    }
    result, _ = run(template)
    assert result.message == ""
    assert result.parameters == {"a": "a\n", "b": "b", "c": "dd", "d": ""}


def test_an_output_parameter_may_be_a_file_that_each_image_has(run):
    template = shell("true")
    template["outputs"] = {"parameters": [{"name": "hosts", "valueFrom": {"path": "/etc/hosts"}}]}
    result, _ = run(template)
    assert result.message == ""
    assert "localhost" in result.parameters["hosts"]


def test_a_missing_output_parameter_is_an_error_in_the_words_of_argo(run):
    template = {"outputs": {"parameters": [{"name": "p", "valueFrom": {"path": "/tmp/nope"}}]}}
    result, _ = run({**shell("true"), **template})
    assert (result.exit_code, result.error) == (0, True)
    assert result.message == (
        "wait: Error (exit code 64): open /var/run/argo/outputs/parameters/tmp/nope:"
        " no such file or directory"
    )
    failed, _ = run({**shell("exit 4"), **template})
    assert (failed.message, failed.error) == ("main: Error (exit code 4)", False)


def test_outputs_of_a_failed_task_are_kept(run):
    template = shell("echo 7 > /tmp/p; echo done; exit 1")
    template["outputs"] = {"parameters": [{"name": "p", "valueFrom": {"path": "/tmp/p"}}]}
    result, _ = run(template)
    assert (result.exit_code, result.parameters, result.result) == (1, {"p": "7"}, "done")


def test_paths_that_a_task_prints_are_those_of_the_container(run, project: Project):
    claim = project.objects.add_claim("data")
    template = shell("echo /data/x; cd /data && pwd -P; pwd", workingDir="/work")
    template["container"]["volumeMounts"] = [{"name": "v", "mountPath": "/data"}]
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    result, _ = run(template, volumes=volumes)
    assert result.result == "/data/x\n/data\n/data"
    assert list(claim.iterdir()) == []


def test_stop_is_polite_first(project: Project, runtime):
    code = "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    result, elapsed = _stopped(project, runtime, code, grace=20)
    assert (result.exit_code, result.result) == (5, "ready\nbye")
    assert elapsed < 10


def test_stop_is_firm_after_the_grace(project: Project, runtime):
    code = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    result, elapsed = _stopped(project, runtime, code, grace=0.3)
    assert result.exit_code == 137
    assert elapsed < 10


def _stopped(project: Project, runtime, code: str, grace: float):
    pod = project.pod(shell(code))
    results = []
    thread = threading.Thread(target=lambda: results.append(runtime.run(pod, project.announce)))
    thread.start()
    until(lambda: pod.log.exists() and "ready" in pod.log.read_text(), 20, 0.01)
    begin = time.monotonic()
    runtime.stop(pod.node_id, grace)
    thread.join(20)
    assert not thread.is_alive()
    return results[0], time.monotonic() - begin


def test_stop_of_an_unknown_pod_is_no_error(runtime):
    runtime.stop("nobody", 1.0)


@pytest.mark.parametrize("capture", [True, False])
def test_what_a_task_leaves_running_dies_with_it(run, project: Project, capture):
    begin = time.monotonic()
    # It has another number in a namespace of its own.
    mark = f"sleep 60.{os.getpid()}{capture:d}"
    result, _ = run(shell(f"{mark} & sleep 0.1"), capture=capture)
    assert time.monotonic() - begin < 20
    until(lambda: mark not in _programs(), 5, 0.02)
    assert result.exit_code == 0


def _programs() -> str:
    listed = subprocess.run(["ps", "-e", "-o", "args"], capture_output=True, text=True, check=True)
    return listed.stdout


def test_announces_nothing_before_the_process_starts_and_clears_the_message(run, project):
    run(shell("true"))
    assert project.announced == [BEGAN, ""]


def test_standard_input_is_empty(run):
    result, _ = run(shell("cat; echo end"))
    assert result.result == "end"


def test_many_tasks_at_once(project: Project, runtime):
    pods = [project.pod(shell(f"echo {n} > /tmp/n; sleep 0.01; cat /tmp/n")) for n in range(24)]
    results: dict[str, str | None] = {}

    def work(mine):
        for pod in mine:
            results[pod.node_id] = runtime.run(pod, lambda _: None).result

    threads = [threading.Thread(target=work, args=(pods[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[pod.node_id] for pod in pods] == [str(n) for n in range(24)]


def test_a_log_has_a_bound(project: Project, monkeypatch):
    monkeypatch.setattr(base_runtime.BaseRuntime, "log_limit", 3 << 20)
    monkeypatch.setattr(base_runtime, "LOOK_SECONDS", 0.02)
    runtime = project.runtime()
    for capture in (True, False):
        pod = project.pod(shell("echo first; exec yes"), capture=capture)
        result = runtime.run(pod, project.announce)
        assert (result.exit_code, result.error) == (137, False)
        assert "its log has more than 3 MiB" in result.message
        assert pod.log.stat().st_size == 3 << 20
        assert pod.log.open().readline() == "first\n"
    assert runtime.run(project.pod(shell("kill -9 $$$$")), project.announce).message.endswith(
        "137)"
    )


def test_want_of_memory_is_told(project: Project, tmp_path: Path, monkeypatch):
    kills = tmp_path / "vmstat"
    kills.write_text("nr_free 1\noom_kill 4\nother 2\n")
    monkeypatch.setattr(outputs, "VMSTAT", kills)
    runtime = project.runtime()
    pod = project.pod(shell("kill -9 $$$$"))
    result = runtime.run(pod, lambda _: kills.write_text("oom_kill 5\n") and None)
    assert result.message.startswith("main: OOMKilled (exit code 137): this machine had no memory")
    # Another one is killed by hand.
    result = runtime.run(project.pod(shell("kill -9 $$$$")), project.announce)
    assert result.message == "main: Error (exit code 137)"


def test_an_argument_too_long_for_linux_is_a_file(run):
    code = "import sys; print([w if len(w) < 200 else len(w) for w in sys.argv[1:]])"
    read = "import sys; print(len(open(sys.argv[2][1:]).read()), sys.argv[2][-15:])"
    long = "ä" * 70_000
    for arguments, expected in (
        (["a", "x" * 131_071], "['a', 131071]"),
        (["a", "x" * 130_000, "y" * 100_000], "['a', 130000, 100000]"),
    ):
        template = {"container": {"image": PYTHON, "command": ["python3", "-c", code]}}
        template["container"]["args"] = arguments
        result, log = run(template)
        assert result.result == expected, (result.message, log)
    # Argo 3.7.18 counts from the first word after the program.
    template = {"container": {"image": PYTHON, "command": ["python3", "-c", read]}}
    template["container"]["args"] = ["a", long]
    result, log = run(template)
    assert result.result == "70000 /argo_arg_3.txt", (result.message, log)
