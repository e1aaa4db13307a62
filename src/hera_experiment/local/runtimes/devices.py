"""The devices of this machine that a task asks for: graphics processors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from hera_experiment.local.runtimes.container import Json

# By the resource: the processors, of which so many are given as are asked for, and what all need.
_KINDS = {
    "nvidia.com/gpu": (r"nvidia\d+", r"nvidiactl|nvidia-uvm|nvidia-uvm-tools|nvidia-modeset"),
    "amd.com/gpu": (r"dri/renderD\d+", r"kfd"),
    "gpu.intel.com/i915": (r"dri/renderD\d+", r"(?!)"),
    "gpu.intel.com/xe": (r"dri/renderD\d+", r"(?!)"),
}


_DEVICES = Path("/dev")


def devices_of(limits: Json, folder: Path = _DEVICES) -> Iterator[str]:
    """Yield the devices in ``folder`` that a container with these limits has."""
    for _, processors, shared in _found(limits, folder):
        yield from (str(folder / name) for name in (*processors, *shared))


def missing_devices(limits: Json, folder: Path = _DEVICES) -> Iterator[str]:
    """Yield the resources of which ``folder`` has fewer devices than these limits ask for."""
    for resource, processors, _ in _found(limits, folder):
        if len(processors) < int(str(limits[resource])):
            yield resource


def _found(limits: Json, folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield each resource asked for, with the names of its processors and of what all need."""
    names: list[str] = []
    for resource, (processors, shared) in _KINDS.items():
        wanted = str(limits.get(resource) or "0")
        if not wanted.isdigit() or wanted == "0":
            continue
        if not names:
            names = [path.name for path in folder.glob("*")]
            names += [f"dri/{path.name}" for path in folder.glob("dri/*")]
            names.sort(key=lambda name: (len(name), name))
        found = [name for name in names if re.fullmatch(processors, name)]
        yield resource, found[: int(wanted)], [n for n in names if re.fullmatch(shared, n)]
