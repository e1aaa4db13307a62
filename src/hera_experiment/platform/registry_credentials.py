"""The accounts that container engines keep for registries.

Docker's ``config.json`` and Podman's ``auth.json`` have one format: ``auths``, ``credsStore`` and
``credHelpers`` (https://docs.docker.com/reference/cli/docker/login/,
https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md).
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hera_experiment.errors import UserError
from hera_experiment.platform.registry import DOCKER_HUB

_HUB_KEY = "https://index.docker.io/v1/"

Helper = Callable[[str, str], str]
"""Called with a helper's program and a registry; returns what it prints, empty for nothing."""


def kept_credentials(
    host: str,
    environ: Mapping[str, str] = os.environ,
    helper: Helper | None = None,
    *,
    repository: str = "",
) -> tuple[str, str] | None:
    """Return user and password that an engine keeps for the registry ``host``, None for none.

    Podman's and Buildah's come after Docker's, unless REGISTRY_AUTH_FILE names their file; there
    an account may be of one ``repository`` or of the project that it is in.

    Raises
    ------
    UserError
        When one of their files cannot be read.
    """
    home = Path(environ.get("HOME") or "~").expanduser()
    run = Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    settings = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [
        _docker_file(environ),
        run / "containers" / "auth.json",
        settings / "containers" / "auth.json",
    ]
    if os.getuid() == 0:
        files.append(Path("/run/containers/0/auth.json"))
    if named := environ.get("REGISTRY_AUTH_FILE"):
        files.insert(0, Path(named))
    keys = [*_paths(host, repository), *_keys(host)]
    return next((found for file in files if (found := _in_file(file, host, keys, helper))), None)


def docker_credentials(
    host: str, environ: Mapping[str, str] = os.environ, helper: Helper | None = None
) -> tuple[str, str] | None:
    """Return user and password that Docker keeps for the registry ``host``, None for none.

    Raises
    ------
    UserError
        When Docker's ``config.json`` cannot be read.
    """
    return _in_file(_docker_file(environ), host, _keys(host), helper)


def _docker_file(environ: Mapping[str, str]) -> Path:
    folder = environ.get("DOCKER_CONFIG") or str(Path(environ.get("HOME", "~")) / ".docker")
    return Path(folder).expanduser() / "config.json"


def _in_file(
    path: Path, host: str, keys: Sequence[str], helper: Helper | None
) -> tuple[str, str] | None:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):
        raise UserError(
            "the accounts for registries cannot be read", str(path), "correct or remove the file"
        ) from None
    if not isinstance(config, dict):
        return None
    store = (config.get("credHelpers") or {}).get(host) or config.get("credsStore")
    if store:
        for key in keys:
            found = _from_helper((helper or _run_helper)(f"docker-credential-{store}", key))
            if found:
                return found
    auths = config.get("auths") or {}
    return next((found for key in keys if (found := _from_entry(auths.get(key)))), None)


def _paths(host: str, repository: str) -> list[str]:
    """Return the keys of ``host/project/name``, ``host/project``: the longest first."""
    parts = repository.split("/") if repository else []
    return ["/".join([host, *parts[:end]]) for end in range(len(parts), 0, -1)]


def _keys(host: str) -> tuple[str, ...]:
    if host == DOCKER_HUB:
        return (_HUB_KEY, DOCKER_HUB)
    return (host, f"https://{host}", f"https://{host}/v1/", f"https://{host}/v2/", f"http://{host}")


def _from_entry(entry: Any) -> tuple[str, str] | None:
    if not isinstance(entry, dict):
        return None
    if entry.get("identitytoken"):
        return "", str(entry["identitytoken"])
    try:
        decoded = base64.b64decode(str(entry.get("auth", ""))).decode()
    except ValueError:
        return None
    user, colon, password = decoded.partition(":")
    return (user, password) if colon else None


def _from_helper(text: str) -> tuple[str, str] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    user, secret = str(found.get("Username", "")), str(found.get("Secret", ""))
    if not secret:
        return None
    return ("", secret) if user == "<token>" else (user, secret)


def _run_helper(program: str, key: str) -> str:
    try:
        done = subprocess.run(
            [program, "get"], input=key, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
