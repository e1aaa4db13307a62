"""Pushes images to a registry with the engine that built them, hence with its credentials."""

from __future__ import annotations

import re

from hera_experiment.argo.images import image_reference
from hera_experiment.errors import UserError
from hera_experiment.images.engine import Runner, last_line
from hera_experiment.images.output import cleaned
from hera_experiment.platform.proxies import is_loopback
from hera_experiment.platform.registry import Image

_DIGEST = re.compile(r"digest: (sha256:[0-9a-f]{64})")
_REGISTRY = re.compile(r"[\w.-]+(?::\d+)?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*/?", re.ASCII)
# What engines and registries say, to be met in the text without the image's own name.
_FULL = re.compile(r"no space left|quota|exceed|insufficient storage|\b507\b")
_SIGNED_OUT = re.compile(r"no basic auth|unauthorized|authentication required|not logged in")
_DENIED = re.compile(r"denied|forbidden|insufficient_scope|\b403\b")
_UNREACHABLE = re.compile(r"connection refused|no such host|timeout|unreachable|connection reset")


class Pusher:
    """Pushes with ``engine`` to ``registry`` (``host[:port][/project]``).

    ``where`` is where the registry was named. Raises ``UserError`` for a registry that cannot be
    one.
    """

    def __init__(self, engine: str, registry: str, slug: str, where: str = "") -> None:
        self._engine = engine
        self._where = where
        self.host = Image.parse(image_reference(registry, slug, "any")).registry
        # Only this machine's registry may speak plain HTTP, as with Docker.
        self._is_loopback = is_loopback(f"http://{self.host}")

    def push(self, local: str, remote: str, run: Runner) -> str:
        """Push the engine's image ``local`` as ``remote``; return the digest it tells, if any.

        Raises :class:`UserError` that says what the registry has against it, and what to do.
        """
        if self._engine == "docker":
            done = run(["docker", "tag", local, remote])
            if done.exit_code == 0:
                done = run(["docker", "push", remote])
        else:
            argv = [self._engine, "push", "--format=v2s2"]
            argv += ["--tls-verify=false"] if self._is_loopback else []
            done = run([*argv, local, f"docker://{remote}"])
        if done.exit_code != 0:
            raise self._refused(remote, cleaned(done.output))
        told = _DIGEST.findall(done.output)
        return told[-1] if told else ""

    def _refused(self, remote: str, output: str) -> UserError:
        line = last_line(output).replace(remote, "").replace(remote.rpartition(":")[0], "")
        # The causes follow one another; the last two say what a person can understand.
        reason = ": ".join(line.replace(self.host, "").split(": ")[-2:]).strip(' :"')
        text = line.replace(self.host, "").lower()
        login = f"{self._engine} login {self.host}"
        if self._engine != "docker" and self._is_loopback:
            login = f"{self._engine} login --tls-verify=false {self.host}"
        if _FULL.search(text):
            what, advice = "has no room for", "ask whoever keeps it for more, or remove old images"
        elif _SIGNED_OUT.search(text):
            what, advice = "does not know who pushes", login
        elif _DENIED.search(text):
            what, advice = "does not let you push", f"correct REGISTRY, or change accounts: {login}"
        elif _UNREACHABLE.search(text):
            what, advice = "does not answer to the push of", "join the VPN, or start the registry"
        else:
            what, advice = "refuses", "try again; if it stays so, ask whoever keeps the registry"
        return UserError(f"{self.host} {what} {remote}: {reason}", self._where, advice)


def refuse_malformed(registry: str, where: str) -> None:
    """Raise :class:`UserError` when no image can be in a ``registry`` of this name."""
    if not _REGISTRY.fullmatch(registry.partition("://")[2] or registry):
        raise UserError(
            f"'{registry}' is not the address of a registry",
            where,
            "write host[:port][/project], the project in small letters",
        )
