"""Whom a container runs as, what it may do, and which devices it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from hera_experiment.local.runtimes.devices import devices_of, missing_devices
from hera_experiment.local.runtimes.root_image import Account, NoSuchAccount, account_of
from hera_experiment.local.runtimes.security import DEFAULT_CAPABILITIES, NotAllowed, security_of

FILES = {
    "/etc/passwd": b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\nbad:line\n",
    "/etc/group": b"root:x:0:\nstaff:x:50:app\n",
}


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("", Account(0, 0, "/root")),
        ("app", Account(1000, 1001, "/home/app")),
        ("1000", Account(1000, 1001, "/home/app")),
        ("app:staff", Account(1000, 50, "/home/app")),
        ("app:7", Account(1000, 7, "/home/app")),
        ("2000", Account(2000, 0, "/")),
        (":staff", Account(0, 50, "/root")),
    ],
)
def test_accounts_of_an_image(text: str, account: Account) -> None:
    assert account_of(text, FILES.get) == account


@pytest.mark.parametrize(("text", "words"), [("nobody", "user nobody"), ("app:x", "group x")])
def test_an_account_that_is_not_there(text: str, words: str) -> None:
    with pytest.raises(NoSuchAccount, match=f"unable to find {words}"):
        account_of(text, FILES.get)


def account(text: str) -> Account:
    return account_of(text, FILES.get)


def test_the_context_of_the_container_wins_over_that_of_the_pod() -> None:
    found = security_of({"runAsUser": 5, "runAsGroup": 6}, {"runAsUser": 1000}, "", account)
    assert (found.user, found.group, found.home) == (1000, 6, "/home/app")
    assert found.capabilities == () and not found.read_only
    assert security_of({}, {"readOnlyRootFilesystem": True}, "", account).read_only
    assert security_of({}, {"runAsUser": 0}, "app", account).user == 0
    # Null is no value.
    assert security_of({"runAsUser": 5}, {"runAsUser": None}, "", account).user == 5


@pytest.mark.parametrize(
    ("user", "container", "words"),
    [
        ("", {}, "image will run as root"),
        ("app", {}, r"non-numeric user \(app\), cannot verify"),
        ("1000", {"runAsUser": 0}, "runAsUser breaks non-root policy"),
    ],
)
def test_root_is_refused_where_a_pod_says_so(user: str, container: dict, words: str) -> None:
    with pytest.raises(NotAllowed, match=words):
        security_of({"runAsNonRoot": True}, container, user, account)


def test_no_root_is_well() -> None:
    assert security_of({"runAsNonRoot": True}, {}, "1000", account).user == 1000
    assert security_of({"runAsNonRoot": True}, {"runAsUser": 9}, "app", account).user == 9


@pytest.mark.parametrize(
    ("context", "capabilities"),
    [
        ({}, DEFAULT_CAPABILITIES),
        ({"capabilities": {"drop": ["ALL"]}}, []),
        ({"capabilities": {"drop": ["ALL"], "add": ["CAP_CHOWN"]}}, ["CHOWN"]),
        (
            {"capabilities": {"drop": ["kill"], "add": ["SYS_NICE"]}},
            sorted({*DEFAULT_CAPABILITIES, "SYS_NICE"} - {"KILL"}),
        ),
        ({"capabilities": {"add": ["ALL"]}}, ["ALL"]),
        ({"privileged": True}, ["ALL"]),
        ({"privileged": True, "runAsUser": 1}, []),
    ],
)
def test_capabilities(context: dict, capabilities: list[str]) -> None:
    assert list(security_of({}, context, "", account).capabilities) == capabilities


def test_devices_that_are_asked_for(tmp_path: Path) -> None:
    for name in ("nvidia0", "nvidia1", "nvidia10", "nvidiactl", "nvidia-uvm", "null", "kfd"):
        (tmp_path / name).touch()
    (tmp_path / "dri").mkdir()
    (tmp_path / "dri" / "renderD128").touch()

    def names(**limits: object) -> list[str]:
        asked = {name.replace("_", ".", 1).replace("_", "/", 1): n for name, n in limits.items()}
        return [str(Path(d).relative_to(tmp_path)) for d in devices_of(asked, tmp_path)]

    assert names() == [] and names(nvidia_com_gpu=0, cpu="2") == []
    assert names(nvidia_com_gpu=1) == ["nvidia0", "nvidiactl", "nvidia-uvm"]
    assert names(nvidia_com_gpu="2")[:2] == ["nvidia0", "nvidia1"]
    assert names(amd_com_gpu=1) == ["dri/renderD128", "kfd"]
    assert list(missing_devices({"nvidia.com/gpu": 4, "amd.com/gpu": 1}, tmp_path)) == [
        "nvidia.com/gpu"
    ]
