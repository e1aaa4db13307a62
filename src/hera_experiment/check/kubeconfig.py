"""The kubeconfig as it is written: files, contexts, clusters, users; nothing is asked of a server.

Several files may be named, separated as in PATH; of two entries with one name the first counts, as
for kubectl (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hera_experiment.check.model import CannotTell
from hera_experiment.context.sources import display
from hera_experiment.errors import UserError

_SECTIONS = {"contexts": "context", "clusters": "cluster", "users": "user"}
_PATHS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


@dataclass(frozen=True)
class Entry:
    """A named entry; paths in ``values`` are absolute. ``file`` is where it stands."""

    name: str
    values: Mapping[str, Any]
    file: Path


@dataclass(frozen=True)
class Context:
    """What the current context leads to."""

    name: str
    cluster: Entry
    user: Entry
    namespace: str

    @property
    def server(self) -> str:
        """The address of the API server, without a slash at the end."""
        return str(self.cluster.values["server"]).rstrip("/")

    def document(self) -> dict[str, Any]:
        """Return a kubeconfig with this context alone."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "it", "cluster": dict(self.cluster.values)}],
            "users": [{"name": "it", "user": dict(self.user.values)}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "current-context": "it",
        }


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

    def context(self) -> Context:
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
        cluster = self.clusters.get(str(entry.values.get("cluster", "")))
        user = self.users.get(str(entry.values.get("user", "")))
        for kind, found in (("cluster", cluster), ("user", user)):
            if found is None:
                raise UserError(
                    f"the context '{self.current}' names the {kind} "
                    f"'{entry.values.get(kind, '')}', which is not there",
                    self.shown,
                    "ask whoever gave it to you for a complete kubeconfig",
                )
        assert cluster is not None and user is not None
        if not str(cluster.values.get("server", "")).startswith(("https://", "http://")):
            raise UserError(
                f"the cluster '{cluster.name}' has no server that begins with https://",
                self.shown,
                f"kubectl --kubeconfig {self.shown} config set-cluster {cluster.name} "
                "--server https://HOST:6443",
            )
        return Context(self.current, cluster, user, str(entry.values.get("namespace", "")))


def read(value: str, where: str) -> Kubeconfig:
    """Return the kubeconfig in the files that ``value`` names.

    Raises
    ------
    CannotTell
        When ``value`` names none (empty or /dev/null).
    UserError
        When a file is absent, cannot be read or is no kubeconfig.
    """
    files = tuple(Path(part) for part in value.split(os.pathsep) if part and part != os.devnull)
    if not files:
        raise CannotTell(f"no kubeconfig is set ({where})" if where else "no kubeconfig is set")
    config = Kubeconfig(files, where)
    for path in files:
        _add(config, path, _document(path, where))
    return config


def _document(path: Path, where: str) -> dict[str, Any]:
    import yaml

    name = display(path)
    if not path.exists():
        raise UserError(f"there is no file {name}", where, "set KUBECONFIG to your kubeconfig")
    if path.is_dir():
        raise UserError(f"{name} is a folder", where, "set KUBECONFIG to the file in it")
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        advice = f"chmod u+r {name}" if isinstance(error, PermissionError) else _ASK
        raise UserError(f"cannot read {name}: {error.strerror}", where, advice) from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        # Not the error's text, which shows a line of the file: it may hold the token.
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark is not None else ""
        raise UserError(f"{name} is not valid YAML{line}", where, _ASK) from None
    if not isinstance(found, dict) or not isinstance(found.get("clusters"), list):
        raise UserError(f"{name} is no kubeconfig: it lists no clusters", where, _ASK)
    return found


_ASK = "ask the administrator for the kubeconfig again, and save it unchanged"


def _add(config: Kubeconfig, path: Path, document: Mapping[str, Any]) -> None:
    config.current = config.current or str(document.get("current-context") or "")
    folder = path.absolute().parent
    for section, key in _SECTIONS.items():
        entries: dict[str, Entry] = getattr(config, section)
        for each in document.get(section) or ():
            if not isinstance(each, dict) or not isinstance(each.get(key), dict):
                continue
            values = {
                name: str(folder / str(value)) if name in _PATHS and value else value
                for name, value in each[key].items()
            }
            name = str(each.get("name", ""))
            entries.setdefault(name, Entry(name, values, path))
