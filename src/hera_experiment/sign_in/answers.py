"""What is wrong with one answer, found out as it is given: its form, its file, its server."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote, urlsplit

from hera_experiment.argo.names import OBJECT_NAME
from hera_experiment.context import tokens
from hera_experiment.context.address import server_url
from hera_experiment.context.arguments import Argument
from hera_experiment.context.sources import display
from hera_experiment.errors import UserError
from hera_experiment.platform import kubeconfig
from hera_experiment.platform.http_session import unreachable
from hera_experiment.platform.kubernetes_client import NOT_FOUND, KubernetesClient
from hera_experiment.platform.kubernetes_user import KubernetesUser
from hera_experiment.platform.proxies import proxy_of_environment

_PATIENCE = 5.0
_NO_TOKEN = re.compile(r"[^!-~ ]")


def doubt(argument: Argument, value: str, others: Mapping[str, str], *, reach: bool = True) -> str:
    """Return what may be wrong with ``value``, empty for nothing known.

    ``others`` are the values so far, by variable, as a profile holds them. Nothing is asked of the
    server that is meant unless ``reach``. Raises ``UserError`` for a value that cannot work.
    """
    check = _CHECKS.get(argument.name)
    return check(value, others, reach) if check else ""


def _kubeconfig(value: str, others: Mapping[str, str], reach: bool) -> str:
    if kubeconfig.files_of(value):
        kubeconfig.read(value, "").context()
    return ""


def _server(value: str, others: Mapping[str, str], reach: bool) -> str:
    url = server_url(value, secure=others.get("ARGO_SECURE", "true").lower() != "false")
    parts = urlsplit(url)
    if not reach or proxy_of_environment(url):
        return ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), _PATIENCE).close()
    except OSError as error:
        return str(unreachable(error, url))
    return ""


def _token(value: str, others: Mapping[str, str], reach: bool) -> str:
    if _NO_TOKEN.search(value):
        raise UserError("there is a character in it that no token has", "", "copy it again")
    ends = tokens.expiry(value)
    if ends and ends < datetime.now(timezone.utc):
        return f"this token expired on {ends.astimezone():%Y-%m-%d at %H:%M} (local time)"
    return ""


def _name(value: str, others: Mapping[str, str], reach: bool) -> str:
    if not OBJECT_NAME.fullmatch(value):
        raise UserError(
            f"'{value}' cannot be a name in Kubernetes", "", "use small letters, digits and '-'"
        )
    return ""


def _bundle(value: str, others: Mapping[str, str], reach: bool) -> str:
    path = Path(value).expanduser()
    try:
        folder = path.is_dir()
        ssl.create_default_context(
            cafile=None if folder else str(path), capath=str(path) if folder else None
        )
    except OSError as error:
        what = "holds no certificates" if path.exists() else f"cannot be read: {error.strerror}"
        raise UserError(f"{display(path.absolute())} {what}") from None
    return ""


def _claim(value: str, others: Mapping[str, str], reach: bool) -> str:
    _name(value, others, reach)
    files, namespace = others.get("KUBECONFIG", ""), others.get("ARGO_NAMESPACE", "")
    if not (reach and namespace and kubeconfig.files_of(files)):
        return ""
    try:
        context = kubeconfig.read(files, "").context()
        client = KubernetesClient(context, KubernetesUser(context), timeout=(_PATIENCE, _PATIENCE))
        path = f"/api/v1/namespaces/{quote(namespace)}/persistentvolumeclaims"
        if client.get(f"{path}/{quote(value)}").status != NOT_FOUND:
            return ""
        there = client.get(path)
    except UserError:
        return ""
    names = [str((each.get("metadata") or {}).get("name")) for each in there.items()]
    listed = f"; there is: {', '.join(sorted(names))}" if names else ""
    return f"the namespace '{namespace}' has no claim '{value}' yet{listed}"


def _registry(value: str, others: Mapping[str, str], reach: bool) -> str:
    from hera_experiment.images.pusher import refuse_malformed
    from hera_experiment.platform.registry import Registry, host_of

    refuse_malformed(value, "")
    try:
        Registry(host_of(value), timeout=_PATIENCE).ping()
    except UserError as error:
        return str(error)
    return ""


_CHECKS: dict[str, Callable[[str, Mapping[str, str], bool], str]] = {
    "k8s_config_file": _kubeconfig,
    "argo_server": _server,
    "argo_token": _token,
    "argo_namespace": _name,
    "argo_service_account": _name,
    "ca_bundle": _bundle,
    "k8s_volume_claim_name": _claim,
    "registry": _registry,
}
