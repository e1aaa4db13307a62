"""The laptop as a cluster, through the Kubernetes paths of the local server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from hera_experiment.context import tokens
from hera_experiment.context.cli_context import CLIContext
from hera_experiment.context.profiles import LOCAL
from hera_experiment.errors import UserError
from hera_experiment.platform import http, local_server
from hera_experiment.platform.argo_answers import ALREADY_EXISTS, NOT_FOUND, ArgoRefusal, document
from hera_experiment.platform.cluster import k8s_cluster, require_secret, say_other_entries

_CLAIMS, _CONFIGMAPS, _SECRETS = "persistentvolumeclaims", "configmaps", "secrets"


class LaptopCluster(k8s_cluster):
    """The machine at hand, with the methods of a Kubernetes cluster.

    A lease on the local server, which is started when there is none, lives as long as this object:
    claims are folders and ConfigMaps files below ``.hera/``.
    """

    is_local = True

    def __init__(
        self,
        args: CLIContext,
        *,
        asserting: bool = True,
        lease: local_server.Lease | None = None,
    ) -> None:
        super().__init__(args)
        self.lease = lease or local_server.acquire(args.experiment)
        self.server = self.lease.server
        bearer = tokens.authorization(self.server.token())
        self._session = http.Session(
            lambda: bearer, where=self.server.where, advice=self.server.advice
        )
        if asserting:
            self.assert_cluster()

    @property
    def name(self) -> str:
        """The name of the platform."""
        return LOCAL

    def close(self) -> None:
        """Let the local server go once nothing else needs it."""
        self._session.close()
        self.lease.close()

    def assert_cluster(self) -> bool:
        """Assert that the local server answers."""
        return self.assert_namespace()

    def assert_namespace(self, name: str = "") -> bool:
        """Assert that ``name`` can be a namespace: the laptop has every one."""
        self._call("GET", f"namespaces/{quote(name or self.namespace, safe='')}")
        return True

    def assert_volume_claim(self, name: str = "") -> bool:
        """Assert that the folder of the claim is there."""
        name = name or _named(self.args, "k8s_volume_claim_name", "volume claim")
        return self._exists(_CLAIMS, name, "volume claim")

    def assert_configmap(self, name: str = "") -> bool:
        """Assert that the ConfigMap is there."""
        name = name or _named(self.args, "k8s_configmap_name", "ConfigMap")
        return self._exists(_CONFIGMAPS, name, "ConfigMap")

    def assert_secret(self, name: str, keys: Sequence[str]) -> bool:
        """Assert that the Secret is there, with a file for each of ``keys``."""
        command = f"make provision CLUSTER={LOCAL}"
        require_secret("the laptop", name, keys, self._secret(name), command)
        return True

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
            self._call("POST", self._path(_SECRETS), manifest)
        else:
            self._call("PUT", self._path(_SECRETS, name), manifest)

    def provide_volume_claim(
        self,
        name: str,
        *,
        size: str = "1Gi",
        access_modes: Sequence[str] = ("ReadWriteMany",),
        storage_class: str | None = None,
    ) -> bool:
        """Make the claim's folder unless it is there; a folder takes what the disk has."""
        self._provide(_CLAIMS, "PersistentVolumeClaim", name, {})
        return True

    def provide_configmap(self, name: str, data: Mapping[str, str]) -> bool:
        """Make the ConfigMap with ``data`` unless it is there; what is there stays as it is.

        Entries that are not those of ``data`` are named.
        """
        found = self._provide(_CONFIGMAPS, "ConfigMap", name, {"data": dict(data)})
        say_other_entries(name, data, found.get("data") or {})
        return True

    def keep_configmap(self, name: str, data: Mapping[str, str]) -> list[str]:
        """Give the ConfigMap the entries of ``data``, and return the keys that changed."""
        found = self._provide(_CONFIGMAPS, "ConfigMap", name, {"data": dict(data)})
        entries = found.get("data") or {}
        changed = [key for key, value in data.items() if entries.get(key) != value]
        if changed:
            self._call("PUT", self._path(_CONFIGMAPS, name), {**found, "data": {**entries, **data}})
        return changed

    def print_config(self) -> None:
        """Print where the local server and its state are."""
        print("Cluster: local (this machine)")
        print(f"  state:     {self.server.state}")
        print(f"  server:    {self.server.url}")
        print(f"  namespace: {self.namespace}")

    def _exists(self, kind: str, name: str, spoken: str) -> bool:
        try:
            self._call("GET", self._path(kind, name))
        except ArgoRefusal as error:
            if error.status != NOT_FOUND:
                raise
            raise UserError(
                f"the laptop has no {spoken} '{name}'",
                where=str(self.server.state),
                next_step="construct_environment(args) makes what environment.py declares",
            ) from None
        return True

    def _secret(self, name: str) -> dict[str, str] | None:
        """Return the values by key as the server has them, in base64; None without the Secret."""
        try:
            found = self._call("GET", self._path(_SECRETS, name))
        except ArgoRefusal as error:
            if error.status != NOT_FOUND:
                raise
            return None
        data: dict[str, str] = found.get("data") or {}
        return data

    def _provide(
        self, kind: str, spoken: str, name: str, content: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the object, made with ``content`` unless it is there."""
        manifest = {"apiVersion": "v1", "kind": spoken, "metadata": {"name": name}, **content}
        while True:
            try:
                return self._call("GET", self._path(kind, name))
            except ArgoRefusal as error:
                if error.status != NOT_FOUND:
                    raise
            try:
                return self._call("POST", self._path(kind), manifest)
            except ArgoRefusal as raced:
                # Another script of the same folder made it meanwhile.
                if raced.status != ALREADY_EXISTS:
                    raise

    def _path(self, kind: str, name: str = "") -> str:
        path = f"namespaces/{quote(self.namespace, safe='')}/{kind}"
        return f"{path}/{quote(name, safe='')}" if name else path

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        url = f"{self.server.url}api/v1/{path}"
        response = self._session.request(method, url, json=body)
        return document(response, self.server.where)


def _named(args: CLIContext, argument: str, spoken: str) -> str:
    name = getattr(args, argument)
    if not name:
        raise UserError(f"no {spoken} is named", next_step=f"give --{argument}")
    return str(name)
