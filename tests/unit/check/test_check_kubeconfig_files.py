"""Kubeconfigs as they are written, certificates, and the YAML that grants a right."""

from __future__ import annotations

import os
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml

from hera_experiment.check.checks.kubeconfig import certificate_expiry
from hera_experiment.check.cluster import Cluster
from hera_experiment.check.outcome import CannotTell
from hera_experiment.check.rights import WORKFLOWS, grant
from hera_experiment.errors import UserError
from hera_experiment.platform import kubeconfig

ONE = """
clusters: [{name: c, cluster: {server: "https://one:6443/", certificate-authority: ca.crt}}]
users: [{name: u, user: {token: s3cret}}]
contexts: [{name: x, context: {cluster: c, user: u, namespace: n}}]
current-context: x
"""
TWO = """
clusters: [{name: c, cluster: {server: "https://two"}}, {name: d, cluster: {server: "https://d"}}]
contexts: [{name: y, context: {cluster: d, user: u}}]
users: []
current-context: y
"""


def test_the_first_of_several_files_wins(tmp_path: Path) -> None:
    for name, text in (("one", ONE), ("two", TWO)):
        (tmp_path / name).write_text(text)
    value = os.pathsep.join([str(tmp_path / "one"), str(tmp_path / "two")])
    config = kubeconfig.read(value, "KUBECONFIG")
    context = config.context()
    assert context.name == "x" and context.server == "https://one:6443"
    assert context.namespace == "n"
    assert context.cluster.values["certificate-authority"] == str(tmp_path / "ca.crt")
    assert set(config.contexts) == {"x", "y"}
    value = os.pathsep.join([str(tmp_path / "two"), str(tmp_path / "one")])
    assert kubeconfig.read(value, "").context().server == "https://d"


@pytest.mark.parametrize("value", ["", "/dev/null", os.pathsep])
def test_no_kubeconfig_is_unknown(value: str) -> None:
    with pytest.raises(CannotTell):
        _ = Cluster(value, "", "", 1).kubeconfig
    with pytest.raises(kubeconfig.NoKubeconfig):
        kubeconfig.read(value, "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("users: [{name: u, user: {token: s3cret", "not valid YAML at line 1"),
        ("just words", "is not a kubeconfig"),
        ("", "is not a kubeconfig"),
        ("[1, 2]", "is not a kubeconfig"),
        ("\udcff\udcfe", "is not valid YAML"),
        (ONE.replace("current-context: x", ""), "no context is chosen"),
        (ONE.replace("current-context: x", "current-context: z"), "no context is named 'z'"),
        (ONE.replace("cluster: c,", "cluster: q,"), "names the cluster 'q', which is not there"),
        (ONE.replace("user: u,", "user: q,"), "names the user 'q', which is not there"),
        (ONE.replace("https://one:6443/", "one:6443"), "no server that begins with https://"),
    ],
)
def test_a_wrong_kubeconfig_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "config"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UserError) as caught:
        kubeconfig.read(str(path), "KUBECONFIG in the environment").context()
    assert says in str(caught.value)
    assert "s3cret" not in str(caught.value) and "\n" not in str(caught.value)
    assert caught.value.where and caught.value.next_step


@pytest.mark.parametrize("kind", ["absent", "folder", "unreadable"])
def test_a_file_that_cannot_be_read(tmp_path: Path, kind: str) -> None:
    path = {"absent": tmp_path / "x", "folder": tmp_path, "unreadable": Path("/proc/self/mem")}
    with pytest.raises(UserError) as caught:
        kubeconfig.read(str(path[kind]), "KUBECONFIG from ./hera.config, line 4")
    assert "KUBECONFIG from ./hera.config, line 4" in str(caught.value)
    assert caught.value.next_step


def make_certificate(folder: Path, *options: str) -> str:
    command = "openssl req -x509 -nodes -keyout key -out crt -subj /CN=someone".split()
    subprocess.run([*command, *options], cwd=folder, check=True, capture_output=True)
    return (folder / "crt").read_text()


@pytest.mark.parametrize(
    "options",
    [
        ("-newkey", "rsa:2048", "-days", "30"),
        ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "3650"),
        ("-newkey", "ed25519", "-days", "20000"),
        ("-newkey", "rsa:4096", "-days", "40000"),
    ],
)
def test_the_expiry_of_a_certificate(tmp_path: Path, options: tuple[str, ...]) -> None:
    """2049 is the last year that is written with two digits; RFC 5280, section 4.1.2.5."""
    pem = make_certificate(tmp_path, *options)
    wanted = datetime.now(timezone.utc) + timedelta(days=int(options[-1]))
    assert abs(certificate_expiry("words before\n" + pem) - wanted) < timedelta(minutes=5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMA0=\n-----END CERTIFICATE-----\n",
    ],
)
def test_no_certificate(text: str) -> None:
    with pytest.raises(ValueError, match="no certificate"):
        certificate_expiry(text)


def test_the_yaml_that_grants_a_right() -> None:
    role, binding = yaml.safe_load_all(
        grant("work", "lab", "system:serviceaccount:home:alice", WORKFLOWS)
    )
    assert role["metadata"] == binding["metadata"] == {"name": "work-alice", "namespace": "lab"}
    assert role["rules"][0]["verbs"] == list(WORKFLOWS.verbs)
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "alice", "namespace": "home"}]
    _, binding = yaml.safe_load_all(grant("work", "lab", 'Ann "A" <a@x.org>', WORKFLOWS))
    assert binding["subjects"][0]["kind"] == "User"
    assert binding["subjects"][0]["name"] == 'Ann "A" <a@x.org>'
    assert binding["metadata"]["name"] == "work-ann-a-a-x-org"
