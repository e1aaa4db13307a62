from __future__ import annotations

import hashlib
import os
import resource
from pathlib import Path
from typing import Any

import pytest
from results_shell import SHELLS, ProcessShell, programs_of

from hera_experiment.errors import UserError
from hera_experiment.results import listing
from hera_experiment.results.listing import Entry, Listing
from hera_experiment.results.pod_folder import PodFolder
from hera_experiment.results.store import Store
from hera_experiment.results.transfer import Transfer

NAMES = [
    b"plain.txt",
    b"with space and 'quotes\" $HOME `x` *",
    b"-leading-dash",
    b"new\nline",
    b"ends with newline\n",
    b"\n",
    b"carriage\rreturn",
    b"back\\slash\\n",
    "prüfung-数据-🙂".encode(),
    b"not-utf8-\xff\xfe",
    b"sub/folder/deep",
    b"sub/-dash folder/\\",
    b"n" * 250,
    b"d" * 120 + b"/" + b"e" * 120 + b"/" + b"f" * 120,
    b".hidden",
    b"x" * 64 + b"  ./plain.txt",
]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> ProcessShell:
    path = programs_of(request.param, tmp_path / "programs")
    if not path:
        pytest.skip(f"{request.param} is not installed (Debian: apt-get install busybox-static)")
    return ProcessShell(path)


@pytest.fixture
def claim(tmp_path: Path) -> Path:
    folder = tmp_path / "claim"
    folder.mkdir()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results" / "run", tmp_path / "results" / ".parts" / "run")


def write(folder: Path, name: bytes, content: bytes) -> Path:
    path = folder / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def pod_folder(shell: ProcessShell, claim: Path, **options: Any) -> PodFolder:
    said: list[str] = options.pop("said", [])
    return PodFolder(shell, str(claim), said.append, pause=lambda _: None, **options)


def lacking(found: Listing | None, store: Store) -> list[Entry]:
    assert found is not None
    return [each for each in found.files if not store.has(each)]


def fetch(shell: ProcessShell, claim: Path, store: Store) -> tuple[list[Entry], Transfer]:
    pod = pod_folder(shell, claim)
    new = lacking(pod.list(), store)
    return new, pod.download(new, store)


def contents(folder: Path) -> dict[bytes, bytes]:
    root = os.fsencode(folder)
    return {
        os.path.relpath(os.path.join(at, name), root): Path(
            os.fsdecode(os.path.join(at, name))
        ).read_bytes()
        for at, _, names in os.walk(root)
        for name in names
        if not os.path.islink(os.path.join(at, name))
    }


def test_every_name_is_listed_with_its_checksum(shell: ProcessShell, claim: Path) -> None:
    for number, name in enumerate(NAMES):
        write(claim, name, name * number)
    write(claim, b"empty", b"")
    (claim / "empty folder" / "in\nner").mkdir(parents=True)
    (claim / "link").symlink_to("plain.txt")
    (claim / "li\nnk").symlink_to("../out\nside\n")
    there = contents(claim)
    os.mkfifo(claim / "pipe")
    found = pod_folder(shell, claim).list()
    assert found is not None
    assert {each.path for each in found.files} == {*NAMES, b"empty"}
    for each in found.files:
        content = there[each.path]
        assert (each.sum, each.size) == (hashlib.sha256(content).hexdigest(), len(content))
    assert {b"empty folder", b"empty folder/in\nner", b"sub/-dash folder"} <= set(found.folders)
    assert found.links == {b"link": b"plain.txt", b"li\nnk": b"../out\nside\n"}


def test_a_folder_that_is_not_there(shell: ProcessShell, claim: Path) -> None:
    assert pod_folder(shell, claim / "nothing").list() is None
    found = pod_folder(shell, claim).list()
    assert found is not None and not (found.files or found.links)


def test_every_file_comes_home_once(shell: ProcessShell, claim: Path, store: Store) -> None:
    for number, name in enumerate(NAMES):
        write(claim, name, name * number)
    write(claim, b"big", os.urandom(9 << 20))
    write(claim, b"program", b"#!").chmod(0o755)
    os.utime(claim / "plain.txt", (1e9, 1e9))
    new, transfer = fetch(shell, claim, store)
    assert transfer.arrived == {each.path for each in new}
    assert not (transfer.changing or transfer.unreadable or transfer.refused)
    assert contents(store.folder) == contents(claim)
    assert (store.folder / "plain.txt").stat().st_mtime == 1e9
    assert os.access(store.folder / "program", os.X_OK)
    assert not os.access(store.folder / "plain.txt", os.X_OK)
    assert list((store.folder.parent / ".parts" / "run").iterdir()) == []
    # What changed comes alone, even with the same size and time.
    write(claim, b"plain.txt", b"")
    write(claim, b".hidden", contents(claim)[b".hidden"][::-1])
    new, transfer = fetch(shell, claim, store)
    assert {each.path for each in new} == {b".hidden"}
    assert contents(store.folder) == contents(claim)
    assert fetch(shell, claim, store)[0] == []


def test_a_hard_link_comes_as_a_file(shell: ProcessShell, claim: Path, store: Store) -> None:
    write(claim, b"a", b"same")
    os.link(claim / "a", claim / "b")
    _, transfer = fetch(shell, claim, store)
    assert transfer.arrived == {b"a", b"b"}
    assert contents(store.folder) == {b"a": b"same", b"b": b"same"}


def test_a_big_file_goes_on_where_it_stopped(
    shell: ProcessShell, claim: Path, store: Store
) -> None:
    content = os.urandom(20 << 20)
    write(claim, b"big file\n", content)
    new = lacking(pod_folder(shell, claim).list(), store)
    shell.break_after, shell.breaks, shell.printed = 6 << 20, 3, 0
    transfer = pod_folder(shell, claim).download(new, store)
    assert transfer.arrived == {b"big file\n"}
    assert contents(store.folder) == {b"big file\n": content}
    assert shell.breaks == 0
    assert shell.printed == len(content)


def test_files_that_have_arrived_do_not_come_again(
    shell: ProcessShell, claim: Path, store: Store
) -> None:
    for number in range(200):
        write(claim, b"%d" % number, os.urandom(20_000))
    new = lacking(pod_folder(shell, claim).list(), store)
    shell.break_after, shell.breaks, shell.printed = 1 << 20, 3, 0
    transfer = pod_folder(shell, claim).download(new, store)
    assert len(transfer.arrived) == 200
    assert contents(store.folder) == contents(claim)
    assert shell.printed < 6 << 20


def test_it_gives_up_when_nothing_arrives(shell: ProcessShell, claim: Path, store: Store) -> None:
    write(claim, b"big", os.urandom(5 << 20))
    new = lacking(pod_folder(shell, claim).list(), store)
    shell.break_after, shell.breaks = -1, 100
    pauses: list[float] = []
    pod = PodFolder(shell, str(claim), print, pause=pauses.append)
    with pytest.raises(UserError, match=r"cut by the test.*what has arrived is kept"):
        pod.download(new, store)
    assert pauses == [0.5, 1, 2, 4, 8]


def test_another_beginning_is_never_gone_on_with(
    shell: ProcessShell, claim: Path, store: Store
) -> None:
    write(claim, b"big", os.urandom(10 << 20))
    (entry,) = lacking(pod_folder(shell, claim).list(), store)
    store.receive(entry, [os.urandom(6 << 20)])
    assert store.arrived(entry) == 6 << 20
    transfer = pod_folder(shell, claim).download([entry], store)
    assert transfer.arrived == {b"big"}
    assert contents(store.folder) == contents(claim)


def test_a_file_that_grows_comes_as_it_was(shell: ProcessShell, claim: Path, store: Store) -> None:
    write(claim, b"log", b"begin\n")
    write(claim, b"big log", bytes(5 << 20))

    def grow(_: str) -> None:
        for name in ("log", "big log"):
            with (claim / name).open("ab") as file:
                file.write(b"more\n" * 1000)

    shell.meanwhile = grow
    _, transfer = fetch(shell, claim, store)
    assert transfer.arrived == {b"log", b"big log"} and not transfer.changing
    for name, content in contents(store.folder).items():
        assert contents(claim)[name].startswith(content) and content


def test_a_file_that_is_written_anew_all_the_while_is_said_to(
    shell: ProcessShell, claim: Path, store: Store
) -> None:
    write(claim, b"state", b"0")
    write(claim, b"quiet", b"0")
    shell.meanwhile = lambda script: (claim / "state").write_bytes(os.urandom(100)) and None
    _, transfer = fetch(shell, claim, store)
    assert transfer.changing == [b"state"]
    assert transfer.arrived == {b"quiet"}
    assert contents(store.folder) == {b"quiet": b"0"}


def test_a_file_that_goes_is_not_missed(shell: ProcessShell, claim: Path, store: Store) -> None:
    write(claim, b"temporary", b"0")
    write(claim, b"big temporary", bytes(5 << 20))
    write(claim, b"stays", b"1")

    def remove(script: str) -> None:
        if script == listing.PACK:
            (claim / "temporary").unlink()
            (claim / "big temporary").unlink()

    shell.meanwhile = remove
    _, transfer = fetch(shell, claim, store)
    assert (transfer.arrived, transfer.changing, transfer.unreadable) == ({b"stays"}, [], [])


def test_what_is_in_the_way_is_said(shell: ProcessShell, claim: Path, store: Store) -> None:
    write(claim, b"a", b"file")
    write(claim, b"b/c", b"file")
    (store.folder / "a").mkdir(parents=True)
    (store.folder / "b").write_text("mine")
    _, transfer = fetch(shell, claim, store)
    assert set(transfer.refused) == {b"a", b"b/c"}
    assert (store.folder / "b").read_text() == "mine"


def test_memory_does_not_grow_with_a_file(shell: ProcessShell, claim: Path, store: Store) -> None:
    with (claim / "huge").open("wb") as file:
        for _ in range(300):
            file.write(os.urandom(1 << 20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, transfer = fetch(shell, claim, store)
    assert transfer.arrived == {b"huge"}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_ten_thousand_files(shell: ProcessShell, claim: Path, store: Store) -> None:
    for number in range(10_000):
        write(claim, b"%d/%d.json" % (number // 1000, number), b'{"n": %d}' % number)
    _, transfer = fetch(shell, claim, store)
    assert len(transfer.arrived) == 10_000
    assert len(shell.scripts) <= 5
    assert contents(store.folder) == contents(claim)


def test_folders_are_removed_and_no_link_is_followed(shell: ProcessShell, claim: Path) -> None:
    for name in (b"run-a/file", b"run b'\"$x/deep/file", b"other/file", b"-rf/file"):
        write(claim, name, b"1" * 3000)
    (claim / "run-a" / "link").symlink_to(claim / "other")
    (claim / "linked").symlink_to(claim / "other")
    names = ["run-a", "run b'\"$x", "linked", "absent", "-rf"]
    pod = pod_folder(shell, claim)
    assert pod.remove(names) >= 0
    assert pod.remove(names) == 0
    assert [each.name for each in claim.iterdir()] == ["other"]
    assert (claim / "other" / "file").exists()
