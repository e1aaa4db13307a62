"""What a pod may do, by its security contexts, as far as a user namespace can keep to it.

Source: Kubernetes' API reference of ``SecurityContext`` and ``PodSecurityContext``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hera_experiment.local.runtimes.container import Json
from hera_experiment.local.runtimes.root_image import Account

DEFAULT_CAPABILITIES = (
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP"
    " SETGID SETPCAP SETUID SYS_CHROOT"
).split()
"""What root may do in a container. Source: ``defaultUnixCaps`` in containerd's ``pkg/oci``."""

_EVERYTHING = "ALL"


class NotAllowed(Exception):
    """A container may not run as whom its image says; the text is the kubelet's."""


@dataclass(frozen=True)
class Security:
    """Whom a container runs as and what it may do; ``home`` is that of the user."""

    user: int
    group: int
    home: str
    capabilities: Sequence[str]
    read_only: bool


def security_of(
    pod: Json, container: Json, image_user: str, account: Callable[[str], Account]
) -> Security:
    """Return what the contexts of a ``pod`` and its ``container`` make of ``USER`` of the image.

    ``account`` finds a user of the image by name or number. Raises :class:`NotAllowed`.
    """
    context = {**pod, **{key: value for key, value in container.items() if value is not None}}
    asked = context.get("runAsUser")
    who = account(image_user if asked is None else str(asked))
    if context.get("runAsNonRoot"):
        name = image_user.partition(":")[0]
        if asked is None and name and not name.isdigit():
            raise NotAllowed(
                f"container has runAsNonRoot and image has non-numeric user ({name}), cannot verify"
                " user is non-root"
            )
        if who.user == 0:
            why = "image will run as root" if asked is None else "runAsUser breaks non-root policy"
            raise NotAllowed(f"container has runAsNonRoot and {why}")
    group = context.get("runAsGroup")
    return Security(
        who.user,
        who.group if group is None else int(group),
        who.home,
        _capabilities(context, who.user),
        bool(context.get("readOnlyRootFilesystem")),
    )


def _capabilities(context: dict[str, Any], user: int) -> Sequence[str]:
    if user != 0:
        return ()  # lost with root, whatever is added
    if context.get("privileged"):
        return (_EVERYTHING,)
    changes = context.get("capabilities") or {}
    added, dropped = (
        [str(name).upper().removeprefix("CAP_") for name in changes.get(key) or ()]
        for key in ("add", "drop")
    )
    if _EVERYTHING in added:
        return (_EVERYTHING,)
    kept = () if _EVERYTHING in dropped else set(DEFAULT_CAPABILITIES) - set(dropped)
    return sorted({*kept, *added})
