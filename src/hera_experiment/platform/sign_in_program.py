"""The program that a kubeconfig's user signs in with (``exec``), run as kubectl runs it.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
Nothing that it writes is ever shown, since that may hold a secret; the one exception is a person
at a terminal, whom it may ask for something.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from hera_experiment.context.sources import display
from hera_experiment.errors import UserError
from hera_experiment.platform.kubeconfig import CurrentContext

PATIENCE = 30.0
"""Seconds that a program has which nobody can answer."""
_PATIENCE_WITH_A_PERSON = 300.0
_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_EXTENSION = "client.authentication.k8s.io/exec"
_ENDS_SOON = 10.0


@dataclass(frozen=True)
class Credential:
    """What a program gave: a token, or a certificate and its key in PEM; when it ends."""

    token: str = ""
    certificate: str = ""
    key: str = ""
    ends: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Say whether it ends in a moment."""
        return self.ends is not None and (self.ends - now).total_seconds() < _ENDS_SOON


class SignInProgram:
    """The program of the context's user; it has ``patience`` seconds.

    ``run`` raises :class:`UserError` when it is missing, fails, does not end, or prints no
    credential.
    """

    def __init__(self, context: CurrentContext, patience: float = PATIENCE) -> None:
        given = context.user.values.get("exec")
        self._settings: dict[str, Any] = given if isinstance(given, dict) else {}
        self._context = context
        self._patience = patience
        self.command = str(self._settings.get("command") or "")
        self.where = f"user '{context.user.name}' in {display(context.user.file)}"
        self.hint = " ".join(str(self._settings.get("installHint") or "").split())

    def run(self) -> Credential:
        """Run it and return what it gives."""
        version = self._settings.get("apiVersion")
        if not self.command or version not in _VERSIONS:
            raise UserError(
                f"the sign-in program needs a command and an apiVersion, one of "
                f"{', '.join(_VERSIONS)}",
                self.where,
                "ask the administrator for a new kubeconfig",
            )
        text = self._output()
        try:
            return self._credential(json.loads(text))
        except (ValueError, TypeError, AttributeError):
            raise self._failed("prints something else") from None

    def _failed(self, what: str) -> UserError:
        # Without its arguments, of which one may be a secret.
        advice = f"run it by itself to see why: {self.command}"
        if self.hint:
            advice += f" ({self.hint})"
        return UserError(
            f"the sign-in program '{self.command}' gives no credential: it {what}",
            self.where,
            advice,
        )

    def _arguments(self) -> list[str]:
        given = self._settings.get("args")
        return [str(each) for each in given] if isinstance(given, list) else []

    def _output(self) -> str:
        mode = self._settings.get("interactiveMode")
        interactive = mode != "Never" and _is_terminal(sys.stdin) and _is_terminal(sys.stderr)
        patience = _PATIENCE_WITH_A_PERSON if interactive else self._patience
        try:
            process = subprocess.Popen(
                [self.command, *self._arguments()],
                stdin=None if interactive else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=None if interactive else subprocess.DEVNULL,
                env=self._environment(interactive),
                # With its children: one that lives on would keep the pipe open.
                start_new_session=not interactive,
            )
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            what = "is not found" if missing else f"cannot be started: {error.strerror}"
            advice = self.hint or f"install '{self.command}' and put it on PATH"
            raise UserError(
                f"the sign-in program '{self.command}' {what}", self.where, advice
            ) from None
        try:
            output, _ = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            raise self._failed(f"did not end within {patience:g} s") from None
        finally:
            _end(process, group=not interactive)
        if process.returncode != 0:
            raise self._failed(f"failed with exit status {process.returncode}")
        return output.decode("utf-8", "replace")

    def _environment(self, interactive: bool) -> dict[str, str]:
        found = dict(os.environ)
        given = self._settings.get("env")
        for each in given if isinstance(given, list) else ():
            if isinstance(each, dict) and each.get("name"):
                found[str(each["name"])] = str(each.get("value") or "")
        specification: dict[str, Any] = {"interactive": interactive}
        if self._settings.get("provideClusterInfo"):
            specification["cluster"] = self._cluster()
        found["KUBERNETES_EXEC_INFO"] = json.dumps(
            {
                "kind": "ExecCredential",
                "apiVersion": self._settings["apiVersion"],
                "spec": specification,
            }
        )
        return found

    def _cluster(self) -> dict[str, Any]:
        cluster = self._context.cluster
        names = ("server", "tls-server-name", "insecure-skip-tls-verify", "proxy-url")
        found = {name: cluster.values[name] for name in names if cluster.values.get(name)}
        with contextlib.suppress(OSError):  # said where the certificate itself is needed
            if pem := cluster.pem("certificate-authority"):
                found["certificate-authority-data"] = base64.b64encode(pem).decode("ascii")
        for each in cluster.values.get("extensions") or ():
            if isinstance(each, dict) and each.get("name") == _EXTENSION:
                found["config"] = each.get("extension")
        return found

    def _credential(self, found: Mapping[str, Any]) -> Credential:
        status = found.get("status") or {}
        if found.get("apiVersion") != self._settings["apiVersion"]:
            raise ValueError("another version")
        token = str(status.get("token") or "")
        certificate = str(status.get("clientCertificateData") or "")
        key = str(status.get("clientKeyData") or "")
        if not (token or certificate) or bool(certificate) != bool(key):
            raise ValueError("no credential")
        if "\n" in token.strip():
            raise ValueError("no token")
        ends = status.get("expirationTimestamp")
        return Credential(token.strip(), certificate, key, _moment(str(ends)) if ends else None)


def _moment(text: str) -> datetime:
    # Before 3.11 Python reads neither nanoseconds nor the Z.
    found = datetime.fromisoformat(re.sub(r"\.\d+", "", text.strip()).replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):  # none, or closed
        return False


def _end(process: subprocess.Popen[bytes], *, group: bool) -> None:
    """End what is left of a program, with its children where they are its own ``group``."""
    if group:
        with contextlib.suppress(OSError):  # nothing is left
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    if process.stdout is not None:
        process.stdout.close()
    process.wait()
