"""Artifacts of whole workflows whose tasks run on this machine.

What Argo makes of the same things is compared in tests/cluster; here are what only this machine
has, and what a cluster would take long for.
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from laptop_runs import Laptop, dag, inputs, leaf, node, outputs, task

from hera_experiment.local.errors import Unsupported

WRITE = leaf("write", "echo text > /tmp/out", **outputs({"name": "out", "path": "/tmp/out"}))
READ = leaf(
    "read",
    "cp /data/in /tmp/seen",
    **inputs({"name": "in", "path": "/data/in"}),
    outputs={"parameters": [{"name": "seen", "valueFrom": {"path": "/tmp/seen"}}]},
)
FROM = {"name": "in", "from": "{{tasks.write.outputs.artifacts.out}}"}


def seen(workflow: dict[str, Any], name: str = "read") -> str:
    value: str = node(workflow, name)["outputs"]["parameters"][0]["value"]
    return value


def test_a_file_goes_through_the_folder_of_this_machine(laptop: Laptop) -> None:
    done = laptop.run(
        dag(task("write", "write"), task("read", "read", FROM, depends="write")), WRITE, READ
    )
    assert (done["status"]["phase"], seen(done)) == ("Succeeded", "text")
    (artifact,) = node(done, "write")["outputs"]["artifacts"]
    key = artifact["s3"]["key"]
    name = done["metadata"]["name"]
    assert key.startswith(f"{name}/{name}-write-") and key.endswith("/out.tgz")
    with tarfile.open(laptop.kept(key)) as tar:
        assert tar.getnames() == ["out"]
    assert list(laptop.root.glob("runs/*/pods/*")) == []


def test_what_a_user_puts_into_the_folder_is_an_input(laptop: Laptop) -> None:
    laptop.kept("my/data").parent.mkdir(parents=True)
    laptop.kept("my/data").write_text("mine")
    done = laptop.run(dag(task("read", "read", {"name": "in", "s3": {"key": "my/data"}})), READ)
    assert seen(done) == "mine"


def test_keys_have_the_form_of_a_config_map(laptop: Laptop) -> None:
    form = "keyFormat: 'lab/{{workflow.name}}/{{inputs.parameters.p}}'"
    laptop.store.objects.put("configmaps", "mine", {"here": f"s3:\n  bucket: b\n  {form}".encode()})
    template = {**WRITE, "inputs": {"parameters": [{"name": "p", "value": "q"}]}}
    ref = {"configMap": "mine", "key": "here"}
    done = laptop.run(template, artifactRepositoryRef=ref)
    name = done["metadata"]["name"]
    (artifact,) = node(done, name)["outputs"]["artifacts"]
    assert artifact["s3"] == {"key": f"lab/{name}/q/out.tgz"}
    assert (laptop.root / "buckets" / "b" / "lab" / name / "q" / "out.tgz").is_file()


@pytest.mark.parametrize("ref", [{"configMap": "mine", "key": "nowhere"}, {"configMap": "other"}])
def test_a_repository_that_is_not_there_is_an_error(laptop: Laptop, ref: dict[str, str]) -> None:
    laptop.store.objects.put("configmaps", "mine", {"here": b"s3: {}"})
    done = laptop.run(WRITE, artifactRepositoryRef=ref)
    assert done["status"]["phase"] == "Error"
    words = f'artifact repository ref "{ref["configMap"]}#{ref.get("key", "")}"'
    assert words in done["status"]["message"]


@pytest.mark.parametrize(
    ("strategy", "own", "after", "deleted"),
    [
        ("OnWorkflowCompletion", "", False, False),
        ("OnWorkflowDeletion", "", True, False),
        ("Never", "", True, True),
        ("", "", True, True),
        ("OnWorkflowCompletion", "Never", True, True),
        ("Never", "OnWorkflowDeletion", True, False),
    ],
)
def test_artifacts_go_by_their_strategy(
    strategy: str, own: str, after: bool, deleted: bool, laptop: Laptop
) -> None:
    artifact = {"name": "out", "path": "/tmp/out"}
    if own:
        artifact["artifactGC"] = {"strategy": own}  # type: ignore[assignment]
    gc = {"artifactGC": {"strategy": strategy}} if strategy else {}
    done = laptop.run(leaf("main", "echo text > /tmp/out", **outputs(artifact)), **gc)
    (kept,) = node(done, done["metadata"]["name"])["outputs"]["artifacts"]
    assert kept.get("deleted", False) is not after
    assert laptop.kept(kept["s3"]["key"]).exists() is after
    laptop.engine.delete("local", done["metadata"]["name"])
    assert laptop.kept(kept["s3"]["key"]).exists() is deleted


def test_logs_become_artifacts(laptop: Laptop) -> None:
    done = laptop.run(leaf("main", "echo said; exit 3"), archiveLogs=True)
    (log,) = node(done, done["metadata"]["name"])["outputs"]["artifacts"]
    assert log["name"] == "main-logs"
    assert laptop.kept(log["s3"]["key"]).read_text() == "said\n"


def test_an_artifact_lies_on_the_volume_that_its_path_is_on(laptop: Laptop) -> None:
    claim = laptop.store.objects.put("persistentvolumeclaims", "results")
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "results"}}
    mounts = {"volumeMounts": [{"name": "v", "mountPath": "/mnt/v"}]}
    template = leaf(
        "main",
        "cat /mnt/v/deep/in > /mnt/v/out",
        inputs={"artifacts": [{"name": "in", "path": "/mnt/v/deep/in", "raw": {"data": "raw"}}]},
        **outputs({"name": "out", "path": "/mnt/v/out", "archive": {"none": {}}}),
    )
    template["container"] |= mounts
    done = laptop.run(template, volumes=[volume])
    assert done["status"]["phase"] == "Succeeded", done["status"]
    assert sorted(p.name for p in claim.rglob("*")) == ["deep", "in", "out"]
    (artifact,) = node(done, done["metadata"]["name"])["outputs"]["artifacts"]
    assert laptop.kept(artifact["s3"]["key"]).read_text() == "raw"


def test_a_link_on_a_volume_takes_nothing_from_outside(laptop: Laptop, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    claim = laptop.store.objects.put("persistentvolumeclaims", "results")
    (claim / "out").symlink_to(secret)
    (claim / "in").symlink_to(tmp_path)
    volume = {"name": "v", "persistentVolumeClaim": {"claimName": "results"}}
    mounts = {"volumeMounts": [{"name": "v", "mountPath": "/mnt/v"}]}
    template = leaf("main", "true", **outputs({"name": "out", "path": "/mnt/v/out"}))
    template["container"] |= mounts
    done = laptop.run(template, volumes=[volume])
    assert done["status"]["phase"] == "Error"
    assert "is a link out of its folder" in node(done, done["metadata"]["name"])["message"]
    raw = {"name": "in", "path": "/mnt/v/in/new", "raw": {"data": "x"}}
    template = leaf("main", "true", **inputs(raw))
    template["container"] |= mounts
    done = laptop.run(template, volumes=[volume])
    assert "leads out" in node(done, done["metadata"]["name"])["message"] or (
        "is a link out" in node(done, done["metadata"]["name"])["message"]
    )
    assert not (tmp_path / "new").exists()
    for file in (laptop.root / "artifacts").rglob("*"):
        assert not file.is_file() or b"secret" not in file.read_bytes()


def test_a_task_cannot_reach_its_inputs_behind_the_artifact(laptop: Laptop) -> None:
    """What it is given is a copy: what it does to it changes nothing that is kept."""
    change = leaf(
        "change",
        "echo more >> /data/in; rm -rf /data/in || true",
        **inputs({"name": "in", "path": "/data/in"}),
    )
    done = laptop.run(
        dag(
            task("write", "write"),
            task("change", "change", FROM, depends="write"),
            task("read", "read", FROM, depends="change"),
        ),
        WRITE,
        READ,
        change,
    )
    assert seen(done) == "text"


def test_a_failing_input_keeps_a_task_from_running(laptop: Laptop) -> None:
    broken = io.BytesIO()
    with tarfile.open(fileobj=broken, mode="w:gz") as tar:
        header = tarfile.TarInfo("../out")
        tar.addfile(header)
    laptop.kept("bad").parent.mkdir(parents=True, exist_ok=True)
    laptop.kept("bad").write_bytes(broken.getvalue())
    done = laptop.run(dag(task("read", "read", {"name": "in", "s3": {"key": "bad"}})), READ)
    assert node(done, "read")["message"] == "init: Error (exit code 64): illegal file path: ../out"
    assert node(done, "read")["phase"] == "Error"


@pytest.mark.parametrize("given", [[], [{"name": "in", "optional": True}]])
def test_an_input_that_nobody_gives(given: list[dict[str, Any]], laptop: Laptop) -> None:
    maybe = leaf(
        "read",
        "test ! -e /data/in && echo none > /tmp/seen",
        **inputs({"name": "in", "path": "/data/in", "optional": True}),
        outputs=READ["outputs"],
    )
    gone = [{**each, "from": "{{tasks.skip.outputs.artifacts.out}}"} for each in given]
    skip = task("skip", "write", when="1 == 2")
    done = laptop.run(dag(skip, task("read", "read", *gone, depends="skip")), maybe, WRITE)
    assert seen(done) == "none"


def test_drivers_that_are_programs_are_refused_by_name(laptop: Laptop) -> None:
    plugin = {"name": "out", "path": "/tmp/out", "plugin": {"name": "mine", "key": "k"}}
    with pytest.raises(Unsupported, match=r"outputs\.artifacts\.out\.plugin"):
        laptop.run(leaf("main", "true", **outputs(plugin)))


def test_nothing_of_a_secret_is_shown(laptop: Laptop) -> None:
    password = "s3cret-of-the-lab"
    laptop.store.objects.put("secrets", "s", {"user": b"u", "password": password.encode()})
    auth = {
        "usernameSecret": {"name": "s", "key": "user"},
        "passwordSecret": {"name": "s", "key": "password"},
    }
    sources = [
        {"http": {"url": "http://127.0.0.1:1/x", "auth": {"basicAuth": auth}}},
        {"git": {"repo": "http://127.0.0.1:1/x.git", **auth}},
    ]
    for source in sources:
        done = laptop.run(dag(task("read", "read", {"name": "in", **source})), READ)
        assert node(done, "read")["phase"] == "Error"
        assert password not in json.dumps(done)


def test_one_place_holds_a_file_for_one_task_and_a_folder_for_the_next(laptop: Laptop) -> None:
    make = leaf(
        "make",
        "mkdir /tmp/folder && echo x > /tmp/folder/x && echo file > /tmp/file",
        **outputs({"name": "folder", "path": "/tmp/folder"}, {"name": "file", "path": "/tmp/file"}),
    )
    look = leaf(
        "look",
        "ls -d /data/in/x || cat /data/in",
        **inputs({"name": "in", "path": "/data/in"}),
    )
    order = ["file", "folder", "file"]
    tasks = [task("make", "make")]
    for number, name in enumerate(order):
        artifact = {"name": "in", "from": f"{{{{tasks.make.outputs.artifacts.{name}}}}}"}
        before = tasks[-1]["name"]
        tasks.append(task(f"t{number}", "look", artifact, depends=f"make && {before}"))
    done = laptop.run(dag(*tasks), make, look)
    assert done["status"]["phase"] == "Succeeded", done["status"]["nodes"]
