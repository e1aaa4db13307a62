"""Where an image is asked for first: the mirrors that the engines of this machine are set to use.

Docker has ``registry-mirrors`` for its own registry alone
(https://docs.docker.com/docker-hub/image-library/mirror/), Podman and Buildah a table of
registries (https://github.com/containers/image/blob/main/docs/containers-registries.conf.5.md).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from hera_experiment.platform.proxies import is_loopback
from hera_experiment.platform.registry import DOCKER_HUB, Image, host_of


def places(
    image: Image, environ: Mapping[str, str] = os.environ, root: Path = Path("/")
) -> list[Image]:
    """Return where ``image`` is to be asked for, in this order; its own registry is the last.

    A mirror elsewhere that speaks plain HTTP is left out, and so is a file that cannot be read:
    the engines complain of theirs themselves.
    """
    home = Path(environ.get("HOME") or "~").expanduser()
    settings = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    found: list[Image] = []
    if image.registry == DOCKER_HUB:
        for file in (root / "etc/docker/daemon.json", settings / "docker/daemon.json"):
            mirrors = _json(file).get("registry-mirrors")
            for mirror in mirrors if isinstance(mirrors, list) else ():
                if isinstance(mirror, str) and (host := _host(mirror)):
                    found.append(Image(host, image.repository, image.reference))
    for location in _locations(image, settings, root):
        host, _, path = location.partition("/")
        found.append(Image(host, path, image.reference))
    return list(dict.fromkeys([*found, image]))


def _locations(image: Image, settings: Path, root: Path) -> list[str]:
    """Return what the table of registries puts in place of the image's name."""
    own = settings / "containers/registries.conf"
    files = [own if own.is_file() else root / "etc/containers/registries.conf"]
    for folder in (root / "etc/containers", settings / "containers"):
        files += sorted((folder / "registries.conf.d").glob("*.conf"))
    tables: dict[str, dict[str, Any]] = {}
    for file in files:
        registries = _toml(file).get("registry")
        for table in registries if isinstance(registries, list) else ():
            if isinstance(table, dict):
                tables[str(table.get("prefix") or table.get("location"))] = table
    name = f"{image.registry}/{image.repository}"
    fitting = [prefix for prefix in tables if name == prefix or name.startswith(f"{prefix}/")]
    if not fitting:
        return []
    prefix = max(fitting, key=len)
    table = tables[prefix]
    mirrors = table.get("mirror")
    entries = [each for each in mirrors if isinstance(each, dict)] if mirrors else []
    # What stands in for the registry itself is asked after its mirrors.
    entries.append({"location": table.get("location") or prefix})
    locations = [str(each.get("location") or "") for each in entries]
    return [each.rstrip("/") + name[len(prefix) :] for each in locations if each]


def _host(mirror: str) -> str:
    """Return the host of a mirror's address, empty where plain HTTP would be spoken elsewhere."""
    is_safe = mirror.startswith("https://") or is_loopback(mirror)
    return host_of(mirror) if is_safe else ""


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _toml(path: Path) -> dict[str, Any]:
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        found: dict[str, Any] = toml.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found
