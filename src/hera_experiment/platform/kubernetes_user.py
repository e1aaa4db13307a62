"""What the user of a kubeconfig is known by: a token, a certificate, a sign-in program."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import ssl
import tempfile
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3

from hera_experiment.context.sources import display
from hera_experiment.errors import UserError
from hera_experiment.platform.kubeconfig import CurrentContext, Entry
from hera_experiment.platform.sign_in_program import PATIENCE, Credential, SignInProgram

_NEW = timedelta(seconds=10)
_ASK = "ask the administrator for the kubeconfig again"


class KubernetesUser:
    """Who asks the API server, by the user of ``context``; methods may be called by any thread.

    The order is kubectl's: a token of its own or in a file (read again for each request), else a
    name with a password, else the sign-in program, run when a credential is first needed and again
    when it ends; a certificate goes with any of them. ``patience`` is what the program has, in
    seconds. Methods raise ``UserError``.
    """

    def __init__(
        self,
        context: CurrentContext,
        patience: float = PATIENCE,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self.context = context
        self._entry = context.user
        self._program = (
            SignInProgram(context, patience) if context.user.values.get("exec") else None
        )
        self._now = now
        self._lock = threading.RLock()
        self._credential: Credential | None = None
        self._made = now()
        self._kept: dict[bytes, str] = {}
        self._token = self._entry.text("token").strip()
        self._provided: Callable[[], str] | None = None
        if self._has_token and self._entry.text("username"):
            raise UserError(
                f"the user '{self._entry.name}' has a token and a password, of which only one is "
                "allowed",
                display(self._entry.file),
                _ASK,
            )

    @property
    def _has_token(self) -> bool:
        return bool(self._entry.text("token") or self._entry.text("tokenFile"))

    def authorization(self) -> str:
        """Return the value of the header, "Bearer …"; empty where there is none."""
        if self._has_token:
            return f"Bearer {self._newest_token()}"
        if self._entry.text("username") or self._entry.text("password"):
            account = f"{self._entry.text('username')}:{self._entry.text('password')}"
            return urllib3.make_headers(basic_auth=account)["authorization"]
        if self._program is not None:
            token = self._signed_in().token
            return f"Bearer {token}" if token else ""
        if self._entry.values.get("auth-provider"):
            return self._from_provider()
        return ""

    def certificate(self) -> tuple[str, str] | None:
        """Return the files of the client's certificate and its key, None where there is none."""
        certificate, key = self._pem("client-certificate"), self._pem("client-key")
        if not certificate and self._program is not None and not self._has_token:
            given = self._signed_in()
            certificate, key = given.certificate.encode(), given.key.encode()
        if not certificate:
            return None
        found = self._file(certificate), self._file(key)
        try:
            # Without a password: nobody is asked for one.
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(*found, password=lambda: b"")
        except (OSError, ValueError):
            raise self._unusable(
                self._entry, "the client-certificate and its client-key cannot be used"
            ) from None
        return found

    def verification(self) -> bool | str:
        """Return the file of the authorities that the server's certificate is checked by.

        True stands for those of this machine, False for none at all.
        """
        cluster = self.context.cluster
        if cluster.values.get("insecure-skip-tls-verify") is True:
            return False
        pem = self._pem("certificate-authority", cluster)
        if not pem:
            return True
        path = self._file(pem)
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
        except (OSError, ValueError):
            raise self._unusable(
                cluster, "the certificate-authority is not a certificate"
            ) from None
        return path

    def impersonation(self) -> list[tuple[str, str]]:
        """Return the headers for acting as somebody else (``as`` in the kubeconfig)."""
        entry = self._entry
        found = [("Impersonate-User", entry.text("as")), ("Impersonate-Uid", entry.text("as-uid"))]
        found += [("Impersonate-Group", str(each)) for each in _list(entry.values, "as-groups")]
        given = entry.values.get("as-user-extra")
        extra: dict[str, Any] = given if isinstance(given, dict) else {}
        for key in extra:
            name = f"Impersonate-Extra-{quote(str(key), safe='')}"
            found += [(name, str(each)) for each in _list(extra, key)]
        return [(name, value) for name, value in found if value]

    def renew(self) -> bool:
        """Forget what the sign-in program gave; say whether there is one to ask again."""
        with self._lock:
            known, self._credential = self._credential, None
        return known is not None

    def _newest_token(self) -> str:
        path = self._entry.text("tokenFile")
        if path:
            try:
                # What was read last stays good while the file is being written.
                self._token = Path(path).read_text(encoding="utf-8").strip() or self._token
            except (OSError, UnicodeDecodeError):
                if not self._token:
                    raise self._unusable(self._entry, "the tokenFile cannot be read") from None
        return self._token

    def _signed_in(self) -> Credential:
        assert self._program is not None
        with self._lock:
            known, now = self._credential, self._now()
            # One that has just been made is used, or a clock that is wrong would run it for ever.
            if known is None or (known.is_over(now) and now - self._made > _NEW):
                self._credential, self._made = self._program.run(), now
            assert self._credential is not None
            return self._credential

    def _pem(self, key: str, entry: Entry | None = None) -> bytes:
        entry = entry or self._entry
        try:
            return entry.pem(key)
        except OSError:
            raise self._unusable(entry, f"the {key} cannot be read") from None

    def _unusable(self, entry: Entry, what: str) -> UserError:
        kind = "cluster" if entry is self.context.cluster else "user"
        return UserError(f"{what} ({kind} '{entry.name}')", display(entry.file), _ASK)

    def _file(self, content: bytes) -> str:
        """Return a file of this process alone with ``content``: TLS takes nothing else."""
        with self._lock:
            if content not in self._kept:
                number, path = tempfile.mkstemp(suffix=".pem", dir=_folder())
                with os.fdopen(number, "wb") as file:
                    file.write(content)
                self._kept[content] = path
            return self._kept[content]

    def _from_provider(self) -> str:
        """Return what a provider of the ``kubernetes`` package gives (``oidc`` and the like)."""
        from kubernetes.client import Configuration
        from kubernetes.config import load_kube_config_from_dict

        with self._lock:
            if self._provided is None:
                configuration = Configuration()
                # The package logs what it was told, which may be a secret, and goes on without it.
                disabled = logging.root.manager.disable
                logging.disable(logging.CRITICAL)
                try:
                    load_kube_config_from_dict(  # type: ignore[no-untyped-call]
                        _document(self.context),
                        client_configuration=configuration,
                        persist_config=False,
                    )
                except Exception as error:
                    # It raises whatever a provider provokes, and quotes what it was told.
                    raise self._unusable(
                        self._entry, f"its auth-provider gives no token ({type(error).__name__})"
                    ) from None
                finally:
                    logging.disable(disabled)
                self._provided = lambda: str(
                    configuration.get_api_key_with_prefix("BearerToken") or ""
                )
            return self._provided()


def _list(values: Mapping[str, Any], key: str) -> list[Any]:
    found = values.get(key)
    return found if isinstance(found, list) else []


def _document(context: CurrentContext) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "it", "cluster": {"server": context.server}}],
        "users": [{"name": "it", "user": dict(context.user.values)}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "current-context": "it",
    }


_made: list[str] = []


def _folder() -> str:
    """Return the folder of this process for certificates; it goes when the process ends."""
    if not _made:
        _made.append(tempfile.mkdtemp(prefix="hera-kubernetes-"))
        atexit.register(shutil.rmtree, _made[0], ignore_errors=True)
    return _made[0]
