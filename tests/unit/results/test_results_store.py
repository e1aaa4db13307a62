from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from hera_experiment.errors import UserError
from hera_experiment.printing import size
from hera_experiment.results.listing import Entry, Listing, Unreadable, read_listing, read_some
from hera_experiment.results.outcome import named, printable
from hera_experiment.results.packed import unpacked
from hera_experiment.results.store import Store, stays_inside
from hera_experiment.results.transfer import Transfer, download


def entry(path: bytes, content: bytes, mode: int = 0o100644) -> Entry:
    return Entry(path, len(content), 1_000_000_000, mode, hashlib.sha256(content).hexdigest())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results", tmp_path / ".parts")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious").write_text("mine")
    return folder


@pytest.mark.parametrize(
    "path", [b"../out", b"/etc/passwd", b"a/../../out", b"..", b".", b"", b"a//b", b"a/./b", b"a/"]
)
def test_no_path_leads_out(store: Store, tmp_path: Path, path: bytes) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises((ValueError, OSError)):
        store.receive(entry(path, b"evil"), [b"evil"])
    with pytest.raises((ValueError, OSError)):
        store.link(path, b"target")
    left = [each for each in tmp_path.rglob("*") if each not in before]
    assert {each.parent.name for each in left if each.is_file()} <= {".parts"}


def test_a_list_that_names_something_outside_is_refused() -> None:
    for name in (b"./../out", b"/etc/passwd", b"./a/../../out", b"..", b"./"):
        record = b"81a4 4 0 " + name + b"//\n"
        with pytest.raises(Unreadable):
            read_listing(b"-//\n\0\0" + record + b"-//\n-//\n")
        with pytest.raises(Unreadable):
            read_some(record + b"0" * 64 + b"//\n")
    for name in (b"./../out", b"../out"):
        with pytest.raises(Unreadable):
            read_listing(b"-//\n\0" + name + b"\0target\0\0")


@pytest.mark.parametrize(
    "printed", [b"", b"hello", b"-//\n", b"x y z ./a//\n-//\n\0\0", b"-//\n\0"]
)
def test_a_list_that_breaks_off_is_none(printed: bytes) -> None:
    with pytest.raises(Unreadable, match="cannot be listed"):
        read_listing(printed)


def test_a_link_on_the_way_is_replaced_and_never_followed(store: Store, outside: Path) -> None:
    store.folder.mkdir()
    (store.folder / "sub").symlink_to(outside)
    (store.folder / "file").symlink_to(outside / "precious")
    for path in (b"sub/precious", b"file"):
        assert store.receive(entry(path, b"new"), [b"new"])
    assert (outside / "precious").read_text() == "mine"
    assert not (store.folder / "sub").is_symlink() and not (store.folder / "file").is_symlink()
    assert (store.folder / "sub" / "precious").read_text() == "new"


def test_a_link_is_never_read_as_a_file(store: Store, outside: Path) -> None:
    store.folder.mkdir()
    (store.folder / "file").symlink_to(outside / "precious")
    (store.folder / "sub").symlink_to(outside)
    assert not store.has(entry(b"file", b"mine"))
    assert not store.has(entry(b"sub/precious", b"mine"))
    os.mkfifo(store.folder / "pipe")
    assert not store.has(entry(b"pipe", b""))


def test_the_folder_itself_may_be_a_link_of_the_user(tmp_path: Path, outside: Path) -> None:
    (tmp_path / "results").symlink_to(outside)
    store = Store(tmp_path / "results", tmp_path / ".parts")
    assert store.receive(entry(b"a", b"1"), [b"1"])
    assert (outside / "a").read_text() == "1"


@pytest.mark.parametrize(
    ("name", "target", "inside"),
    [
        (b"a", b"b", True),
        (b"a", b"b/c", True),
        (b"d/e/a", b"../../b", True),
        (b"d/a", b"../../b", False),
        (b"a", b"..", False),
        (b"d/a", b"..", True),
        (b"a", b"/etc/passwd", False),
        (b"a", b"b/../c", False),  # b may be a link itself
        (b"a", b"b/../../c", False),
        (b"a", b"", False),
        (b"a", b".", False),
        (b"a", b"./b", True),
    ],
)
def test_which_links_stay_inside(name: bytes, target: bytes, inside: bool) -> None:
    assert stays_inside(name, target) is inside


def test_a_wrong_content_is_never_put_in_its_place(store: Store) -> None:
    right = entry(b"a", b"right")
    assert store.receive(right, [b"right"])
    other = entry(b"a", b"newer")
    assert not store.receive(other, [b"ne", b"wrr"])
    assert (store.folder / "a").read_text() == "right"
    assert store.arrived(other) == 0
    # What is too short waits, and is gone on with.
    assert not store.receive(other, [b"ne"])
    assert store.arrived(other) == 2
    assert store.receive(other, [b"wer", b"and what came later"])
    assert (store.folder / "a").read_text() == "newer"


def test_what_cannot_be_written_at_all_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = Store(tmp_path / "results", tmp_path / "file" / "parts")
    with pytest.raises(UserError, match="cannot write results"):
        store.receive(entry(b"a", b"1"), [b"1"])


def test_permissions_are_plain(store: Store) -> None:
    store.receive(entry(b"a", b"1", 0o106777), [b"1"])
    store.receive(entry(b"b", b"2", 0o100400), [b"2"])
    modes = [stat.S_IMODE((store.folder / name).stat().st_mode) for name in "ab"]
    assert modes[0] & 0o7000 == 0 and modes[0] & 0o100
    assert modes[1] & 0o700 == 0o600


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as opened:
        for member, content in members:
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_an_archive_gives_files_and_nothing_else() -> None:
    link, device = tarfile.TarInfo("link"), tarfile.TarInfo("device")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    device.type = tarfile.CHRTYPE
    packed = archive(
        (tarfile.TarInfo("./a"), b"1"), (link, b""), (device, b""), (tarfile.TarInfo("../b"), b"2")
    )
    found = {path: b"".join(pieces) for path, pieces in unpacked([packed + packed])}
    # The paths are compared with those of the list: nothing is written by them.
    assert found == {b"a": b"1", b"../b": b"2"}
    assert list(unpacked([])) == [] and list(unpacked([b"x" * 5000])) == []
    assert [path for path, _ in unpacked([packed[:700]])] == [b"a"]


def lists(**contents: bytes) -> Listing:
    return Listing(files=[entry(name.encode(), content) for name, content in contents.items()])


class Claim:
    """A folder of a claim that holds what ``listing`` tells; ``changing`` files never arrive."""

    def __init__(self, listing: Listing | None, changing: Sequence[bytes] = ()) -> None:
        self.listing = listing
        self.changing = list(changing)

    def list(self) -> Listing | None:
        return self.listing

    def download(self, wanted: Sequence[Entry], store: Store) -> Transfer:
        transfer = Transfer(changing=self.changing)
        for each in wanted:
            if each.path not in self.changing:
                transfer.receive(each, [b"1"], store)
        return transfer


def test_one_claim_lies_in_the_folder_and_several_side_by_side(tmp_path: Path) -> None:
    said: list[str] = []
    with_a = Claim(lists(a=b"1"))
    one = download({"x": with_a, "inputs": Claim(None)}, tmp_path / "one", said.append)
    assert one.files == (tmp_path / "one" / "a",) and one.new == 1
    again = download({"x": with_a, "inputs": None}, tmp_path / "one", said.append)
    assert again.files == one.files and again.new == 0
    assert said == [
        "1 file to fetch from the claim 'x', 1 B",
        "nothing new on the claim 'x': 1 file, the same as here",
    ]
    two = download({"x": with_a, "y": Claim(lists(a=b"1"))}, tmp_path / "two", said.append)
    assert two.files == (tmp_path / "two" / "x" / "a", tmp_path / "two" / "y" / "a")


def test_what_could_not_be_had_is_said(tmp_path: Path) -> None:
    listing = Listing(
        folders=[b"empty", b"closed"],
        links={b"out": b"/etc/passwd", b"in": b"a"},
        files=[entry(b"a", b"1"), entry(b"\x1b[2Jb", b"2")],
        closed=[b"closed"],
    )
    claim = Claim(listing, changing=[b"\x1b[2Jb"])
    found = download({"x": claim}, tmp_path / "out", print)
    assert found.files == (tmp_path / "out" / "a", tmp_path / "out" / "in")
    assert (tmp_path / "out" / "empty").is_dir()
    assert found.missing == 2
    assert found.remarks == (
        "links that lead out of the run's folder stay there: 'out'",
        "not fetched, since they changed all the while: '\\x1b[2Jb'",
        "not fetched, since the pod may not enter them on 'x': 'closed'",
    )
    # Nothing waits for the next time.
    assert not (tmp_path / ".parts").exists()


def test_words() -> None:
    assert printable(b"a\nb\xff") == "a\\nb\\xff" and printable("ä 🙂") == "ä 🙂"
    assert named([b"b", b"a"]) == "'a', 'b'"
    assert named([b"%d" % n for n in range(9)]) == "'0', '1', '2', '3', '4' and 4 more"
    assert [size(n) for n in (999, 1000, 1_500_000, 2 * 10**16)] == [
        "999 B",
        "1.0 kB",
        "1.5 MB",
        "20000.0 TB",
    ]
