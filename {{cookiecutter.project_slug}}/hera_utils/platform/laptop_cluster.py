"""The laptop as a cluster, through the Kubernetes paths of the local server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from hera_utils.context.cli_context import CLIContext
from hera_utils.context.profiles import LOCAL
from hera_utils.errors import UserError
from hera_utils.platform import http, local_server, tokens
from hera_utils.platform.argo_answers import ALREADY_EXISTS, NOT_FOUND, ArgoRefusal, document
from hera_utils.platform.cluster import k8s_cluster

_CLAIMS, _CONFIGMAPS = "persistentvolumeclaims", "configmaps"


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

    def provide_volume_claim(self, name: str) -> bool:
        """Make the claim's folder unless it is there."""
        return self._provide(_CLAIMS, "PersistentVolumeClaim", name, {})

    def provide_configmap(self, name: str, data: Mapping[str, str]) -> bool:
        """Make the ConfigMap with ``data`` unless it is there; what is there stays as it is."""
        return self._provide(_CONFIGMAPS, "ConfigMap", name, {"data": dict(data)})

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

    def _provide(self, kind: str, spoken: str, name: str, content: Mapping[str, Any]) -> bool:
        manifest = {"apiVersion": "v1", "kind": spoken, "metadata": {"name": name}, **content}
        try:
            self._call("GET", self._path(kind, name))
        except ArgoRefusal as error:
            if error.status != NOT_FOUND:
                raise
            try:
                self._call("POST", self._path(kind), manifest)
            except ArgoRefusal as raced:
                # Another script of the same folder made it meanwhile.
                if raced.status != ALREADY_EXISTS:
                    raise
        return True

    def _path(self, kind: str, name: str = "") -> str:
        path = f"namespaces/{quote(self.namespace, safe='')}/{kind}"
        return f"{path}/{quote(name, safe='')}" if name else path

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        url = f"{self.server.url}api/v1/{path}"
        response = self._session.request(method, url, json=body)
        if response.status_code == 201:
            return
        document(response, self.server.where)


def _named(args: CLIContext, argument: str, spoken: str) -> str:
    name = getattr(args, argument)
    if not name:
        raise UserError(f"no {spoken} is named", next_step=f"give --{argument}")
    return str(name)
