"""Volumes of a pod: claims, empty folders, ConfigMaps and Secrets as files."""

from __future__ import annotations

import pytest
from runtime_project import Project, shell

from hera_experiment.local.runtimes.base import BUBBLEWRAP


@pytest.fixture(autouse=True)
def objects(project: Project) -> None:
    project.objects.add_claim("data")
    project.objects.values["configmaps", "settings"] = {"a.ini": b"A", "b.ini": b"B"}
    project.objects.values["secrets", "token"] = {"key": b"s3cret"}


VOLUMES = [
    {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
    {"name": "empty", "emptyDir": {}},
    {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
    {"name": "settings", "configMap": {"name": "settings"}},
    {"name": "some", "configMap": {"name": "settings", "items": [{"key": "a.ini", "path": "x/y"}]}},
    {"name": "token", "secret": {"secretName": "token", "defaultMode": 0o400}},
    {"name": "absent", "secret": {"secretName": "absent", "optional": True}},
]


def mounted(code: str, **mounts: str) -> dict[str, object]:
    return shell(code, volumeMounts=[{"name": n, "mountPath": p} for n, p in mounts.items()])


def test_a_claim_is_kept_and_shared(run, project: Project):
    run(mounted("echo 1 > /data/x", data="/data"), volumes=VOLUMES)
    result, _ = run(mounted("cat /else/where/x", data="/else/where"), volumes=VOLUMES)
    assert result.result == "1"
    assert (project.state / "claims" / "data" / "x").read_text() == "1\n"


def test_a_sub_path_of_a_claim_is_made(run, project: Project):
    template = shell("echo 1 > /out/x")
    template["container"]["volumeMounts"] = [
        {"name": "data", "mountPath": "/out", "subPath": "run/deep"}
    ]
    run(template, volumes=VOLUMES)
    assert (project.state / "claims" / "data" / "run" / "deep" / "x").exists()


def test_a_sub_path_that_is_missing_is_an_empty_folder_in_any_volume(run):
    # So the kubelet has it, for what should have been a file of a ConfigMap too.
    for name in ("settings", "token", "empty"):
        template = shell("test -d /out/x && ls -A /out/x")
        template["container"]["volumeMounts"] = [
            {"name": name, "mountPath": "/out/x", "subPath": "missing.ini"}
        ]
        result, log = run(template, volumes=VOLUMES)
        assert (result.exit_code, result.result) == (0, ""), (result, log)


def test_a_sub_path_cannot_leave_its_volume(run):
    template = shell("true")
    template["container"]["volumeMounts"] = [
        {"name": "data", "mountPath": "/out", "subPath": "../../x"}
    ]
    result, _ = run(template, volumes=VOLUMES)
    assert result.error and "leads out of its volume" in result.message


def test_an_empty_folder_lives_as_long_as_its_pod(run):
    template = mounted("ls /scratch; echo 1 > /scratch/x; ls /scratch", empty="/scratch")
    for _ in range(2):
        result, _ = run(template, volumes=VOLUMES)
        assert result.result == "x"


def test_memory_at_dev_shm(run):
    result, _ = run(mounted("echo 1 > /dev/shm/x; cat /dev/shm/*", shm="/dev/shm"), volumes=VOLUMES)
    assert result.result == "1"


def test_a_mount_at_tmp_or_the_working_folder(run):
    template = mounted("echo 1 > ${TMPDIR:-/tmp}/x; ls /tmp; pwd", empty="/tmp")
    template["container"]["workingDir"] = "/tmp/work"
    result, log = run(template, volumes=VOLUMES)
    assert result.result == "work\nx\n/tmp/work", log


def test_configmaps_and_secrets_as_files(run):
    template = mounted(
        "cat /s/a.ini /s/b.ini /one/x/y /t/key; ls /none | wc -l",
        settings="/s",
        some="/one",
        token="/t",
        absent="/none",
    )
    result, log = run(template, volumes=VOLUMES)
    assert result.result.split() == ["ABAs3cret0"], log


def test_one_key_as_one_file(run):
    template = shell("cat /etc/app/a.ini; ls /etc/app")
    template["container"]["volumeMounts"] = [
        {"name": "settings", "mountPath": "/etc/app/a.ini", "subPath": "a.ini"}
    ]
    result, _ = run(template, volumes=VOLUMES)
    assert result.result == "Aa.ini"


def test_mounts_inside_mounts(run, project: Project):
    result, _ = run(
        mounted("echo 1 > /e/s/x; cat /e/s/x; ls /e", empty="/e", shm="/e/s"), volumes=VOLUMES
    )
    assert result.result == "1\ns"
    result, log = run(mounted("touch /d/e/x; ls /d/e", data="/d", empty="/d/e"), volumes=VOLUMES)
    if project.runtime_name == BUBBLEWRAP:
        # The folder that it is mounted at is the claim's, as Kubernetes makes it.
        assert result.result == "x" and list(project.objects.claim_path("data").iterdir()), log
        assert not list((project.objects.claim_path("data") / "e").iterdir())
        return
    assert result.error and "inside the claim at /d" in result.message


def test_missing_output_parameter_on_a_volume_in_the_words_of_argo(run):
    template = mounted("true", empty="/v")
    template["outputs"] = {"parameters": [{"name": "p", "valueFrom": {"path": "/v/nope"}}]}
    result, _ = run(template, volumes=VOLUMES)
    assert result.message == (
        "wait: Error (exit code 64): open /mainctrfs/v/nope: no such file or directory"
    )
