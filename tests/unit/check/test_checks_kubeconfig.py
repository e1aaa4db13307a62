"""Checks of the kubeconfig, each broken and mended."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

from recorded_cluster import SECRET, RecordedCluster

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBfDCCASGgAwIBAgIUfybUecMm6cRsfInVBAgTUHeXSo4wCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIcmVjb3JkZWQwHhcNMjYxMTI2MDgwMjU1WhcNMjcxMTI2MDgw
MjU1WjATMREwDwYDVQQDDAhyZWNvcmRlZDBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABL2Cyst4u5E6d9WU/h3pXBCksdqkc4ZLZ3HtCEuYFADoejLaBqUZD94SyOuV
P1asbDga0lVfq64scqAGKaG2k9ujUzBRMB0GA1UdDgQWBBS/5IF5w5+apny4G8ly
flSfv01XXzAfBgNVHSMEGDAWgBS/5IF5w5+apny4G8lyflSfv01XXzAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQCTXLDlAIvQeL+xvviXGd2HlKFl
iqHZSAYW+0Z7yguEAQIhAI9Ul6lQjUEuKJuBqa2NEZiUoqsCYvbVtA5jGXxfriLL
-----END CERTIFICATE-----
"""
ENDS = datetime(2027, 11, 26, 8, 2, 55, tzinfo=timezone.utc)


def token(ends: datetime) -> str:
    """Return a JSON Web Token that nobody signed."""
    parts = ({"alg": "none"}, {"exp": int(ends.timestamp()), "sub": SECRET})
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join([*(text.rstrip("=") for text in texts), "c2lnbmVk"])


def test_kubeconfig_file(recorded: RecordedCluster, tmp_path: Path) -> None:
    assert recorded.ok("KUBECONFIG-FILE").endswith("kubeconfig")
    recorded.settings["KUBECONFIG"] = str(tmp_path / "absent")
    failed = recorded.failure("KUBECONFIG-FILE")
    assert f"{tmp_path / 'absent'} (KUBECONFIG in the environment)" in failed.cause
    (tmp_path / "absent").write_text(f"users: [{SECRET}\n")
    assert "not valid YAML at line" in recorded.failure("KUBECONFIG-FILE").cause
    recorded.settings["KUBECONFIG"] = "/dev/null"
    assert "no kubeconfig is set" in recorded.unknown("KUBECONFIG-FILE")


def test_kubeconfig_context(recorded: RecordedCluster) -> None:
    assert recorded.ok("KUBECONFIG-CONTEXT").startswith("lab, http://127.0.0.1:")
    recorded.kubeconfig["current-context"] = "home"
    failed = recorded.failure("KUBECONFIG-CONTEXT")
    assert "'home'" in failed.cause and "use-context lab" in failed.advice
    recorded.kubeconfig["current-context"] = "lab"
    recorded.kubeconfig["users"] = []
    assert "'me', which is not there" in recorded.failure("KUBECONFIG-CONTEXT").cause


def test_kubeconfig_certificate(recorded: RecordedCluster, tmp_path: Path) -> None:
    assert recorded.ok("KUBECONFIG-CERTIFICATE") == "it has none"
    data = base64.b64encode(CERTIFICATE.encode()).decode()
    recorded.user["client-certificate-data"] = data
    assert recorded.ok("KUBECONFIG-CERTIFICATE").startswith("valid until 2027-11-")
    recorded.now = ENDS - timedelta(days=3)
    assert "new kubeconfig" in recorded.warning("KUBECONFIG-CERTIFICATE").advice
    recorded.now = ENDS
    failed = recorded.failure("KUBECONFIG-CERTIFICATE")
    assert "the client certificate expired on 2027-11-" in failed.cause
    assert failed.advice.startswith("ask the administrator for a new kubeconfig")
    recorded.user["client-certificate-data"] = base64.b64encode(b"none").decode()
    assert "cannot be read" in recorded.failure("KUBECONFIG-CERTIFICATE").cause


def test_kubeconfig_token(recorded: RecordedCluster, tmp_path: Path) -> None:
    assert recorded.ok("KUBECONFIG-TOKEN") == "it does not say when it ends"
    recorded.user["token"] = token(recorded.now + timedelta(hours=1))
    assert recorded.ok("KUBECONFIG-TOKEN").startswith("valid until 2026-11-")
    recorded.user["token"] = token(recorded.now + timedelta(minutes=5))
    assert recorded.warning("KUBECONFIG-TOKEN").message == "expires soon"
    recorded.user["token"] = token(recorded.now)
    failed = recorded.failure("KUBECONFIG-TOKEN")
    assert "expired on 2026-11-" in failed.cause and "a new token" in failed.advice
    del recorded.user["token"]
    recorded.user["tokenFile"] = "absent"
    assert recorded.failure("KUBECONFIG-TOKEN").message == "cannot be read"


def test_kubeconfig_exec(recorded: RecordedCluster, tmp_path: Path) -> None:
    assert recorded.ok("KUBECONFIG-EXEC") == "it needs none"
    program = tmp_path / "sign-in"
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": str(program),
        "interactiveMode": "Never",
        "installHint": "install it from\nthe portal",
    }
    del recorded.user["token"]
    recorded.user["exec"] = plugin
    assert recorded.failure("KUBECONFIG-EXEC").advice == "install it from the portal"
    credential = {
        "kind": "ExecCredential",
        "apiVersion": "client.authentication.k8s.io/v1",
        "status": {"token": SECRET},
    }
    program.write_text(f"#!/bin/sh\necho '{json.dumps(credential)}'\n")
    program.chmod(0o755)
    assert recorded.ok("KUBECONFIG-EXEC") == str(program)
    program.write_text(f"#!/bin/sh\necho {SECRET} >&2; exit 1\n")
    assert "gives no credential" in recorded.failure("KUBECONFIG-EXEC").cause
