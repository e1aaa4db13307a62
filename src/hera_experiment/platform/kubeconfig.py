"""The kubeconfig as it is written: files, contexts, clusters, users; nothing is asked of a server.

Several files may be named, separated as in PATH, and are merged as kubectl merges them: of two
entries with one name the first counts whole, and the current context is that of the first file
that has one. A file that is missing or empty is no fault as long as another is there
(https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig).
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hera_experiment.context.sources import display
from hera_experiment.errors import UserError

_SECTIONS = {"contexts": "context", "clusters": "cluster", "users": "user"}
_PATHS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_DATA = ("certificate-authority-data", "client-certificate-data", "client-key-data")
_TEXTS = (
    *(*_PATHS, *_DATA, "server", "tls-server-name", "proxy-url"),
    *("cluster", "user", "namespace", "token", "username", "password", "as", "as-uid"),
)
_ASK = "ask the administrator for the kubeconfig again, and save it unchanged"


class NoKubeconfig(UserError):
    """No kubeconfig is set at all."""


@dataclass(frozen=True)
class Entry:
    """A named entry; paths in ``values`` are absolute. ``file`` is where it stands."""

    name: str
    values: Mapping[str, Any]
    file: Path

    def text(self, key: str) -> str:
        """Return the value of ``key``, empty where there is none."""
        return str(self.values.get(key) or "")

    def pem(self, key: str) -> bytes:
        """Return the certificate or key that ``key`` names or ``key``-data holds; b"" for none.

        Raises ``OSError`` when its file cannot be read.
        """
        if data := self.text(f"{key}-data"):
            return base64.b64decode(data)
        path = self.text(key)
        return Path(path).read_bytes() if path else b""


@dataclass(frozen=True)
class CurrentContext:
    """What the current context leads to."""

    name: str
    cluster: Entry
    user: Entry
    namespace: str

    @property
    def server(self) -> str:
        """The address of the API server, without a slash at the end."""
        return self.cluster.text("server").rstrip("/")


@dataclass
class Kubeconfig:
    """The merged entries of all files; ``where`` says who named the files."""

    files: tuple[Path, ...]
    where: str
    current: str = ""
    contexts: dict[str, Entry] = field(default_factory=dict)
    clusters: dict[str, Entry] = field(default_factory=dict)
    users: dict[str, Entry] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """The files as a person would type them."""
        return os.pathsep.join(display(path) for path in self.files)

    def context(self) -> CurrentContext:
        """Return the current context; raises :class:`UserError` where it leads nowhere."""
        known = ", ".join(f"'{name}'" for name in self.contexts) or "none"
        choose = f"kubectl --kubeconfig {self.shown} config use-context "
        choose += next(iter(self.contexts), "NAME")
        if not self.current:
            raise UserError(f"no context is chosen; there is: {known}", self.shown, choose)
        entry = self.contexts.get(self.current)
        if entry is None:
            raise UserError(
                f"no context is named '{self.current}'; there is: {known}", self.shown, choose
            )
        cluster = self._named("cluster", self.clusters, entry)
        # A context without a user asks as nobody.
        nobody = Entry("", {}, entry.file)
        user = self._named("user", self.users, entry) if entry.text("user") else nobody
        if not cluster.text("server").startswith(("https://", "http://")):
            raise UserError(
                f"the cluster '{cluster.name}' has no server that begins with https://",
                self.shown,
                f"kubectl --kubeconfig {self.shown} config set-cluster {cluster.name} "
                "--server https://HOST:6443",
            )
        return CurrentContext(self.current, cluster, user, entry.text("namespace"))

    def _named(self, kind: str, entries: Mapping[str, Entry], context: Entry) -> Entry:
        found = entries.get(context.text(kind))
        if found is None:
            raise UserError(
                f"the context '{self.current}' names the {kind} '{context.text(kind)}', which is "
                "not there",
                self.shown,
                "ask whoever gave it to you for a complete kubeconfig",
            )
        return found


def files_of(value: str) -> tuple[Path, ...]:
    """Return the files that ``value`` names; none when it is empty or /dev/null."""
    return tuple(Path(part) for part in value.split(os.pathsep) if part and part != os.devnull)


def read(value: str, where: str) -> Kubeconfig:
    """Return the kubeconfig in the files that ``value`` names.

    Raises
    ------
    NoKubeconfig
        When ``value`` names none (empty or /dev/null).
    UserError
        When none of the files exists, or one cannot be read or is no kubeconfig.
    """
    files = files_of(value)
    if not files:
        raise NoKubeconfig("no kubeconfig is set", where, "set KUBECONFIG to your kubeconfig")
    # As kubectl: only what does not exist is passed over.
    existing = [path for path in files if path.exists()]
    if not existing:
        raise UserError(
            f"there is no kubeconfig {display(files[0].absolute())}",
            where,
            "set KUBECONFIG to your kubeconfig",
        )
    config = Kubeconfig(files, where)
    for path in existing:
        _add(config, path, _document(path, where))
    if not (config.contexts or config.clusters or config.current):
        raise UserError(f"{config.shown} is not a kubeconfig: it lists no clusters", where, _ASK)
    return config


def _document(path: Path, where: str) -> dict[str, Any]:
    import yaml

    name = display(path)
    if path.is_dir():
        raise UserError(f"{name} is a folder", where, "set KUBECONFIG to the file in it")
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        advice = f"chmod u+r {name}" if isinstance(error, PermissionError) else _ASK
        raise UserError(f"cannot read {name}: {error.strerror}", where, advice) from None
    except (ValueError, yaml.YAMLError) as error:
        # Not the error's text, which shows a line of the file: it may hold the token.
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark is not None else ""
        raise UserError(f"{name} is not valid YAML{line}", where, _ASK) from None
    if not isinstance({} if found is None else found, dict):
        raise UserError(f"{name} is not a kubeconfig: it lists no clusters", where, _ASK)
    return found or {}


def _add(config: Kubeconfig, path: Path, document: Mapping[str, Any]) -> None:
    config.current = config.current or str(document.get("current-context") or "")
    for section, key in _SECTIONS.items():
        entries: dict[str, Entry] = getattr(config, section)
        own: dict[str, Entry] = {}
        for each in _list(document.get(section), section, config, path):
            name = str(each.get("name", ""))
            if name in own:
                raise _wrong(path, f"two {section} are named '{name}'", config.where)
            own[name] = Entry(name, _values(each.get(key), f"{key} '{name}'", config, path), path)
        for name, entry in own.items():
            entries.setdefault(name, entry)


def _list(value: Any, section: str, config: Kubeconfig, path: Path) -> list[dict[str, Any]]:
    found = [] if value is None else value
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise _wrong(path, f"'{section}' is not a list of entries with a name", config.where)
    return found


def _values(value: Any, spoken: str, config: Kubeconfig, path: Path) -> dict[str, Any]:
    """Return what an entry says, its paths relative to its file made absolute."""
    values = {} if value is None else value
    if not isinstance(values, dict):
        raise _wrong(path, f"the {spoken} is not a mapping", config.where)
    folder = path.absolute().parent
    found = dict(values)
    for key in _TEXTS:
        given = found.get(key)
        if isinstance(given, (bool, int, float, list, dict)):
            what = f"the {key} of the {spoken} is not a text"
            raise _wrong(path, what, config.where, "write it in quotes")
        if given and key in _PATHS:
            found[key] = str(folder / str(given))
        if given and key in _DATA and not _is_base64(str(given)):
            raise _wrong(path, f"the {key} of the {spoken} is not valid base64", config.where)
    program = found.get("exec")
    if isinstance(program, dict) and os.sep in str(program.get("command") or ""):
        # A bare name is looked for on PATH.
        found["exec"] = {**program, "command": str(folder / str(program["command"]))}
    return found


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _wrong(path: Path, what: str, where: str, advice: str = _ASK) -> UserError:
    return UserError(f"{display(path)} is not a usable kubeconfig: {what}", where, advice)
