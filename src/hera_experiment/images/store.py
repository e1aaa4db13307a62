"""Images of registries on this machine without an engine: pulled, verified, unpacked once.

The folder is shared by all projects of a person and by programs that run at the same time:

==================  ==============================================================================
``lock``            held, shared, by whoever pulls or looks; exclusively by whoever removes
``references/``     the digest that a registry last told of a reference
``images/``         by the digest that was asked for: how an image runs and which layers it has;
                    its time is that of its last use, its lock is held by whoever runs it
``layers/``         by the digest of a layer: which folder it is in
``l/``              the unpacked layers. Their names are short: all of an image's are one option
                    of ``mount``, which has 4096 bytes. Of more than fit the lower ones are merged
==================  ==============================================================================

A file is there as a whole or not at all; a folder in ``l/`` that no layer names is of a pull that
was killed, and goes with the next one. Locks are the kernel's: no death leaves one behind.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import string
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hera_experiment.errors import UserError
from hera_experiment.images.engine import Ended
from hera_experiment.images.image_config import (
    Blob,
    DocumentRefused,
    ImageConfig,
    Manifest,
    chosen,
    read_config,
    read_manifest,
    this_machine,
)
from hera_experiment.images.layers import (
    Allowance,
    HardLink,
    LayerRefused,
    link_across,
    merge,
    remove_tree,
    unpack,
)
from hera_experiment.platform.http_session import Unreachable
from hera_experiment.platform.registry import Image, Refused, Registry, is_sha256
from hera_experiment.platform.registry_credentials import kept_credentials
from hera_experiment.platform.registry_mirrors import places
from hera_experiment.platform.state_folder import EXCLUSIVE, SHARED, open_lock, try_lock
from hera_experiment.printing import size as shown_size

_VERSION = 2
_AT_A_TIME = 3
_TIMEOUT = 20.0
_PAUSE = 0.05
_TOLD_EVERY = 1.0
# A run of a thousand tasks asks once for what its tag means now.
_FRESH = 60.0
_MOST_INDEXES = 3
_LETTERS, _NAME = string.ascii_lowercase + string.digits, 4
# A page has the options of a mount; the rest of it is for the upper folder, which is not ours.
_ROOM = 3300
# Before each path, where bubblewrap mounts.
_OUTSIDE = b"/oldroot"
_REPOSITORY = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_HOST = re.compile(r"[\w.-]+(?::\d+)?|\[[0-9a-fA-F:]+\](?::\d+)?", re.ASCII)

Announce = Callable[[str], None]
Stopped = Callable[[], bool]


@dataclass(frozen=True)
class Limits:
    """How many bytes and files one image may unpack to, and how many bytes all may take.

    When a pull leads beyond ``kept``, those images go that were not used for longest.
    """

    size: int = 20 << 30
    files: int = 2_000_000
    kept: int = 50 << 30


_LIMITS = Limits()


@dataclass(frozen=True)
class StoredImage:
    """An image that lies unpacked on this machine, and how it runs.

    ``reference`` is what was asked for, ``digest`` that of the manifest for this machine.
    ``layers`` are folders for overlayfs with ``userxattr``, the LOWEST first; none where the image
    has no files. The rest are the fields of its configuration, as they stand there.
    """

    reference: str
    digest: str
    layers: tuple[Path, ...]
    environment: Mapping[str, str]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    user: str
    workdir: str
    volumes: tuple[str, ...]


@dataclass(frozen=True)
class Kept:
    """An image in the store.

    ``name`` is what it was asked for as, ``size`` the bytes of its files, some of which other
    images may share, ``used`` when it last was (seconds since 1970), ``key`` the store's own name.
    """

    name: str
    digest: str
    size: int
    used: float
    key: str


@dataclass(frozen=True)
class _Layer:
    """An unpacked layer; ``missing`` are the files that it has of the layers below it."""

    key: str
    folder: str
    size: int
    entries: int
    hides_all: bool
    missing: tuple[HardLink, ...] = ()


@dataclass
class _Pull:
    """One pull while it goes on."""

    place: Image
    registry: Registry
    stopped: Stopped
    allowance: Allowance
    total: int = 0
    done: int = 0
    error: BaseException | None = None
    failed: threading.Event = field(default_factory=threading.Event)

    def is_ended(self) -> bool:
        """Say whether nothing more is wanted: somebody stopped it, or a layer failed."""
        return self.stopped() or self.failed.is_set()

    def watched(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield ``pieces`` and count them; raises :class:`Ended` when the pull is to end."""
        for piece in pieces:
            if self.is_ended():
                raise Ended
            self.done += len(piece)
            yield piece


def images_folder(environ: Mapping[str, str]) -> Path:
    """Return where the images of all projects of this person are kept."""
    home = Path(environ.get("HOME") or "~").expanduser()
    return Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "hera-experiment" / "images"


class ImageStore:
    """The images in ``folder``; ``environ`` tells of accounts, proxies and mirrors.

    Those it provided are in use, and removed by nobody, until it is closed or its process ends.
    """

    def __init__(
        self,
        folder: Path,
        environ: Mapping[str, str],
        *,
        clock: Callable[[], float] = time.monotonic,
        root: Path = Path("/"),
        limits: Limits = _LIMITS,
    ) -> None:
        self.folder = folder
        self._limits = limits
        self._environ = environ
        self._clock = clock
        self._root = root
        self._machine = this_machine()
        self._lock = threading.Lock()
        self._used: dict[str, int] = {}
        self._told: dict[str, tuple[float, str]] = {}

    def close(self) -> None:
        """Let the images go that were provided."""
        with self._lock:
            for descriptor in self._used.values():
                os.close(descriptor)
            self._used.clear()

    def provide(
        self, reference: str, announce: Announce, stopped: Stopped = lambda: False
    ) -> StoredImage:
        """Return the image ``reference``, pulled unless it is here as its registry has it now.

        ``announce`` is told what takes time, and when a registry does not answer and what is here
        serves.

        Raises
        ------
        UserError
            When there is no such image for us, or not for this machine; when it is not here and
            its registry does not answer; when what came is not what was promised.
        Ended
            When ``stopped`` became true meanwhile.
        """
        image = _parsed(reference)
        self._prepare()
        lock = self.folder / "lock"
        try:
            with self._held(lock, SHARED, stopped):
                digest, place = self._digest(image, reference, announce)
                key = f"{digest.removeprefix('sha256:')}-{self._machine.replace('/', '-')}"
                if (found := self._found(key, reference)) is not None:
                    self._remember(image, digest)
                    return found
            self._sweep()

            def wait() -> None:
                announce(f"waiting for another program that pulls the image {reference}")

            with (
                self._held(lock, SHARED, stopped),
                self._held(self._images / f"{key}.pull", EXCLUSIVE, stopped, wait),
            ):
                if (found := self._found(key, reference)) is None:
                    self._pull(image, reference, digest, place, key, announce, stopped)
                    found = self._found(key, reference)
                self._remember(image, digest)
        except OSError as error:
            if isinstance(error, UserError):
                raise
            raise self._unwritable(error, reference) from None
        assert found is not None
        self._bound(announce)
        return found

    def kept(self) -> list[Kept]:
        """Return the images that are here, the one that was used last first."""
        found = []
        for path in self._images.glob("*.json"):
            record = self._record(path.stem)
            if record is None:
                continue
            layers = (self._layer(key) for key in {*record["layers"]})
            size = sum(layer.size for layer in layers if layer is not None)
            found.append(Kept(record["reference"], record["digest"], size, _time(path), path.stem))
        return sorted(found, key=lambda each: each.used, reverse=True)

    def size(self) -> int:
        """Return the bytes of all layers, each of which images may share."""
        layers = (self._layer(path.stem) for path in self._layers.glob("*.json"))
        return sum(layer.size for layer in layers if layer is not None)

    def remove(self, images: Iterable[Kept]) -> list[Kept]:
        """Remove ``images`` but those in use, and what no image needs; return those that went.

        Raises :class:`UserError` while an image is pulled.
        """
        if not self.folder.is_dir():
            return []
        descriptor = open_lock(self.folder / "lock")
        try:
            if not try_lock(descriptor, EXCLUSIVE):
                raise UserError(
                    "an image is being pulled", str(self.folder), "try again when it is here"
                )
            gone = [image for image in images if self._unused(image.key)]
            for image in gone:
                (self._images / f"{image.key}.json").unlink(missing_ok=True)
            self._drop_unneeded()
            return gone
        except OSError as error:
            if isinstance(error, UserError):
                raise
            raise self._unwritable(error, "") from None
        finally:
            os.close(descriptor)

    @property
    def _images(self) -> Path:
        return self.folder / "images"

    @property
    def _layers(self) -> Path:
        return self.folder / "layers"

    @property
    def _unpacked(self) -> Path:
        return self.folder / "l"

    @property
    def _references(self) -> Path:
        return self.folder / "references"

    def _prepare(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for each in (self._images, self._layers, self._unpacked, self._references):
                each.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error, "") from None

    def _unwritable(self, error: OSError, reference: str) -> UserError:
        of_image = f" for the image {reference}" if reference else ""
        advice = "set XDG_CACHE_HOME to a folder of yours, on a disk of this machine"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            advice = "make room: make prune IMAGES=0 removes all images that are not in use"
        return UserError(
            f"the folder of images cannot be written{of_image}: {error.strerror or error}",
            str(self.folder),
            advice,
        )

    # What a reference means.

    def _digest(self, image: Image, reference: str, announce: Announce) -> tuple[str, Image | None]:
        """Return the digest of ``image``, and who told it just now, if anybody did."""
        if is_sha256(image.reference):
            return image.reference, None
        name = str(image)
        with self._lock:
            asked, digest = self._told.get(name, (0.0, ""))
        if digest and self._clock() - asked < _FRESH:
            return digest, None
        try:
            digest, place = self._asked(image)
        except Unreachable as error:
            kept = _document(self._reference(name)).get("digest")
            if not is_sha256(kept):
                raise UserError(
                    f"the image {reference} is not on this machine, and {error.what}",
                    error.where,
                    error.next_step,
                ) from None
            digest, place = str(kept), None
            announce(f"{error.what}: the image {reference} that is here serves")
        with self._lock:
            self._told[name] = self._clock(), digest
        return digest, place

    def _reference(self, name: str) -> Path:
        return self._references / f"{hashlib.sha256(name.encode()).hexdigest()}.json"

    def _remember(self, image: Image, digest: str) -> None:
        """Keep for times without the registry what ``image`` means."""
        document = {"reference": str(image), "digest": digest}
        path = self._reference(str(image))
        if not is_sha256(image.reference) and _document(path) != document:
            _write(path, document)

    def _asked(self, image: Image) -> tuple[str, Image]:
        asked = places(image, self._environ, self._root)
        for place in asked:
            try:
                return self._registry(place).digest(place), place
            except (Refused, Unreachable):
                if place == asked[-1]:
                    raise
        raise AssertionError

    def _registry(self, place: Image) -> Registry:
        account = kept_credentials(place.registry, self._environ, repository=place.repository)
        return Registry(
            place.registry,
            account,
            timeout=_TIMEOUT,
            setting="the name of the image",
            environ=self._environ,
        )

    # What is here.

    def _found(self, key: str, reference: str) -> StoredImage | None:
        """Return the image ``key`` when all of it is here; it is in use from now on."""
        record = self._record(key)
        if record is None:
            return None
        layers = []
        for each in record["mounted"]:
            layer = self._layer(each)
            if layer is None or not (self._unpacked / layer.folder).is_dir():
                return None
            layers.append(layer)
        with self._lock:
            if key not in self._used:
                descriptor = open_lock(self._images / f"{key}.lock")
                # Whoever removes images would hold the lock of the whole folder.
                try_lock(descriptor, SHARED)
                self._used[key] = descriptor
        with contextlib.suppress(OSError):
            os.utime(self._images / f"{key}.json")
        return StoredImage(
            reference,
            record["digest"],
            tuple(self._unpacked.resolve() / layer.folder for layer in layers),
            record["environment"],
            tuple(record["entrypoint"]),
            tuple(record["command"]),
            record["user"],
            record["workdir"],
            tuple(record["volumes"]),
        )

    def _record(self, key: str) -> dict[str, Any] | None:
        """Return what is kept of an image, None for nothing: as :meth:`_pulled` made it."""
        found = _document(self._images / f"{key}.json")
        return found if found.get("version") == _VERSION else None

    def _layer(self, key: str) -> _Layer | None:
        found = _document(self._layers / f"{key}.json")
        if found.pop("version", None) != _VERSION:
            return None
        try:
            return _Layer(key, **found)
        except TypeError:
            return None

    # Pulling.

    def _pull(
        self,
        image: Image,
        reference: str,
        digest: str,
        told_by: Image | None,
        key: str,
        announce: Announce,
        stopped: Stopped,
    ) -> None:
        asked = places(image, self._environ, self._root)
        if told_by is not None:
            asked = asked[asked.index(told_by) :]
        for place in asked:
            allowance = Allowance(self._limits.size, self._limits.files)
            pull = _Pull(place, self._registry(place), stopped, allowance)
            try:
                record = self._pulled(pull, reference, digest, announce)
            except (Refused, Unreachable) as error:
                if place == asked[-1]:
                    if isinstance(error, Unreachable):
                        error.what = (
                            f"the image {reference} is not on this machine, and {error.what}"
                        )
                    raise
            except (DocumentRefused, LayerRefused) as error:
                raise UserError(
                    f"the image {reference} cannot be used: {error}",
                    next_step="take another image",
                ) from None
            else:
                _write(self._images / f"{key}.json", record)
                return

    def _pulled(
        self, pull: _Pull, reference: str, digest: str, announce: Announce
    ) -> dict[str, Any]:
        announce(f"pulling the image {reference}")
        document = pull.registry.manifest(pull.place, digest)
        for _ in range(_MOST_INDEXES):
            inner = chosen(document, self._machine)
            if inner is None:
                break
            digest = inner
            document = pull.registry.manifest(pull.place, digest)
        manifest = read_manifest(document)
        config = read_config(
            pull.registry.config(pull.place, manifest.config.digest, manifest.config.size),
            manifest,
            self._machine,
        )
        layers = self._pull_layers(pull, reference, manifest, config, announce)
        record = asdict(config)
        del record["diff_ids"]
        return {
            "version": _VERSION,
            "reference": reference,
            "digest": digest,
            "layers": [layer.key for layer in layers],
            "mounted": [layer.key for layer in self._mounted(_visible(layers))],
            **record,
        }

    def _pull_layers(
        self,
        pull: _Pull,
        reference: str,
        manifest: Manifest,
        config: ImageConfig,
        announce: Announce,
    ) -> list[_Layer]:
        """Return the layers, all of which are here."""
        keys = _keys(config.diff_ids)
        wanted: dict[str, tuple[Blob, str]] = {}
        for blob, diff_id, key in zip(manifest.layers, config.diff_ids, keys, strict=True):
            if self._kept_layer(diff_id, key) is None:
                wanted.setdefault(diff_id, (blob, key))
        pull.total = sum(blob.size for blob, _ in wanted.values())
        pull.allowance.check(pull.total)
        pulled: dict[str, _Layer] = {}
        with ThreadPoolExecutor(_AT_A_TIME, "image-layer") as pool:
            # The largest takes longest: it is begun first.
            first = sorted(wanted, key=lambda each: wanted[each][0].size, reverse=True)
            futures = {
                pool.submit(self._pull_layer, pull, *wanted[diff_id], diff_id): diff_id
                for diff_id in first
            }
            try:
                self._wait(pull, reference, futures, announce)
            finally:
                # Those that still work end with the next piece.
                pull.failed.set()
                for future in futures:
                    future.cancel()
        for future, diff_id in futures.items():
            pulled[diff_id] = future.result()
        return self._linked(config.diff_ids, keys, pulled)

    def _wait(
        self,
        pull: _Pull,
        reference: str,
        futures: Mapping[Future[_Layer], str],
        announce: Announce,
    ) -> None:
        while True:
            done, left = wait(futures, _TOLD_EVERY, FIRST_EXCEPTION)
            for each in done:
                if (error := each.exception()) is not None:
                    # It may have been told to end because of another one.
                    raise Ended if pull.stopped() else pull.error or error
            if not left:
                return
            amount = f"{shown_size(pull.done)} of {shown_size(pull.total)}"
            announce(f"pulling the image {reference}: {amount}")

    def _pull_layer(self, pull: _Pull, blob: Blob, key: str, diff_id: str) -> _Layer:
        """Unpack one layer; raises what keeps it from being here."""
        plain = diff_id.removeprefix("sha256:")
        with self._held(self._layers / f"{plain}.lock", EXCLUSIVE, pull.is_ended):
            if (found := self._kept_layer(diff_id, key)) is not None:
                return found
            folder = self._new_folder()
            try:
                pieces = pull.registry.blob(pull.place, blob.digest, blob.size, pull.is_ended)
                unpacked = unpack(pull.watched(pieces), folder, pull.allowance)
                if unpacked.diff_id != diff_id:
                    raise LayerRefused("a layer is not the one that its configuration names")
            except BaseException as error:
                if not isinstance(error, Ended):
                    pull.error = pull.error or error
                pull.failed.set()
                remove_tree(folder)
                raise
            layer = _Layer(
                plain,
                folder.name,
                unpacked.size,
                unpacked.entries,
                unpacked.hides_all,
                unpacked.missing,
            )
            if not layer.missing:
                self._write_layer(layer)
            return layer

    def _new_folder(self) -> Path:
        while True:
            name = "".join(secrets.choice(_LETTERS) for _ in range(_NAME))
            with contextlib.suppress(FileExistsError):
                (self._unpacked / name).mkdir(mode=0o700)
                return self._unpacked / name

    def _kept_layer(self, diff_id: str, key: str) -> _Layer | None:
        """Return a layer that is here: for any image, or for those with the same below it."""
        for each in (diff_id.removeprefix("sha256:"), key):
            layer = self._layer(each)
            if layer is not None and (self._unpacked / layer.folder).is_dir():
                return layer
        return None

    def _linked(
        self, diff_ids: tuple[str, ...], keys: list[str], pulled: Mapping[str, _Layer]
    ) -> list[_Layer]:
        """Return all layers in their order, after giving each what it has of those below."""
        layers: list[_Layer] = []
        for diff_id, key in zip(diff_ids, keys, strict=True):
            layer = self._kept_layer(diff_id, key) or pulled[diff_id]
            if layer.missing:
                folder = self._unpacked / layer.folder
                below = [self._unpacked / each.folder for each in _visible(layers)]
                link_across(folder, layer.missing, below)
                layer = _Layer(key, layer.folder, layer.size, layer.entries, layer.hides_all)
                with self._held(self._layers / f"{key}.lock", EXCLUSIVE):
                    # Another image with the same layers may have come first, and be in use.
                    if (other := self._layer(key)) is not None:
                        remove_tree(folder)
                        layer = other
                    else:
                        self._write_layer(layer)
            layers.append(layer)
        return layers

    def _mounted(self, layers: list[_Layer]) -> list[_Layer]:
        """Return the layers to mount: the lower ones in one where all are too many for that."""
        length = len(_OUTSIDE + os.fsencode(self._unpacked.resolve())) + len("/name:")
        # One is what is merged.
        most = max(2, _ROOM // length)
        if len(layers) <= most:
            return layers
        lower, upper = layers[: 1 - most], layers[1 - most :]
        names = " ".join(layer.key for layer in lower)
        key = f"{hashlib.sha256(names.encode()).hexdigest()}-merged"
        with self._held(self._layers / f"{key}.lock", EXCLUSIVE):
            merged = self._layer(key)
            if merged is None or not (self._unpacked / merged.folder).is_dir():
                folder = self._new_folder()
                merge([self._unpacked / layer.folder for layer in lower], folder)
                # Its files are those of the others.
                merged = _Layer(key, folder.name, 0, 1, False)
                self._write_layer(merged)
        return [merged, *upper]

    def _write_layer(self, layer: _Layer) -> None:
        document = asdict(layer)
        for name in ("key", "missing"):
            del document[name]
        _write(self._layers / f"{layer.key}.json", {"version": _VERSION, **document})

    # Removing.

    def _sweep(self) -> None:
        """Remove what killed pulls left, unless somebody is at work."""
        with contextlib.suppress(UserError):
            self.remove(())

    def _bound(self, announce: Announce) -> None:
        """Remove what was not used for longest until all images take no more than they may."""
        if self.size() <= self._limits.kept:
            return
        oldest = self.kept()[::-1]
        with contextlib.suppress(UserError):
            while oldest and self.size() > self._limits.kept:
                for gone in self.remove(oldest[:1]):
                    announce(f"removed the image {gone.name}, which was not used for longest")
                del oldest[0]

    def _unused(self, key: str) -> bool:
        """Say whether nobody runs the image ``key``, and forget its lock if so."""
        path = self._images / f"{key}.lock"
        descriptor = open_lock(path)
        try:
            if not try_lock(descriptor, EXCLUSIVE):
                return False
            path.unlink(missing_ok=True)
            return True
        finally:
            os.close(descriptor)

    def _drop_unneeded(self) -> None:
        """Remove what belongs to no image; nobody else is at work."""
        records = {path.stem: self._record(path.stem) for path in self._images.glob("*.json")}
        needed = {
            key
            for record in records.values()
            if record is not None
            for key in (*record["layers"], *record["mounted"])
        }
        folders = {layer.folder for key in needed if (layer := self._layer(key)) is not None}
        digests = {f"sha256:{key.partition('-')[0]}" for key in records}
        for path in self._references.iterdir():
            if _document(path).get("digest") not in digests:
                path.unlink()
        for path in self._layers.iterdir():
            if path.suffix != ".json" or path.stem not in needed:
                path.unlink()
        for path in self._images.iterdir():
            if path.suffix != ".lock" and records.get(path.stem) is None:
                path.unlink()
        for path in self._unpacked.iterdir():
            if path.name not in folders:
                remove_tree(path)

    @contextlib.contextmanager
    def _held(
        self,
        path: Path,
        kind: int,
        stopped: Stopped = lambda: False,
        wait: Callable[[], None] = lambda: None,
    ) -> Iterator[None]:
        """Hold the lock file ``path``; ``wait`` is called when somebody else has it.

        Raises :class:`Ended` when ``stopped`` becomes true before it is free.
        """
        descriptor = open_lock(path)
        try:
            if not try_lock(descriptor, kind):
                wait()
                while not try_lock(descriptor, kind):
                    if stopped():
                        raise Ended
                    time.sleep(_PAUSE)
            yield
        finally:
            os.close(descriptor)


def _parsed(reference: str) -> Image:
    """Take ``reference`` apart; raises :class:`UserError` when no image can be named so."""
    image = Image.parse(reference)
    tag = image.reference
    if (
        not _HOST.fullmatch(image.registry)
        or not _REPOSITORY.fullmatch(image.repository)
        or not (is_sha256(tag) if ":" in tag else _TAG.fullmatch(tag))
    ):
        raise UserError(
            f"{reference!r} is not the name of an image",
            next_step="write [host[:port]/]name[:tag], or [host[:port]/]name@sha256:…",
        )
    return image


def _keys(diff_ids: Iterable[str]) -> list[str]:
    """Return for each layer a name of it together with all below it."""
    keys, chain = [], ""
    for diff_id in diff_ids:
        chain = hashlib.sha256(f"{chain} {diff_id}".encode()).hexdigest()
        keys.append(f"{chain}-above")
    return keys


def _visible(layers: Iterable[_Layer]) -> list[_Layer]:
    """Return the layers that show, the lowest first.

    Overlayfs takes no folder twice: all that the lower one of two has, the upper one shows.
    """
    found: list[_Layer] = []
    for layer in reversed(list(layers)):
        if layer.entries and layer not in found:
            found.append(layer)
        if layer.hides_all:
            break
    return found[::-1]


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _document(path: Path) -> dict[str, Any]:
    """Return the JSON object in ``path``, an empty one where there is none."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, document: Mapping[str, Any]) -> None:
    draft = path.with_name(f"{secrets.token_hex(8)}.draft")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file)
            file.write("\n")
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
