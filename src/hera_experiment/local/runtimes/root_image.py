"""What an image is to a root file system: its folders, and what its configuration says."""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hera_experiment.local.runtimes.bubblewrap import Overlay
from hera_experiment.local.runtimes.image_view import ImageView
from hera_experiment.local.runtimes.machine_root import LOCAL, MachineRoot
from hera_experiment.local.runtimes.root_files import Layers

if TYPE_CHECKING:
    from hera_experiment.images.store import StoredImage

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

Read = Callable[[str], "bytes | None"]
"""Returns what a file of an image holds, None when there is none."""


@dataclass(frozen=True, eq=False)
class RootImage:
    """An image that a root can be made of.

    ``overlays`` are its file system, the one at ``/`` first, ``folders`` what it is to have beside
    that: its volumes; ``binds`` what of this machine is
    seen as well; ``user`` is as written in its configuration. ``identity`` is equal for images that
    do the same, but for the files of their ``own``: paths, and where on this machine these lie.
    """

    overlays: Sequence[Overlay]
    binds: Sequence[tuple[str, str]] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    workdir: str = "/"
    user: str = ""
    folders: Sequence[str] = ()
    identity: Mapping[str, Any] = field(default_factory=dict)
    own: Sequence[tuple[str, str]] = ()

    @cached_property
    def layers(self) -> Sequence[Layers]:
        """The file system as it is before a task writes to it, for reading."""
        return [Layers(each.path, tuple(reversed(each.lower))) for each in self.overlays]


def own_image(view: ImageView, folder: str, packages: str, machine: MachineRoot) -> RootImage:
    """Return the image of a container of the experiment, for which this machine stands in.

    ``folder`` is where its own files are, ``packages`` the environment with what pip installed.
    """
    machine.add_account(folder, view.user.partition(":")[0])
    home = machine.home
    path = _SYSTEM_PATH if home == LOCAL else f"{home}/bin:{_SYSTEM_PATH}"
    return RootImage(
        machine.overlays(folder, packages),
        machine.binds,
        {"PATH": path, "LANG": "C.UTF-8", **view.environment},
        view.entrypoint,
        view.command,
        view.workdir,
        view.user,
        identity={
            "container": view.label,
            "environment": view.environment,
            "entrypoint": view.entrypoint,
            "command": view.command,
            "packages": posixpath.basename(packages),
            "python": sys.version,
        },
        own=[(path, folder + path) for path in view.prefixes],
    )


def stored_image(image: StoredImage, empty: str) -> RootImage:
    """Return an image that was pulled; ``empty`` is a folder for one without files."""
    return RootImage(
        (Overlay("/", (empty, *map(str, image.layers))),),
        (),
        {"PATH": _SYSTEM_PATH, **image.environment},
        image.entrypoint,
        image.command,
        posixpath.join("/", image.workdir),
        image.user,
        [posixpath.normpath(posixpath.join("/", volume)) for volume in image.volumes],
        identity={"digest": image.digest},
    )


@dataclass(frozen=True)
class Account:
    """Who a container runs as: its numbers, and its home folder."""

    user: int
    group: int
    home: str


class NoSuchAccount(Exception):
    """An image has no user or group of a name; the text is the container runtime's."""


def account_of(text: str, read: Read) -> Account:
    """Return whom ``USER`` of an image, ``[user][:group]``, names by name or number.

    ``read`` returns its ``/etc/passwd`` and ``/etc/group``. Raises :class:`NoSuchAccount`.
    """
    name, _, group = text.partition(":")
    name = name or "0"
    line = _entry(read("/etc/passwd"), name, 7)
    if line is None and not name.isdigit():
        raise NoSuchAccount(f"unable to find user {name}: no matching entries in passwd file")
    user = int(line[2] if line else name)
    number = int(line[3]) if line else 0
    if group:
        found = _entry(read("/etc/group"), group, 4)
        if found is None and not group.isdigit():
            raise NoSuchAccount(f"unable to find group {group}: no matching entries in group file")
        number = int(found[2] if found else group)
    return Account(user, number, (line[5] if line else "") or "/")


def _entry(text: bytes | None, wanted: str, fields: int) -> list[str] | None:
    """Return the fields of the line of ``wanted``, a name or a number, in a file of accounts."""
    for line in (text or b"").decode("utf-8", "replace").splitlines():
        entry = line.split(":")
        if len(entry) >= fields and wanted in (entry[0], entry[2]) and entry[2].isdigit():
            return entry
    return None
