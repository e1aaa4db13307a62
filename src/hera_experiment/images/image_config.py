"""What a registry's documents say of an image: which is for this machine, its layers, how it runs.

https://github.com/opencontainers/image-spec/blob/main/config.md, manifest.md, image-index.md; what
Docker's own documents have beside it is named there.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hera_experiment.platform.registry import is_sha256, platform_of

MOST_LAYERS = 500
"""So many layers overlayfs takes at most (Linux, fs/overlayfs, ``OVL_MAX_STACK``)."""

_MACHINES = {
    "x86_64": "amd64",
    "amd64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "armv7l": "arm/v7",
    "armv6l": "arm/v6",
    "i386": "386",
    "i686": "386",
    "loongarch64": "loong64",
}
# What an image may be built for that runs here, the best first.
_VARIANTS = {"arm64": ("", "v8"), "arm/v7": ("v7", "v6", "v5", ""), "arm/v6": ("v6", "v5", "")}
_ATTESTATION = "unknown/unknown"


class DocumentRefused(Exception):
    """A document is not what one of an image has to be; the text says why."""


@dataclass(frozen=True)
class Blob:
    """What a document refers to by its digest, and how many bytes that has."""

    digest: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """An image for one kind of machine: its configuration and its layers, the lowest first."""

    config: Blob
    layers: tuple[Blob, ...]


@dataclass(frozen=True)
class ImageConfig:
    """How an image runs; ``diff_ids`` are the digests of its layers before they were packed."""

    diff_ids: tuple[str, ...]
    environment: Mapping[str, str]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    user: str
    workdir: str
    volumes: tuple[str, ...]


def this_machine() -> str:
    """Return what images for this machine are built for, as Docker writes it: ``linux/amd64``."""
    machine = platform.machine().lower()
    return f"linux/{_MACHINES.get(machine, machine)}"


def chosen(index: Mapping[str, Any], machine: str) -> str | None:
    """Return the digest of the manifest for ``machine``; None when ``index`` is none itself.

    Raises :class:`DocumentRefused` when nothing in it is for this machine.
    """
    listed = index.get("manifests")
    if not isinstance(listed, list):
        return None
    wanted, _, variant = machine.removeprefix("linux/").partition("/")
    variants = _VARIANTS.get(f"{wanted}/{variant}" if variant else wanted, ("",))
    found: dict[str, str] = {}
    for entry in listed:
        if isinstance(entry, dict) and isinstance(entry.get("platform"), dict):
            digest = entry.get("digest")
            if isinstance(digest, str) and is_sha256(digest):
                found.setdefault(platform_of(entry["platform"]), digest)
    names = [f"linux/{wanted}/{each}" if each else f"linux/{wanted}" for each in variants]
    # One for newer processors alone (linux/amd64/v3) does when there is no other.
    names += [name for name in found if name.startswith(f"linux/{wanted}/") and wanted == "amd64"]
    for name in names:
        if name in found:
            return found[name]
    others = sorted({*found} - {_ATTESTATION})
    raise DocumentRefused(
        f"it is for {', '.join(others) or 'no machine that it names'}, this machine is {machine}"
    )


def read_manifest(document: Mapping[str, Any]) -> Manifest:
    """Return what a manifest says; raises :class:`DocumentRefused`."""
    layers = document.get("layers")
    if not isinstance(layers, list) or "config" not in document:
        raise DocumentRefused(
            "its manifest is of a form that engines gave up"
            if "fsLayers" in document
            else "it is no image of a container"
        )
    if len(layers) > MOST_LAYERS:
        raise DocumentRefused(f"it has {len(layers)} layers, more than {MOST_LAYERS}")
    return Manifest(_blob(document["config"]), tuple(map(_blob, layers)))


def read_config(document: Mapping[str, Any], manifest: Manifest, machine: str) -> ImageConfig:
    """Return how the image runs on ``machine``; raises :class:`DocumentRefused`."""
    rootfs = document.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(diff_ids, list) or not all(map(is_sha256, diff_ids)):
        # What registries keep beside images (charts, models) has a configuration of another kind.
        raise DocumentRefused("it is no image of a container")
    if len(diff_ids) != len(manifest.layers):
        raise DocumentRefused(
            f"it has {len(manifest.layers)} layers and the digests of {len(diff_ids)}"
        )
    built_for = platform_of(document)
    same = machine.split("/")[:2]
    if built_for and built_for.split("/")[:2] != same:
        raise DocumentRefused(f"it is for {built_for}, this machine is {machine}")
    config = document.get("config")
    config = config if isinstance(config, dict) else {}
    volumes = config.get("Volumes")
    return ImageConfig(
        tuple(diff_ids),
        dict(_variable(each) for each in _words(config, "Env")),
        _words(config, "Entrypoint"),
        _words(config, "Cmd"),
        _text(config, "User"),
        _text(config, "WorkingDir"),
        tuple(sorted(volumes)) if isinstance(volumes, dict) else (),
    )


def _blob(found: Any) -> Blob:
    digest, size = (found.get(k) for k in ("digest", "size")) if isinstance(found, dict) else (0, 0)
    if not isinstance(digest, str) or not is_sha256(digest):
        raise DocumentRefused("its manifest names a layer without a digest")
    if type(size) is not int or size < 0:
        raise DocumentRefused(f"its manifest does not say how large {digest[:19]} is")
    return Blob(digest, size)


def _variable(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _words(config: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = config.get(key)
    words: Sequence[Any] = [found] if isinstance(found, str) else found or ()
    if not isinstance(words, (list, tuple)) or not all(
        isinstance(each, str) and "\0" not in each for each in words
    ):
        raise DocumentRefused(f"its {key} is no list of words")
    return tuple(words)


def _text(config: Mapping[str, Any], key: str) -> str:
    found = config.get(key) or ""
    if not isinstance(found, str) or "\0" in found:
        raise DocumentRefused(f"its {key} is no text")
    return found
