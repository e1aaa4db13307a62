"""What a container is created with."""

from __future__ import annotations

from pathlib import Path

import pytest

from hera_experiment.errors import UserError
from hera_experiment.images.engine import Completed
from hera_experiment.local.runtimes.container import pod_containers
from hera_experiment.local.runtimes.engine_client import (
    command_options,
    init_options,
    mount_options,
    user_options,
    variable_options,
)
from hera_experiment.local.runtimes.volumes import Mount


@pytest.mark.parametrize(
    ("engine", "answer", "user", "platform", "options"),
    [
        ("docker", "[]", 1000, "linux", ["--user", "1000:100", "--env", "HOME=/tmp"]),
        ("docker", '["name=rootless"]', 1000, "linux", ["--user", "0:0"]),
        ("docker", "[]", 0, "linux", ["--user", "0:0"]),
        ("podman", "warning: x\ntrue\n", 1000, "linux", ["--user", "0:0"]),
        ("podman", "false\n", 1000, "linux", ["--user", "1000:100", "--env", "HOME=/tmp"]),
        ("docker", "[]", 501, "darwin", []),
    ],
)
def test_files_belong_to_the_user(engine, answer, user, platform, options):
    run = lambda argv: Completed(0, answer)  # noqa: E731
    assert user_options(engine, run, user, 100, platform) == options


def test_secrets_are_not_seen_in_the_list_of_processes():
    variables = {"TOKEN": "s3cret", "PATH": "/x", "DOCKER_HOST": "d", "API_KEY": " k=ey "}
    environ = {"PATH": "/bin", "HOME": "/home/me", "API_KEY": "mine"}
    options, client, lines = variable_options(variables, environ)
    assert options == ["--env", "TOKEN"]
    assert client == {**environ, "TOKEN": "s3cret"}
    assert lines == "PATH=/x\nDOCKER_HOST=d\nAPI_KEY= k=ey \n"


def test_the_client_never_sees_a_variable_of_its_own_from_a_task():
    names = ["LD_PRELOAD", "https_proxy", "HTTP_PROXY", "CONTAINERS_CONF", "_CONTAINERS_USERNS"]
    options, client, lines = variable_options(dict.fromkeys(names, "x"), {})
    assert (options, client) == ([], {})
    assert lines == "".join(f"{name}=x\n" for name in names)


@pytest.mark.parametrize("value", ["one\ntwo", "one\r", '"quoted"', "x" * 70_000])
def test_a_value_that_a_file_of_variables_cannot_hold(value):
    options, client, lines = variable_options({"KEY": value}, {"KEY": "mine"})
    assert (options, client, lines) == (["--env", "KEY"], {"KEY": value}, "")
    # Names that only look like one of the client's.
    for name in ("SSH_PRIVATE_KEY", "GOOGLE_CREDENTIALS", "CONTAINER_KEY", "SSL_KEY", "PATHS"):
        assert variable_options({name: value}, {}) == (["--env", name], {name: value}, "")
    with pytest.raises(UserError, match="DOCKER_CERT") as caught:
        variable_options({"DOCKER_CERT": value}, {})
    assert value not in str(caught.value)


def test_mounts_from_the_outside_in():
    mounts = [
        Mount("/data/in,x", Path("/a,b"), "emptyDir", read_only=True),
        Mount("/data", Path("/c"), "persistentVolumeClaim"),
        Mount("/dev/shm", Path("/d"), "emptyDir", memory=True, size="1Gi"),
    ]
    assert mount_options(mounts, Path("/p/script")) == [
        *("--mount", "type=bind,source=/c,target=/data"),
        *("--tmpfs", f"/dev/shm:rw,exec,mode=1777,size={2**30}"),
        *("--mount", 'type=bind,"source=/a,b","target=/data/in,x",readonly'),
        *("--mount", "type=bind,source=/p/script,target=/argo/staging/script,readonly"),
    ]


def main(template):
    return pod_containers(template).main[0]


def test_command_and_arguments():
    def options(**fields):
        return command_options(main({"container": {"image": "i", **fields}}), {"A": "1"})

    assert options(command=["a", "b"], args=["$(A)", "$$(A)"]) == (
        ["--entrypoint", "a"],
        ["b", "1", "$(A)"],
    )
    assert options(args=["x"]) == ([], ["x"])
    assert options() == ([], [])
    script = main({"script": {"image": "i", "command": ["sh", "-e"], "source": "x"}})
    assert command_options(script, {}) == (["--entrypoint", "sh"], ["-e", "/argo/staging/script"])
    for source in ({"source": ""}, {}):
        bare = main({"script": {"image": "i", "command": ["sh", "-e"], **source}})
        assert command_options(bare, {}) == (["--entrypoint", "sh"], ["-e"])


def test_process_one(tmp_path: Path):
    assert init_options("docker", {}, "linux") == ["--init"]
    assert init_options("podman", {}, "darwin") == ["--init"]
    (tmp_path / "tini").write_text("")
    (tmp_path / "tini").chmod(0o755)
    found = init_options("podman", {"PATH": str(tmp_path)}, "linux")
    assert found[:2] == ["--init", "--init-path"]
