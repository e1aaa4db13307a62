"""The laptop as a cluster, through the Kubernetes paths of the local server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from hera_experiment.context import tokens
from hera_experiment.context.context import Context
from hera_experiment.context.profiles import LOCAL
from hera_experiment.platform import http_session, local_server
from hera_experiment.platform.argo_answers import ALREADY_EXISTS, NOT_FOUND, ArgoRefusal, document
from hera_experiment.platform.cluster import Cluster, Kind


class LaptopAccess(Cluster):
    """The machine at hand, with the methods of a Kubernetes cluster.

    A lease on the local server, which is started when there is none, lives as long as this object:
    claims are folders and ConfigMaps files below ``.hera/``.
    """

    is_local = True

    def __init__(self, args: Context, *, lease: local_server.Lease | None = None) -> None:
        super().__init__(args)
        self.lease = lease or local_server.acquire(args.experiment)
        self.server = self.lease.server
        bearer = tokens.authorization(self.server.token())
        self._session = http_session.Session(
            lambda: bearer, where=self.server.where, advice=self.server.advice
        )

    @property
    def name(self) -> str:
        """The name of the platform."""
        return LOCAL

    @property
    def place(self) -> str:
        """What a message says that an object is looked for in."""
        return "the laptop"

    @property
    def has_access(self) -> bool:
        """Whether its objects can be asked for: they always can."""
        return True

    def close(self) -> None:
        """Let the local server go once nothing else needs it."""
        self._session.close()
        self.lease.close()

    def reach(self) -> None:
        """Ask the local server for the namespace: it has each that can be one."""
        self.find(Kind.NAMESPACE, self.namespace)

    def find(self, kind: Kind, name: str) -> dict[str, Any] | None:
        """Return what the local server keeps for the tasks; None when there is no such object."""
        try:
            return self._call("GET", self._path(kind, name))
        except ArgoRefusal as error:
            if error.status != NOT_FOUND:
                raise
            return None

    def provide(self, kind: Kind, name: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Return the object, made with ``content`` unless it is there: a claim is a folder."""
        manifest = {
            "apiVersion": "v1",
            "kind": kind.kubernetes,
            "metadata": {"name": name},
            **content,
        }
        while True:
            found = self.find(kind, name)
            if found is not None:
                return found
            try:
                return self._call("POST", self._path(kind), manifest)
            except ArgoRefusal as raced:
                # Another script of the same folder made it meanwhile.
                if raced.status != ALREADY_EXISTS:
                    raise

    def description(self) -> list[str]:
        """Return where the local server and its state are, a line each."""
        return [
            f"state:     {self.server.state}",
            f"server:    {self.server.url}",
            f"namespace: {self.namespace}",
        ]

    def missing_keys(self, name: str, keys: Sequence[str]) -> list[str]:
        """Return which of ``keys`` the Secret has not got."""
        found = self._secret(name) or {}
        return [key for key in keys if key not in found]

    def keep_secret(self, name: str, values: Mapping[str, str]) -> None:
        """Add ``values`` to the Secret, which is made where there is none: files of mode 600."""
        found = self._secret(name)
        manifest = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "data": found or {},
            "stringData": dict(values),
        }
        if found is None:
            self._call("POST", self._path(Kind.SECRET), manifest)
        else:
            self._call("PUT", self._path(Kind.SECRET, name), manifest)

    def keep_configmap(self, name: str, data: Mapping[str, str]) -> list[str]:
        """Give the ConfigMap the entries of ``data``, and return the keys that changed."""
        found = self.provide(Kind.CONFIGMAP, name, {"data": dict(data)})
        entries = found.get("data") or {}
        changed = [key for key, value in data.items() if entries.get(key) != value]
        if changed:
            self._call(
                "PUT", self._path(Kind.CONFIGMAP, name), {**found, "data": {**entries, **data}}
            )
        return changed

    def _secret(self, name: str) -> dict[str, str] | None:
        """Return the values by key as the server has them, in base64; None without the Secret."""
        found = self.find(Kind.SECRET, name)
        return None if found is None else found.get("data") or {}

    def _path(self, kind: Kind, name: str = "") -> str:
        inside = "" if kind is Kind.NAMESPACE else f"namespaces/{quote(self.namespace, safe='')}/"
        return f"{inside}{kind.path}" + (f"/{quote(name, safe='')}" if name else "")

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        url = f"{self.server.url}api/v1/{path}"
        response = self._session.request(method, url, json=body)
        return document(response, self.server.where)
