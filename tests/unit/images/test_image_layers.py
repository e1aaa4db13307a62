"""Unpacking layers: what overlayfs is to see, and nothing beyond the folder."""

from __future__ import annotations

import gzip
import io
import os
import random
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_layers import TIME, digest, entry, folder, hard_link, link, packed, tar, tree

from hera_experiment.images.layers import (
    DEEPEST,
    Allowance,
    LayerRefused,
    Unpacked,
    link_across,
    merge,
    remove_tree,
    unpack,
)


def pieces(content: bytes, size: int = 700) -> Iterator[bytes]:
    for begin in range(0, len(content), size):
        yield content[begin : begin + size]


def unpacked(content: bytes, target: Path, *, size: int = 1 << 20, entries: int = 1000) -> Unpacked:
    target.mkdir()
    return unpack(pieces(content), target, Allowance(size, entries))


def test_every_kind_of_file(tmp_path: Path) -> None:
    layer = tar(
        folder("./", 0o750),
        folder("etc", 0o700),
        entry("etc/shadow", b"secret", mode=0o600),
        entry("/usr/bin/su", b"su", mode=0o4755),
        folder("locked", 0),
        entry("locked/x", b"x", mode=0),
        link("bin", "usr/bin"),
        link("abs", "/etc/shadow"),
        hard_link("usr/bin/sudo", "usr/bin/su"),
        hard_link("linked", "/bin"),
        entry("pipe", type=tarfile.FIFOTYPE, mode=0o622),
        entry("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
        entry("gone", type=tarfile.CHRTYPE, devmajor=0, devminor=0),
        entry("n" * 255, b"long"),
        entry("d/" * 60 + "deep", b"deep"),
        entry("odd \udcff\n", b"odd"),
        entry("./a//b/./c", b"c"),
    )
    found = unpacked(gzip.compress(layer), tmp_path / "l")
    root = tmp_path / "l"
    assert (found.diff_id, found.hides_all, found.missing) == (digest(layer), False, ())
    assert stat.S_IMODE(root.stat().st_mode) == 0o750
    seen = tree(root)
    deep = "d/" * 60 + "deep"
    assert {name: seen[name] for name in seen if not name.startswith("d/") or name == deep} == {
        "a": "folder 755",
        "a/b": "folder 755",
        "a/b/c": "file 644 c",
        "abs": "-> /etc/shadow",
        "bin": "-> usr/bin",
        "d": "folder 755",
        deep: "file 644 deep",
        "etc": "folder 700",
        "etc/shadow": "file 600 secret",
        "linked": "-> usr/bin",
        "locked": "folder 0",
        "locked/x": "file 0 x",
        "n" * 255: "file 644 long",
        "odd \udcff\n": "file 644 odd",
        "pipe": "pipe 622",
        "usr": "folder 755",
        "usr/bin": "folder 755",
        "usr/bin/su": "file 4755 su",
        "usr/bin/sudo": "file 4755 su",
    }
    assert (root / "usr/bin/su").samefile(root / "usr/bin/sudo")
    for name in ("etc", "etc/shadow", "bin", "pipe"):
        assert (root / name).lstat().st_mtime == TIME
    assert found.size == len(b"secretsuxlongdeepoddc")


@pytest.mark.parametrize("form", ["plain", "gzip", "parts"])
def test_how_a_layer_is_packed(tmp_path: Path, form: str) -> None:
    layer = tar(entry("a", random.Random(1).randbytes(300_000)), entry("b", b"b"))
    content = layer
    if form == "gzip":
        content = gzip.compress(layer)
    elif form == "parts":
        content = b"".join(gzip.compress(piece) for piece in pieces(layer, 5000))
    found = unpacked(content, tmp_path / "l")
    assert found.diff_id == digest(layer)
    assert (tmp_path / "l/b").read_bytes() == b"b"
    assert digest((tmp_path / "l/a").read_bytes()) == digest(random.Random(1).randbytes(300_000))


def test_an_empty_layer(tmp_path: Path) -> None:
    for number, content in enumerate((b"", tar(), gzip.compress(bytes(1024)), packed())):
        assert unpacked(content, tmp_path / str(number)).entries == 0
        assert tree(tmp_path / str(number)) == {}


def test_a_file_with_holes(tmp_path: Path) -> None:
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.write(b"begin")
        file.seek(200_000)
        file.write(b"end")
    for number, form in enumerate(("gnu", "posix")):
        made = tmp_path / f"{form}.tar"
        command = ["tar", f"--format={form}", "--sparse", "-C", str(tmp_path), "-cf", str(made)]
        assert os.spawnvp(os.P_WAIT, "tar", [*command, "source"]) == 0
        unpacked(made.read_bytes(), tmp_path / str(number))
        assert (tmp_path / str(number) / "source").read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([entry("a/.wh.b")], {"a": "folder 755", "a/b": "removed"}),
        ([entry("a/.wh..wh..opq")], {"a": "opaque folder 755"}),
        ([entry(".wh.a"), folder("a")], {"a": "opaque folder 755"}),
        ([entry(".wh.a"), entry("a/b", b"b")], {"a": "opaque folder 755", "a/b": "file 644 b"}),
        ([folder("a", 0o711), entry(".wh.a")], {"a": "opaque folder 711"}),
        ([entry(".wh.a"), entry("a", b"a")], {"a": "file 644 a"}),
        ([entry("a", b"a"), entry(".wh.a")], {"a": "file 644 a"}),
        ([entry(".wh.a"), entry(".wh.a")], {"a": "removed"}),
        # What AUFS kept for itself.
        ([entry(".wh..wh.aufs"), folder(".wh..wh.plnk"), entry(".wh..wh.plnk/1.2", b"x")], {}),
        # The last one of a name counts.
        ([folder("a"), entry("a/b/c", b"c"), entry("a", b"a")], {"a": "file 644 a"}),
        ([entry("a", b"a"), folder("a")], {"a": "folder 755"}),
        ([entry("a", b"1"), entry("a", b"2")], {"a": "file 644 2"}),
        ([link("a", "b"), entry("a", b"a")], {"a": "file 644 a"}),
        ([link("a", "b"), folder("a"), entry("a/x")], {"a": "folder 755", "a/x": "file 644 "}),
        (
            [entry("a", b"1"), entry("b", b"2"), hard_link("b", "a")],
            {"a": "file 644 1", "b": "file 644 1"},
        ),
        ([entry("a", b"1"), hard_link("a", "a")], {"a": "file 644 1"}),
    ],
)  # fmt: skip
def test_what_takes_away_and_replaces(
    tmp_path: Path, entries: list[tuple[tarfile.TarInfo, bytes]], expected: dict[str, str]
) -> None:
    unpacked(tar(*entries), tmp_path / "l")
    assert tree(tmp_path / "l") == expected


def test_a_layer_that_hides_all_below(tmp_path: Path) -> None:
    assert unpacked(tar(entry(".wh..wh..opq"), entry("a", b"a")), tmp_path / "l").hides_all


@pytest.mark.parametrize("target", ["real", "/real", "../../../real", "./x/../real", "there"])
def test_links_are_followed_as_within_the_image(tmp_path: Path, target: str) -> None:
    (tmp_path / "real").mkdir()
    layer = tar(
        folder("real"),
        folder("x"),
        link("there", "/real"),
        link("way", target),
        entry("way/inside/file", b"f"),
        hard_link("way/again", "way/inside/file"),
        entry("way/.wh.lower"),
    )
    unpacked(layer, tmp_path / "l")
    assert list((tmp_path / "real").iterdir()) == []
    seen = tree(tmp_path / "l")
    assert seen["way"] == f"-> {target}"
    assert seen["real/inside/file"] == seen["real/again"] == "file 644 f"
    assert seen["real/lower"] == "removed"


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([entry("../x", b"x")], "../x, which leads out"),
        ([entry("a/../../x", b"x")], "leads out"),
        ([entry("a", b"a"), hard_link("b", "../../a")], "leads out"),
        ([hard_link("b", "/")], "no file"),
        ([folder("a"), hard_link("b", "a")], "b is a link to a, which is a folder"),
        ([entry("a/.wh...", b"")], "removes a/.., which is no file"),
        ([entry(".wh.")], "which is no file"),
        ([entry(".wh.a/b", b"b")], "which removes a folder"),
        ([entry("n" * 256, b"")], "longer than 255 bytes"),
        ([entry("é" * 128, b"")], "longer than 255 bytes"),
        ([entry("d/" * DEEPEST + "x", b"")], f"nested deeper than {DEEPEST}"),
        ([link("a", "b"), link("b", "a"), entry("a/x", b"x")], "goes round in links"),
        ([entry("a", b"a"), entry("a/x", b"x")], "a/x cannot be made: Not a directory"),
        ([link("a", "")], "a cannot be made"),
        ([entry("x", b"", pax_headers={"size": "-5"})], "damaged"),
        ([entry("x", b"", pax_headers={"mtime": "nan"})], "damaged"),
        ([entry("x", b"", pax_headers={"path": "a\0b"})], "which is none"),
        ([entry("x", b"", pax_headers={"note": "n" * (2 << 20)})], "a header has no end"),
    ],
)  # fmt: skip
def test_what_no_image_may_hold(
    tmp_path: Path, entries: list[tuple[tarfile.TarInfo, bytes]], words: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(LayerRefused) as caught:
        unpacked(tar(*entries), outside / "l", size=8 << 20)
    assert words in str(caught.value) and len(str(caught.value)) < 300
    assert [path.name for path in outside.iterdir()] == ["l"]
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]


def test_damaged_layers(tmp_path: Path) -> None:
    whole = tar(entry("a", random.Random(2).randbytes(20_000)), entry("b", b"b"))
    broken = bytearray(whole)
    broken[whole.index(b"b\0\0\0") + 5] = 1
    cases = {
        "ends too early": [whole[:5000], gzip.compress(whole)[:5000]],
        "should be a header": [bytes(broken)],
        "damaged": [gzip.compress(whole)[:8000] + b"x" * 9000, b"<html>" + b"x" * 600],
        "zstd": [b"\x28\xb5\x2f\xfd" + b"x" * 100],
    }
    for words, contents in cases.items():
        for number, content in enumerate(contents):
            with pytest.raises(LayerRefused, match=words):
                unpacked(content, tmp_path / f"{words}-{number}")


def test_bombs(tmp_path: Path) -> None:
    large = gzip.compress(tar(entry("a", bytes(10 << 20))))
    assert len(large) < 20_000
    with pytest.raises(LayerRefused, match=r"more than 0\.001"):
        unpacked(large, tmp_path / "size")
    # Nothing but padding, of which no file is made.
    with pytest.raises(LayerRefused, match=r"more than 0\.001"):
        unpacked(gzip.compress(tar(entry("a", b"")) + bytes(10 << 20)), tmp_path / "padding")
    with pytest.raises(LayerRefused, match="more than 1000 files"):
        unpacked(packed(*(entry(f"f{n}") for n in range(1001))), tmp_path / "files")
    with pytest.raises(LayerRefused, match="more than 1000 files"):
        ways = (entry("/".join(f"{n}-{m}" for m in range(50))) for n in range(50))
        unpacked(packed(*ways), tmp_path / "folders")


def test_hard_links_to_a_lower_layer(tmp_path: Path) -> None:
    lower, middle, upper = (tmp_path / name for name in ("lower", "middle", "upper"))
    unpacked(tar(entry("d/a", b"low", mode=0o4711), entry("d/b", b"b"), entry("c/x", b"x")), lower)
    unpacked(tar(entry("d/.wh.b"), entry("c/.wh..wh..opq")), middle)
    found = unpacked(tar(folder("e", 0o500), hard_link("e/z", "d/a")), upper)
    assert tree(upper) == {"e": "folder 500"}
    link_across(upper, found.missing, [lower, middle])
    assert tree(upper) == {"e": "folder 500", "e/z": "file 4711 low"}
    assert (upper / "e").stat().st_mtime == (upper / "e/z").stat().st_mtime == TIME
    for number, target in enumerate(("d/b", "c/x", "nowhere/y", "d")):
        other = tmp_path / str(number)
        found = unpacked(tar(hard_link("z", target)), other)
        with pytest.raises(LayerRefused, match=f"z is a link to {target}, not there"):
            link_across(other, found.missing, [lower, middle])


def test_layers_are_merged_as_overlayfs_shows_them(tmp_path: Path) -> None:
    layers = [
        tar(
            folder("a", 0o711),
            entry("a/b/c", b"c1", mode=0o4755),
            entry("a/gone", b"x"),
            entry("hidden/x", b"x"),
            entry("tree/inner/x", b"x"),
            entry("file", b"file"),
            link("link", "a"),
            folder("closed", 0),
            entry("closed/in", b"in", mode=0),
            entry("pipe", type=tarfile.FIFOTYPE),
        ),
        tar(
            entry("a/.wh.gone"),
            folder("hidden"),
            entry("hidden/.wh..wh..opq"),
            entry("hidden/new", b"new"),
            entry("tree", b"now a file"),
            folder("file"),
            entry("file/in", b"in"),
            entry("link", b"now a file"),
            entry(".wh.nothing"),
        ),
        tar(folder("a", 0o750), entry("a/b/c", b"c3"), entry(".wh.tree"), entry("tree/y", b"y")),
    ]
    paths = [tmp_path / str(number) for number in range(3)]
    for layer, path in zip(layers, paths, strict=True):
        unpacked(layer, path)
    before = [tree(path) for path in paths]
    merged = tmp_path / "merged"
    merged.mkdir()
    merge(paths, merged)
    assert tree(merged) == {
        "a": "folder 750",
        "a/b": "folder 755",
        "a/b/c": "file 644 c3",
        "closed": "folder 0",
        "closed/in": "file 0 in",
        "file": "folder 755",
        "file/in": "file 644 in",
        "hidden": "folder 755",
        "hidden/new": "file 644 new",
        "link": "file 644 now a file",
        "pipe": "pipe 644",
        "tree": "folder 755",
        "tree/y": "file 644 y",
    }
    assert (merged / "a").stat().st_mtime == TIME
    assert (merged / "a/b/c").samefile(paths[2] / "a/b/c")
    assert [tree(path) for path in paths] == before
    remove_tree(merged)
    assert [tree(path) for path in paths] == before


def test_folders_that_nobody_may_enter_are_removed(tmp_path: Path) -> None:
    layer = tar(folder("a", 0), entry("a/b/c", b"c", mode=0), folder("a/b", 0o100), folder(".", 0))

    def work() -> None:
        if os.getuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        unpack(pieces(layer), tmp_path / "l", Allowance(1 << 20, 100))
        with pytest.raises(PermissionError):
            os.listdir(tmp_path / "l" / "a")
        merge([tmp_path / "l"], tmp_path / "m")
        os.chmod(tmp_path / "l" / "a", 0o700)
        os.chmod(tmp_path / "m" / "a", 0o700)
        assert os.stat(tmp_path / "m" / "a" / "b").st_mode & 0o777 == 0o100
        assert os.stat(tmp_path / "l" / "a" / "b").st_mode & 0o777 == 0o100
        for name in ("l", "m"):
            remove_tree(tmp_path / name)

    tmp_path.chmod(0o777)
    for path in (tmp_path / "l", tmp_path / "m"):
        path.mkdir()
        if os.getuid() == 0:
            os.chown(path, 65534, 65534)
    if os.getuid() == 0:
        for above in tmp_path.parents:
            if above.stat().st_uid == 0 and not above.stat().st_mode & 0o001:
                above.chmod(above.stat().st_mode | 0o001)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not (tmp_path / "l").exists()


def test_names_at_random_stay_inside(tmp_path: Path) -> None:
    chance = random.Random(12)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("untouched")
    parts = ["a", "b", "..", ".", "", ".wh.a", ".wh.b", ".wh..wh..opq", "c" * 255, " ", "\n"]
    targets = [*parts, "/", "../../..", str(outside), "../outside", "/../outside", "a/b"]

    def name() -> str:
        return "/".join(chance.choice(parts) for _ in range(chance.randrange(1, 5)))

    def any_entry() -> tuple[tarfile.TarInfo, bytes]:
        kind = chance.randrange(5)
        if kind == 0:
            return folder(name(), chance.choice((0, 0o755, 0o4711)))
        if kind == 1:
            return link(name(), chance.choice(targets) + "/" + name())
        if kind == 2:
            return hard_link(name(), chance.choice((name(), "/" + name())))
        return entry(name(), b"x", mode=chance.choice((0, 0o644, 0o6755)))

    refused = 0
    for number in range(300):
        # A layer with such a name is refused at once, which hides what else is in it.
        if number == 50:
            parts = [part for part in parts if part != ".."]
        made = [any_entry() for _ in range(12)]
        target = tmp_path / "l"
        try:
            unpacked(tar(*made), target)
        except LayerRefused:
            refused += 1
        assert sorted(path.name for path in tmp_path.iterdir()) == ["l", "outside"]
        assert tree(outside) == {"file": "file 644 untouched"}
        remove_tree(target)
        assert not target.exists()
    assert 0 < refused < 300


def test_a_reader_that_gives_up_leaves_no_thread_waiting(tmp_path: Path) -> None:
    ended = []

    def endless() -> Iterator[bytes]:
        try:
            yield tar(entry("../x", b""))
            while True:
                yield bytes(1 << 16)
        finally:
            ended.append(True)

    (tmp_path / "l").mkdir()
    with pytest.raises(LayerRefused):
        unpack(endless(), tmp_path / "l", Allowance(1 << 30, 10))
    assert ended == [True]


def test_the_end_of_a_connection_is_told_as_it_is(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield io.BytesIO(tar(entry("a", bytes(100_000)))).read(1000)
        raise ConnectionError("cut")

    (tmp_path / "l").mkdir()
    with pytest.raises(ConnectionError, match="cut"):
        unpack(broken(), tmp_path / "l", Allowance(1 << 30, 10))
