"""How the images of an experiment are named.

One repository per container, ``REGISTRY/SLUG-CONTAINER:TAG``: a flat name, which every registry
accepts, with or without a project path in ``REGISTRY`` (Harbor's ``host/project``).
"""

from __future__ import annotations

import re

LOCAL_REGISTRY = "localhost"
"""What stands in for a registry where none is set: no engine ever pulls from it by default."""

_TAG_OR_DIGEST = re.compile(r"(@[\w+.]+:[0-9a-fA-F]+|:[\w][\w.-]*)+$", re.ASCII)


def image_reference(registry: str, slug: str, container: str, tag: str = "latest") -> str:
    """Return the reference of the image of ``containers/<container>/``.

    A ``tag`` with a colon is a digest.
    """
    host = (registry.partition("://")[2] or registry).rstrip("/") or LOCAL_REGISTRY
    return f"{host}/{slug}-{container}{'@' if ':' in tag else ':'}{tag}"


def container_of(image: str, slug: str) -> str | None:
    """Return the container that ``image`` is built from, None when it is not ``slug``'s.

    The inverse of :func:`image_reference`, whatever the registry, tag or digest.
    """
    repository = _TAG_OR_DIGEST.sub("", image.rsplit("/", 1)[-1])
    prefix = f"{slug}-"
    return repository[len(prefix) :] or None if repository.startswith(prefix) else None


def built_here(image: str, slug: str) -> str | None:
    """Return the container of ``slug`` that ``image`` is built from on this machine.

    None for a foreign image, and for a certain one by its digest, which its registry has.
    """
    return None if "@" in image else container_of(image, slug)
