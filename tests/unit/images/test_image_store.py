"""The store of images: what is pulled, kept, shared, removed; hostile registries; no registry."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_registry import FakeRegistry
from fake_server import Answer, FakeServer
from image_layers import digest, entry, folder, hard_link, packed, tar, tree

from hera_experiment.errors import UserError
from hera_experiment.images.engine import Ended
from hera_experiment.images.store import ImageStore, Limits, StoredImage, images_folder

BASE = [folder("etc"), entry("etc/name", b"base"), entry("old", b"old")]
TOP = [entry(".wh.old"), entry("new", b"new")]


@pytest.fixture(autouse=True)
def _a_machine_of_one_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


@pytest.fixture
def registry(fake: FakeServer) -> FakeRegistry:
    return FakeRegistry(fake)


class Laptop:
    """A store of one machine, its clock, and what it announced."""

    def __init__(self, tmp_path: Path, limits: Limits = Limits()) -> None:  # noqa: B008
        self.folder = tmp_path / "cache" / "images"
        self.environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
        self.root = tmp_path / "root"
        self.now = 0.0
        self.said: list[str] = []
        self._limits = limits
        self.store = self.another()

    def another(self) -> ImageStore:
        return ImageStore(
            self.folder, self.environ, clock=lambda: self.now, root=self.root, limits=self._limits
        )

    def provide(self, reference: str, stopped: Callable[[], bool] = lambda: False) -> StoredImage:
        self.now += 61
        return self.store.provide(reference, self.said.append, stopped)

    def refusal(self, reference: str) -> str:
        with pytest.raises(UserError) as caught:
            self.provide(reference)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
        return str(caught.value)

    def unpacked(self) -> int:
        return len(list((self.folder / "l").iterdir()))


@pytest.fixture
def laptop(tmp_path: Path) -> Laptop:
    return Laptop(tmp_path)


def test_an_image_with_its_configuration(registry: FakeRegistry, laptop: Laptop) -> None:
    config = {
        "Env": ["PATH=/bin", "A=b=c", "EMPTY="],
        "Entrypoint": ["python", "-m"],
        "Cmd": ["x y"],
        "User": "1000:1000",
        "WorkingDir": "/work",
        "Volumes": {"/b": {}, "/a": {}},
    }
    named = registry.image("1", BASE, TOP, config=config)
    found = laptop.provide(f"{registry.host}/a/b:1")
    assert found == StoredImage(
        f"{registry.host}/a/b:1",
        named,
        found.layers,
        {"PATH": "/bin", "A": "b=c", "EMPTY": ""},
        ("python", "-m"),
        ("x y",),
        "1000:1000",
        "/work",
        ("/a", "/b"),
    )
    assert [tree(layer) for layer in found.layers] == [
        {"etc": "folder 755", "etc/name": "file 644 base", "old": "file 644 old"},
        {"new": "file 644 new", "old": "removed"},
    ]
    assert laptop.folder.stat().st_mode & 0o777 == 0o700
    before = len(registry.fetched())
    assert laptop.provide(f"{registry.host}/a/b:1") == found
    assert len(registry.fetched()) == before
    assert [text for text in laptop.said if "pulling" not in text] == []


def test_an_image_without_anything(registry: FakeRegistry, laptop: Laptop) -> None:
    registry.image("1", config={"Env": None, "Entrypoint": None, "Cmd": "sh"})
    found = laptop.provide(f"{registry.host}/a:1")
    assert (found.layers, found.environment, found.entrypoint) == ((), {}, ())
    assert (found.command, found.user, found.workdir, found.volumes) == (("sh",), "", "", ())


def test_what_a_tag_means_is_asked_again(registry: FakeRegistry, laptop: Laptop) -> None:
    name = f"{registry.host}/a:1"
    old = registry.image("1", BASE)
    assert laptop.provide(name).digest == old
    new = registry.image("1", BASE, TOP)
    assert laptop.provide(name).digest == new
    # Not by each task of a run.
    before = len(registry.asked)
    for _ in range(5):
        assert laptop.store.provide(name, laptop.said.append).digest == new
    assert len(registry.asked) == before
    # A digest means the same for ever.
    assert laptop.provide(f"{registry.host}/a@{old}").digest == old
    assert len(registry.asked) == before


@pytest.mark.parametrize("down", ["gone", "busy"])
def test_without_its_registry(
    registry: FakeRegistry, laptop: Laptop, fake: FakeServer, down: str
) -> None:
    here = registry.image("1", BASE)
    found = laptop.provide(f"{registry.host}/a:1")
    if down == "gone":
        fake.close()
        fake.close = lambda: None  # type: ignore[method-assign]
    else:
        registry.status = 503
    laptop.said.clear()
    assert laptop.provide(f"{registry.host}/a:1") == found
    assert len(laptop.said) == 1
    assert f"the image {registry.host}/a:1 that is here serves" in laptop.said[0]
    assert laptop.provide(f"{registry.host}/a@{here}").digest == here
    refusal = laptop.refusal(f"{registry.host}/a:2")
    assert f"the image {registry.host}/a:2 is not on this machine" in refusal
    assert (f"nothing listens at http://{registry.host}" in refusal) == (down == "gone")


def test_the_image_for_this_machine(registry: FakeRegistry, laptop: Laptop) -> None:
    def listed(architecture: str, variant: str = "") -> dict[str, Any]:
        named = registry.image("", [entry(architecture + variant)], architecture=architecture)
        about = {"os": "linux", "architecture": architecture, "variant": variant}
        return {"digest": named, "size": 1, "platform": about}

    nothing = {
        "digest": "sha256:" + "0" * 64,
        "platform": {"os": "unknown", "architecture": "unknown"},
    }
    inner = registry.document(
        {"manifests": [listed("arm64"), listed("amd64", "v3"), listed("amd64")]}
    )
    registry.document({"manifests": [nothing, listed("arm64"), listed("amd64", "v3")]}, "newer")
    about = {"platform": {"os": "linux", "architecture": "amd64"}}
    registry.document({"manifests": [{**inner, **about}]}, "nested")
    assert list(tree(laptop.provide(f"{registry.host}/a:nested").layers[0])) == ["amd64"]
    assert list(tree(laptop.provide(f"{registry.host}/a:newer").layers[0])) == ["amd64v3"]
    registry.document({"manifests": [listed("arm64"), listed("s390x"), nothing]}, "others")
    refusal = laptop.refusal(f"{registry.host}/a:others")
    assert "it is for linux/arm64, linux/s390x, this machine is linux/amd64" in refusal
    registry.image("arm", BASE, architecture="arm", variant="v7")
    refusal = laptop.refusal(f"{registry.host}/a:arm")
    assert "it is for linux/arm/v7, this machine is linux/amd64" in refusal


def test_a_private_registry(registry: FakeRegistry, laptop: Laptop, tmp_path: Path) -> None:
    registry.image("1", BASE)
    registry.account = ("me", "s3cret")
    refusal = laptop.refusal(f"{registry.host}/a:1")
    assert f"docker login {registry.host}" in refusal
    for password in ("wrong", "s3cret"):
        auth = base64.b64encode(f"me:{password}".encode()).decode()
        (tmp_path / ".docker").mkdir(exist_ok=True)
        (tmp_path / ".docker/config.json").write_text(
            json.dumps({"auths": {registry.host: {"auth": auth}}})
        )
        if password == "wrong":
            assert "docker login" in laptop.refusal(f"{registry.host}/a:1")
    assert len(laptop.provide(f"{registry.host}/a:1").layers) == 1
    assert not any("s3cret" in text for text in laptop.said)


def test_an_image_that_is_not_there(registry: FakeRegistry, laptop: Laptop) -> None:
    registry.image("1", BASE)
    assert f"{registry.host} has no image {registry.host}/a:2" in laptop.refusal(
        f"{registry.host}/a:2"
    )
    laptop.provide(f"{registry.host}/a:1")
    del registry.manifests["1"]
    assert "has no image" in laptop.refusal(f"{registry.host}/a:1")


@pytest.mark.parametrize(
    "name",
    ["", "A/B", "x y", "h:1/../x", "x:..", "x@sha256:12", "x@sha512:" + "0" * 128, "x\n", "-"],
)  # fmt: skip
def test_what_is_no_name_of_an_image(laptop: Laptop, name: str) -> None:
    assert "is not the name of an image" in laptop.refusal(name)
    assert not laptop.folder.exists()


def elsewhere(address: str) -> Callable[[object], Answer]:
    return lambda asked: Answer(b"", 307, {"Location": address})


def hostile(registry: FakeRegistry, kind: str) -> str:
    """Add an image ``bad`` that is wrong in one way; return what the sentence has to say."""
    layer = packed(*BASE)
    registry.image("bad", BASE, TOP)
    manifest = json.loads(registry.manifests["bad"])
    config = json.loads(registry.blobs[manifest["config"]["digest"]])

    def changed(**fields: object) -> None:
        registry.document({**manifest, **fields}, "bad")

    def configured(content: bytes) -> None:
        changed(config=registry.blob(content))

    if kind == "other bytes":
        registry.blobs[digest(layer)] = packed(entry("evil", b"evil" * 50))[: len(layer)].ljust(
            len(layer), b"x"
        )
        return "cannot be"
    if kind == "short":
        registry.blobs[digest(layer)] = layer[:100]
        return "after 100 bytes"
    if kind == "long":
        registry.blobs[digest(layer)] = layer + b"x"
        return f"is longer than {len(layer)} bytes"
    if kind == "no blob":
        del registry.blobs[digest(layer)]
        return "has no image"
    if kind == "other manifest":
        registry.manifests[digest(registry.manifests["bad"])] = b"{}"
        return "other bytes came than those of sha256:"
    if kind == "large manifest":
        registry.document(b" " * (5 << 20) + b"{}", "bad")
        return "its manifest has more than 4 MiB"
    if kind in ("[]", "null", "1", "<html>", "\xff", "[" * 100_000):
        registry.document(kind.encode("latin-1"), "bad")
        return "is no JSON object"
    if kind == "layers":
        changed(layers=[manifest["layers"][0]] * 501)
        return "it has 501 layers, more than 500"
    if kind == "counts":
        changed(layers=manifest["layers"][:1])
        return "it has 1 layers and the digests of 2"
    if kind == "sizes":
        changed(layers=[{**each, "size": -1} for each in manifest["layers"]])
        return "does not say how large"
    if kind == "paths":
        changed(layers=[{"digest": "../../x", "size": 1}] * 2)
        return "without a digest"
    if kind == "huge":
        changed(layers=[{**each, "size": 1 << 50} for each in manifest["layers"]])
        return "more than"
    if kind == "old":
        registry.document({"schemaVersion": 1, "fsLayers": []}, "bad")
        return "of a form that engines gave up"
    if kind == "chart":
        configured(b'{"name": "chart"}')
        return "it is no image of a container"
    if kind == "other layer":
        config["rootfs"]["diff_ids"][0] = "sha256:" + "0" * 64
        configured(json.dumps(config).encode())
        return "a layer is not the one that its configuration names"
    if kind == "words":
        configured(json.dumps({**config, "config": {"Cmd": [1]}}).encode())
        return "its Cmd is no list of words"
    if kind == "leads out":
        registry.image("bad", [entry("../../x", b"x")])
        return "leads out"
    if kind == "zstd":
        blob = registry.blob(b"\x28\xb5\x2f\xfd" + bytes(100))
        changed(layers=[blob, blob])
        return "zstd"
    if kind == "plain HTTP":
        registry.wrong[digest(layer)] = elsewhere("http://elsewhere.invalid/blob")
        return "plain HTTP only at elsewhere.invalid"
    if kind == "file":
        registry.wrong[digest(layer)] = elsewhere("file:///etc/passwd")
        return "plain HTTP only"
    if kind == "round":
        registry.wrong[digest(layer)] = elsewhere(
            f"http://{registry.host}/v2/a/blobs/{digest(layer)}"
        )
        return "status 307"
    assert kind == "teapot"
    registry.wrong["bad"] = lambda asked: Answer(b"", 418)
    return "status 418"


@pytest.mark.parametrize(
    "kind",
    [
        *("other bytes", "short", "long", "no blob", "other manifest", "large manifest"),
        *("[]", "null", "1", "<html>", "\xff", "[" * 100_000),
        *("layers", "counts", "sizes", "paths", "huge", "old", "chart", "other layer", "words"),
        *("leads out", "zstd", "plain HTTP", "file", "round", "teapot"),
    ],
)
def test_a_hostile_registry(registry: FakeRegistry, laptop: Laptop, kind: str) -> None:
    words = hostile(registry, kind)
    refusal = laptop.refusal(f"{registry.host}/a:bad")
    assert words in refusal, refusal
    assert f"{registry.host}/a" in refusal
    assert laptop.store.kept() == []
    # Only a layer that was whole may have stayed.
    for layer in (laptop.folder / "l").iterdir():
        assert tree(layer) in ({"new": "file 644 new", "old": "removed"},) or "old" in tree(layer)
    laptop.store.remove(())
    assert laptop.unpacked() == 0


def test_bombs(registry: FakeRegistry, tmp_path: Path) -> None:
    laptop = Laptop(tmp_path, Limits(size=1 << 20, files=50))
    registry.image("size", [entry("zeros", bytes(2 << 20))])
    registry.image("files", *([entry(f"{n}-{m}") for m in range(20)] for n in range(3)))
    registry.image("sum", *([entry("a", bytes([n]) * (400 << 10))] for n in range(3)))
    for tag, words in (
        ("size", "unpacks to more than"),
        ("sum", "unpacks to more than"),
        ("files", "more than 50 files"),
    ):
        assert words in laptop.refusal(f"{registry.host}/a:{tag}")
    laptop.store.remove(())
    assert laptop.unpacked() == 0


def test_a_blob_elsewhere_and_a_connection_that_breaks(
    registry: FakeRegistry, laptop: Laptop
) -> None:
    content = bytes(range(256)) * 4000
    registry.image("1", [entry("a", content)])
    layer = packed(entry("a", content))
    blob = digest(layer)
    begins: list[int] = []

    def elsewhere_answer(asked: Any) -> Answer:
        # Where a blob lies nobody signs in.
        assert "Authorization" not in asked.headers
        begin = int(asked.headers.get("Range", "bytes=0-")[6:-1])
        begins.append(begin)
        end = begin + len(layer) // 3
        told = {"Content-Length": str(len(layer) - begin)}
        return Answer(layer[begin:end], 206 if begin else 200, told)

    registry.wrong[blob] = elsewhere(f"http://{registry.host}/elsewhere/it")
    registry.wrong["it"] = elsewhere_answer
    found = laptop.provide(f"{registry.host}/a:1")
    assert (found.layers[0] / "a").read_bytes() == content
    assert len(begins) == 3 and begins == sorted(begins) and begins[0] == 0


def test_a_connection_that_breaks_where_nothing_is_taken_up(
    registry: FakeRegistry, laptop: Laptop
) -> None:
    content = bytes(range(256)) * 4000
    registry.image("1", [entry("a", content)])
    layer = packed(entry("a", content))
    tries: list[int] = []

    def answer(asked: Any) -> Answer:
        tries.append(len(tries))
        end = (2 * len(tries) * len(layer)) // 5
        return Answer(layer[:end], headers={"Content-Length": str(len(layer))})

    registry.wrong[digest(layer)] = answer
    found = laptop.provide(f"{registry.host}/a:1")
    assert (found.layers[0] / "a").read_bytes() == content
    assert len(tries) == 3


def test_images_share_their_layers(registry: FakeRegistry, laptop: Laptop) -> None:
    registry.image("1", BASE)
    registry.image("2", BASE, TOP)
    first = laptop.provide(f"{registry.host}/a:1")
    before = len(registry.fetched())
    second = laptop.provide(f"{registry.host}/a:2")
    assert second.layers[0] == first.layers[0]
    assert len(registry.fetched()) == before + 2
    assert [image.name for image in laptop.store.kept()] == [
        f"{registry.host}/a:2",
        f"{registry.host}/a:1",
    ]
    laptop.store.close()
    one = laptop.store.kept()[1]
    assert laptop.store.remove([one]) == [one]
    assert laptop.unpacked() == 2
    assert laptop.store.size() == len(b"baseoldnew")
    laptop.store.remove(laptop.store.kept())
    assert laptop.unpacked() == laptop.store.size() == 0
    assert [path for path in laptop.folder.rglob("*") if path.is_file()] == [laptop.folder / "lock"]


def test_layers_that_do_not_show(registry: FakeRegistry, laptop: Laptop) -> None:
    registry.image("1", TOP, BASE, [], TOP, [])
    found = laptop.provide(f"{registry.host}/a:1")
    # Overlayfs takes no folder twice.
    assert ["new" in tree(layer) for layer in found.layers] == [False, True]
    registry.image("2", BASE, [entry(".wh..wh..opq"), entry("x")], TOP)
    found = laptop.provide(f"{registry.host}/a:2")
    assert [sorted(tree(layer)) for layer in found.layers] == [["x"], ["new", "old"]]


def test_of_many_layers_the_lower_ones_are_merged(registry: FakeRegistry, laptop: Laptop) -> None:
    layers = [[entry(f"f{number}"), entry("last", b"%d" % number)] for number in range(200)]
    layers[3].append(entry(".wh.f1"))
    registry.image("1", *layers)
    found = laptop.provide(f"{registry.host}/a:1")
    # One option of mount has 4096 bytes.
    assert 3000 < sum(len(f"/oldroot{layer}:") for layer in found.layers) < 3400
    seen = {}
    for layer in found.layers:
        seen |= tree(layer)
    expected = {f"f{number}": "file 644 " for number in range(200) if number != 1}
    assert seen == {**expected, "last": "file 644 199"}
    assert laptop.provide(f"{registry.host}/a:1") == found
    assert laptop.unpacked() == 201
    # It takes no room of its own.
    assert laptop.store.size() == laptop.store.kept()[0].size == 10 + 2 * 90 + 3 * 100
    laptop.store.close()
    laptop.store.remove(laptop.store.kept())
    assert laptop.unpacked() == 0


def test_hard_links_to_a_lower_layer(registry: FakeRegistry, laptop: Laptop) -> None:
    link = [hard_link("linked", "etc/name")]
    registry.image("1", BASE, link)
    registry.image("2", [entry("etc/name", b"other")], link)
    for tag, text in (("1", "base"), ("2", "other")):
        found = laptop.provide(f"{registry.host}/a:{tag}")
        assert tree(found.layers[1]) == {"linked": f"file 644 {text}"}
        assert laptop.provide(f"{registry.host}/a:{tag}") == found
    registry.image("3", [entry("etc/other")], link)
    assert "linked is a link to etc/name, not there" in laptop.refusal(f"{registry.host}/a:3")
    laptop.store.close()
    laptop.store.remove(laptop.store.kept())
    assert laptop.unpacked() == 0


def test_what_runs_is_not_removed(registry: FakeRegistry, laptop: Laptop) -> None:
    registry.image("1", BASE)
    found = laptop.provide(f"{registry.host}/a:1")
    other = laptop.another()
    assert other.remove(other.kept()) == []
    assert found.layers[0].is_dir()
    laptop.store.close()
    assert [image.name for image in other.remove(other.kept())] == [f"{registry.host}/a:1"]
    assert not found.layers[0].exists()
    assert other.kept() == []
    assert laptop.provide(f"{registry.host}/a:1").layers[0].is_dir()


def test_what_somebody_deleted_by_hand_is_pulled_again(
    registry: FakeRegistry, laptop: Laptop
) -> None:
    registry.image("1", BASE, TOP)
    found = laptop.provide(f"{registry.host}/a:1")
    found.layers[1].rename(laptop.folder / "elsewhere")
    again = laptop.provide(f"{registry.host}/a:1")
    assert again.layers[0] == found.layers[0] and again.layers[1].is_dir()
    for record in [*laptop.folder.glob("images/*.json"), *laptop.folder.glob("layers/*.json")]:
        record.write_text("{")
    assert laptop.store.kept() == []
    laptop.store.remove(())
    assert laptop.unpacked() == 0 and not list(laptop.folder.glob("images/*.json"))
    assert len(laptop.provide(f"{registry.host}/a:1").layers) == 2


def test_a_pull_that_is_stopped_leaves_nothing(registry: FakeRegistry, laptop: Laptop) -> None:
    registry.image("1", BASE)
    with pytest.raises(Ended):
        laptop.provide(f"{registry.host}/a:1", lambda: True)
    assert laptop.unpacked() == 0 and laptop.store.kept() == []
    # One that was killed could not clear up.
    left = laptop.folder / "l" / "00000000"
    left.mkdir()
    (left / "half").write_text("half")
    laptop.provide(f"{registry.host}/a:1")
    assert not left.exists() and laptop.unpacked() == 1


def test_at_the_same_time(registry: FakeRegistry, laptop: Laptop) -> None:
    registry.image("1", BASE, TOP)
    registry.image("2", BASE, [entry("x")])
    asked, goes_on = threading.Event(), threading.Event()
    shared = digest(packed(*BASE))

    def slowly(_: object) -> Answer:
        asked.set()
        assert goes_on.wait(20)
        return Answer(registry.blobs[shared])

    registry.wrong[shared] = slowly
    found: list[StoredImage] = []
    said: list[str] = []

    def provide(tag: str) -> None:
        found.append(laptop.another().provide(f"{registry.host}/a:{tag}", said.append))

    threads = [threading.Thread(target=provide, args=(tag,)) for tag in ("1", "1", "2")]
    for thread in threads:
        thread.start()
    assert asked.wait(20)
    with pytest.raises(UserError, match="an image is being pulled"):
        laptop.store.remove(())
    goes_on.set()
    for thread in threads:
        thread.join(30)
    assert len({image.layers[0] for image in found}) == 1 and len(found) == 3
    assert registry.fetched().count(shared) == 1
    assert laptop.unpacked() == 3


def test_a_bound_on_all_images(registry: FakeRegistry, tmp_path: Path) -> None:
    laptop = Laptop(tmp_path, Limits(kept=2500))
    for tag in "1234":
        registry.image(tag, [entry("a", tag.encode() * 1000)])
        laptop.provide(f"{registry.host}/a:{tag}")
        if tag != "3":
            laptop.store.close()
    # The third is in use.
    assert [image.name[-1] for image in laptop.store.kept()] == ["4", "3"]
    assert any(f"removed the image {registry.host}/a:1" in text for text in laptop.said)


def test_a_mirror_comes_first(registry: FakeRegistry, laptop: Laptop, tmp_path: Path) -> None:
    registry.image("3.13", BASE)
    file = laptop.root / "etc/docker/daemon.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"registry-mirrors": [f"http://{registry.host}/"]}))
    found = laptop.provide("python:3.13")
    assert (found.layers[0] / "etc/name").read_bytes() == b"base"
    assert any(asked == "HEAD 3.13" for asked in registry.asked)


def test_a_folder_that_cannot_be_written(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.image("1", BASE)
    (tmp_path / "cache").write_text("a file")
    laptop = Laptop(tmp_path)
    refusal = laptop.refusal(f"{registry.host}/a:1")
    assert "the folder of images cannot be written" in refusal and "XDG_CACHE_HOME" in refusal


def test_where_images_are_kept() -> None:
    assert images_folder({"HOME": "/h"}) == Path("/h/.cache/hera-experiment/images")
    assert images_folder({"XDG_CACHE_HOME": "/c"}) == Path("/c/hera-experiment/images")


def test_a_layer_that_is_no_gzip(registry: FakeRegistry, laptop: Laptop) -> None:
    registry.image("1", BASE)
    manifest = json.loads(registry.manifests["1"])
    for content in (tar(*BASE), gzip.compress(tar(*BASE), 9)):
        registry.document({**manifest, "layers": [registry.blob(content)]}, "2")
        found = laptop.provide(f"{registry.host}/a:2")
        assert (found.layers[0] / "old").read_bytes() == b"old"
        laptop.store.close()
        laptop.store.remove(laptop.store.kept())
