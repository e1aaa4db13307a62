"""Checks of the kubeconfig, as it stands in its files."""

from __future__ import annotations

import base64
import shutil
import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from hera_experiment.check.outcome import Outcome, failed, failure, local_time, ok, warning
from hera_experiment.check.runner import Check
from hera_experiment.check.target import CheckTarget
from hera_experiment.context import tokens
from hera_experiment.errors import UserError

_VERSION, _UTC_TIME = 0xA0, 0x17
_FORMATS = {0x17: "%y%m%d%H%M%SZ", 0x18: "%Y%m%d%H%M%SZ"}
_CERTIFICATE_SOON = timedelta(days=7)
_KINDS = (
    ("client-certificate", "user", "the client certificate"),
    ("certificate-authority", "cluster", "the certificate of the cluster's authority"),
)
_TOKEN_SOON = timedelta(minutes=10)


def kubeconfig_file(target: CheckTarget) -> Outcome:
    """Check that each file that KUBECONFIG names exists, can be read, and is a kubeconfig.

    Unknown when none is set (empty or /dev/null): then everything that only Kubernetes itself can
    tell is unknown too, and what goes through Argo's server is checked all the same.
    """
    try:
        return ok(target.cluster.kubeconfig.shown)
    except UserError as error:
        return failed(error, "cannot be used")


def kubeconfig_context(target: CheckTarget) -> Outcome:
    """Check that ``current-context`` names a context whose cluster and user are both there.

    The cluster must have a server that begins with https:// (or http://).
    """
    try:
        context = target.cluster.context
    except UserError as error:
        return failed(error, "leads nowhere")
    return ok(f"{context.name}, {context.server}")


def kubeconfig_certificate(target: CheckTarget) -> Outcome:
    """Check that the certificates of client and authority can be read and are valid.

    A warning in the last seven days. Dates are shown in local time.
    """
    context = target.cluster.context
    soonest = None
    for key, holder, spoken in _KINDS:
        values = (context.user if holder == "user" else context.cluster).values
        try:
            pem = _pem(values.get(f"{key}-data"), values.get(key))
            ends = certificate_expiry(pem) if pem else None
        except (OSError, ValueError):
            return failure(
                "cannot be read",
                f"{spoken} cannot be read ({key} in {target.cluster.kubeconfig.shown})",
                "ask the administrator for the kubeconfig again, with the files that it names",
            )
        if ends is None:
            continue
        if ends <= target.now():
            return failure(
                "expired",
                f"{spoken} expired on {local_time(ends)} ({target.cluster.kubeconfig.shown})",
            )
        if soonest is None or ends < soonest:
            soonest = ends
    if soonest is None:
        return ok("it has none")
    if soonest - target.now() < _CERTIFICATE_SOON:
        return warning(
            "expires soon",
            f"a certificate expires on {local_time(soonest)}",
            "ask the administrator for a new kubeconfig",
        )
    return ok(f"valid until {local_time(soonest)}")


def _pem(data: object, path: object) -> str:
    if data:
        return base64.b64decode(str(data), validate=False).decode("ascii")
    return Path(str(path)).read_text(encoding="ascii") if path else ""


def kubeconfig_token(target: CheckTarget) -> Outcome:
    """Check that the bearer token, or the file that holds it, can be read and has not expired.

    Only a JSON Web Token says when it ends; any other is taken as it is. A warning in the last ten
    minutes.
    """
    user = target.cluster.context.user
    place = f"user '{user.name}' in {target.cluster.kubeconfig.shown}"
    token = str(user.values.get("token") or "")
    if user.values.get("tokenFile"):
        try:
            token = Path(str(user.values["tokenFile"])).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return failure("cannot be read", f"the tokenFile cannot be read ({place})")
    if not token:
        return ok("it has none")
    ends = tokens.expiry(token)
    if ends is None:
        return ok("it does not say when it ends")
    if ends <= target.now():
        return failure("expired", f"the token expired on {local_time(ends)} ({place})")
    if ends - target.now() < _TOKEN_SOON:
        return warning("expires soon", f"the token expires on {local_time(ends)}")
    return ok(f"valid until {local_time(ends)}")


def kubeconfig_exec(target: CheckTarget) -> Outcome:
    """Check that the program to sign in with (``exec``) is installed and gives a credential.

    It is run, as for every request. Well when the kubeconfig needs none.
    """
    user = target.cluster.context.user
    place = f"user '{user.name}' in {target.cluster.kubeconfig.shown}"
    plugin: Any = user.values.get("exec")
    if not plugin:
        return ok("it needs none")
    command = str(plugin.get("command", "")) if isinstance(plugin, dict) else ""
    if not command or shutil.which(command) is None:
        hint = " ".join(str(plugin.get("installHint") or "").split())
        return failure(
            "not installed",
            f"the program '{command}' is not found ({place})",
            hint or f"install '{command}' and put it on PATH",
        )
    try:
        credentials = target.cluster.credentials
    except UserError as error:
        return failed(error, "fails")
    if not credentials.authorization and not credentials.certificate:
        return failure(
            "gives nothing",
            f"the program '{command}' gives no credential ({place})",
            f"run it by itself to see why: {command}",
        )
    return ok(command)


def certificate_expiry(pem: str) -> datetime:
    """Return when the first certificate of ``pem`` expires, in UTC; ValueError when it is none.

    A certificate is nested ASN.1 in DER encoding (RFC 5280, section 4.1); only its ``validity`` is
    wanted here, which is no reason for one more dependency.
    """
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    if begin not in pem or end not in pem:
        raise ValueError("no certificate in PEM format")
    body = pem[pem.index(begin) : pem.index(end) + len(end)]
    try:
        return _not_after(ssl.PEM_cert_to_DER_cert(body))
    except (IndexError, UnicodeDecodeError, ValueError):
        raise ValueError("no certificate in PEM format") from None


def _not_after(der: bytes) -> datetime:
    certificate = _elements(_elements(der)[0][1])
    fields = _elements(certificate[0][1])
    if fields[0][0] == _VERSION:
        del fields[0]
    # serial number, signature, issuer, validity
    tag, text = _elements(fields[3][1])[1]
    found = datetime.strptime(text.decode("ascii"), _FORMATS.get(tag, "")).replace(
        tzinfo=timezone.utc
    )
    if tag == _UTC_TIME and found.year >= 2050:  # RFC 5280, section 4.1.2.5.1
        found = found.replace(year=found.year - 100)
    return found


def _elements(der: bytes) -> list[tuple[int, bytes]]:
    """Return tag and content of each element that stands side by side in ``der``."""
    found, position = [], 0
    while position < len(der):
        tag, length = der[position], der[position + 1]
        position += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(der[position : position + size], "big")
            position += size
        if position + length > len(der):
            raise ValueError("cut off")
        found.append((tag, der[position : position + length]))
        position += length
    return found


CHECKS = (
    Check(
        code="KUBECONFIG-FILE",
        category="kubeconfig",
        title="the kubeconfig can be read",
        function=kubeconfig_file,
        hint="set KUBECONFIG to the file that the administrator gave you",
    ),
    Check(
        code="KUBECONFIG-CONTEXT",
        category="kubeconfig",
        title="its context leads to a cluster and a user",
        function=kubeconfig_context,
        hint="choose another context: kubectl config use-context NAME",
        needs=("KUBECONFIG-FILE",),
    ),
    Check(
        code="KUBECONFIG-CERTIFICATE",
        category="kubeconfig",
        title="its certificates have not expired",
        function=kubeconfig_certificate,
        hint="ask the administrator for a new kubeconfig, and save it in the place of this one",
        needs=("KUBECONFIG-CONTEXT",),
    ),
    Check(
        code="KUBECONFIG-TOKEN",
        category="kubeconfig",
        title="its token has not expired",
        function=kubeconfig_token,
        hint=(
            "ask the administrator for a new token or kubeconfig, "
            "and save it in the place of this one"
        ),
        needs=("KUBECONFIG-CONTEXT",),
    ),
    Check(
        code="KUBECONFIG-EXEC",
        category="kubeconfig",
        title="the program that it signs in with works",
        function=kubeconfig_exec,
        hint="install the program, put it on PATH, and run it by itself to see what it says",
        needs=("KUBECONFIG-CONTEXT",),
    ),
)
