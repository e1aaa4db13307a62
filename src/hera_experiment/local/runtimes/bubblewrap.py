"""The command line of bubblewrap, which gives a program a root file system of its own.

Source: https://github.com/containers/bubblewrap, version 0.11, the first with overlays.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from hera_experiment.argo.quantities import number_of
from hera_experiment.local.runtimes.volumes import Mount, mount_of

SHARED_MEMORY = 64 << 20
"""Bytes of ``/dev/shm`` in a pod, as container runtimes make it."""

_INFO_LENGTH = 1 << 12
_NAMESPACES = "--unshare-user --unshare-pid --unshare-ipc --unshare-uts".split()


@dataclass(frozen=True)
class Overlay:
    """Folders seen as one at ``path``: ``lower`` are only read, the LOWEST first."""

    path: str
    lower: tuple[str, ...]


@dataclass(frozen=True)
class Sandbox:
    """What a program sees of the world.

    ``overlays`` (the one at ``/`` first) are written to in the first folder of the pair of the
    same place in ``upper``, and the kernel works in the second. ``folders`` are made where they
    are not there; ``binds`` are folders and files of this machine, seen at a path, which can only
    be read; ``devices`` further ones of this machine. ``user`` and ``group`` are what its files
    and itself belong to inside, on this machine the user who runs it; ``capabilities`` what it
    may do, ``environment`` its variables. With ``block`` it waits, once all is mounted, until
    something can be read from that descriptor; to the file ``info`` bubblewrap writes which process
    is the first inside, see :func:`first_process`.
    """

    overlays: Sequence[Overlay]
    upper: Sequence[tuple[str, str]]
    workdir: str = "/"
    folders: Sequence[str] = ()
    binds: Sequence[tuple[str, str]] = ()
    mounts: Sequence[Mount] = ()
    devices: Sequence[str] = ()
    hostname: str = ""
    user: int = 0
    group: int = 0
    capabilities: Sequence[str] = ()
    read_only: bool = False
    block: int | None = None
    info: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def command_line(program: str, descriptor: int, argv: Sequence[str]) -> list[str]:
    """Return the words that run ``argv`` with bubblewrap's ``program`` and these options.

    Its first process ends all others with itself, and dies with whoever starts it.
    """
    return [program, "--args", str(descriptor), "--", *argv]


@contextmanager
def options(sandbox: Sandbox) -> Iterator[int]:
    """Open bubblewrap's options for ``sandbox``: what it runs sees no folder of this machine."""
    descriptor = os.memfd_create("options", os.MFD_CLOEXEC)
    try:
        os.write(
            descriptor,
            "".join(f"{word}\0" for word in words(sandbox)).encode("utf-8", "surrogateescape"),
        )
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def first_process(info: int) -> int:
    """Return the number of the first process inside, 0 where bubblewrap has not said it."""
    found = re.search(rb'"child-pid": (\d+)', os.pread(info, _INFO_LENGTH, 0))
    return int(found[1]) if found else 0


def words(sandbox: Sandbox) -> list[str]:
    """Return bubblewrap's options for ``sandbox``, without what it runs."""
    # Not bubblewrap's own environment: a LD_PRELOAD of the container's would be loaded into it.
    found = [*_NAMESPACES, "--new-session", "--die-with-parent", "--clearenv"]
    for name, value in sandbox.environment.items():
        found += ["--setenv", name, value]
    found += ["--uid", str(sandbox.user), "--gid", str(sandbox.group), "--cap-drop", "ALL"]
    for capability in sandbox.capabilities:
        found += ["--cap-add", capability if capability == "ALL" else f"CAP_{capability}"]
    if sandbox.hostname:
        found += ["--hostname", sandbox.hostname]
    for overlay, (upper, work) in zip(sandbox.overlays, sandbox.upper, strict=True):
        for folder in overlay.lower:
            found += ["--overlay-src", folder]
        found += ["--overlay", upper, work, overlay.path]
    found += ["--proc", "/proc", "--ro-bind", "/sys", "/sys", "--dev", "/dev"]
    found += ["--mqueue", "/dev/mqueue"]
    found += ["--perms", "1777", "--size", str(SHARED_MEMORY), "--tmpfs", "/dev/shm"]
    for folder in sandbox.folders:
        found += ["--dir", folder]
    for device in sandbox.devices:
        found += ["--dev-bind", device, device]
    for source, path in sandbox.binds:
        found += ["--ro-bind", source, path]
    for mount in sorted(sandbox.mounts, key=lambda each: each.path.count("/")):
        # What is missing above it: bubblewrap itself would let in nobody but its owner.
        found += ["--dir", posixpath.dirname(mount.path), *_mounted(mount)]
    # A working folder that is not there is made, in a volume too, as container runtimes do.
    found += ["--dir", sandbox.workdir]
    if sandbox.read_only:
        for overlay in sandbox.overlays:
            # Of one that a volume is mounted on, or above, nothing can be seen.
            if mount_of(overlay.path, sandbox.mounts) is None:
                found += ["--remount-ro", overlay.path]
    if sandbox.block is not None:
        found += ["--block-fd", str(sandbox.block)]
    if sandbox.info is not None:
        found += ["--info-fd", str(sandbox.info)]
    return [*found, "--chdir", sandbox.workdir]


def _mounted(mount: Mount) -> list[str]:
    if mount.memory:
        size = ["--size", str(int(number_of(mount.size)))] if mount.size else []
        found = ["--perms", "1777", *size, "--tmpfs", mount.path]
        return [*found, "--remount-ro", mount.path] if mount.read_only else found
    return ["--ro-bind" if mount.read_only else "--bind", str(mount.source), mount.path]
