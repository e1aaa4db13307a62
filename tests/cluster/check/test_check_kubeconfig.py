"""Each check of the kubeconfig and of the API server, broken in that one way and mended."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from check_front import Front, Reply
from check_place import Place, kubeconfig_text

from hera_experiment.check.outcome import Status
from hera_experiment.verbs.check_cluster import check_cluster


def test_kubeconfig_file(place: Place) -> None:
    with place.saved_kubeconfig() as save_a_new_one:
        token_line = f"users:\n- name: alice\n  user: {{token: {place.secrets[0]}\n- oops: [}}"
        place.kubeconfig.write_text(token_line)
        outcome = place.assert_alone("KUBECONFIG-FILE")
        assert "not valid YAML at line" in outcome.cause
        assert "KUBECONFIG in the environment" in outcome.cause
        save_a_new_one()
    place.assert_well("KUBECONFIG-FILE")


def test_kubeconfig_file_that_is_absent(place: Place, tmp_path: Path) -> None:
    good = place.settings["KUBECONFIG"]
    place.settings["KUBECONFIG"] = str(tmp_path / "absent")
    outcome = place.assert_alone("KUBECONFIG-FILE")
    assert outcome.advice == "set KUBECONFIG to your kubeconfig"
    place.settings["KUBECONFIG"] = good
    place.assert_well("KUBECONFIG-FILE")


def test_kubeconfig_context(place: Place) -> None:
    place.change_kubeconfig(lambda document: document.update({"current-context": "absent"}))
    outcome = place.assert_alone("KUBECONFIG-CONTEXT")
    assert "'absent'" in outcome.cause and "'test'" in outcome.cause
    place.type(outcome)
    place.assert_well("KUBECONFIG-CONTEXT")


def certificate_of(cluster: Any, folder: Path, user: str, days: int) -> dict[str, str]:
    """Return a kubeconfig's user with a certificate of the cluster's own authority."""
    keys = f"{cluster['CLUSTER_STATE']}/pki"
    for command in (
        f"req -newkey rsa:2048 -nodes -keyout {user}.key -out {user}.csr -subj /CN={user}",
        f"x509 -req -in {user}.csr -CA {keys}/ca.crt -CAkey {keys}/ca.key -days {days} "
        f"-set_serial 77 -out {user}.crt",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    return {"client-certificate": f"{user}.crt", "client-key": f"{user}.key"}


def test_kubeconfig_certificate(place: Place, cluster: Any, tmp_path: Path) -> None:
    place.settings["ARGO_SERVICE_ACCOUNT"] = "both"
    authority = cluster.authority(tmp_path)

    def save(days: int) -> None:
        user = certificate_of(cluster, tmp_path, "bob", days)
        place.kubeconfig.write_text(kubeconfig_text(cluster.api_url, authority, user, "bob"))

    save(days=-1)
    outcome = place.assert_alone("KUBECONFIG-CERTIFICATE")
    assert "expired on" in outcome.cause and "local time" in outcome.cause
    save(days=30)
    report = place.assert_well("KUBECONFIG-CERTIFICATE")
    assert report["IDENTITY"].message == "bob"
    save(days=3)
    assert place.check()["KUBECONFIG-CERTIFICATE"].status is Status.WARNING


def test_kubeconfig_token(place: Place, token_of: Callable[..., str]) -> None:
    with place.saved_kubeconfig() as save_a_new_one:
        expired = token_of(sub="alice", exp=time.time() - 3600)
        place.change_kubeconfig(
            lambda document: document["users"][0]["user"].update({"token": expired})
        )
        place.secrets.append(expired)
        outcome = place.assert_alone("KUBECONFIG-TOKEN")
        moment = time.strftime("%Y-%m-%d at %H:", time.localtime(time.time() - 3600))
        assert moment in outcome.cause
        save_a_new_one()
    place.assert_well("KUBECONFIG-TOKEN")


def test_kubeconfig_exec(place: Place, tmp_path: Path) -> None:
    plugin = tmp_path / "sign-in-plugin"
    api = "client.authentication.k8s.io/v1"
    user = {
        "exec": {
            "apiVersion": api,
            "command": str(plugin),
            "interactiveMode": "Never",
            "installHint": "install sign-in-plugin from the administrator's page",
        }
    }
    place.change_kubeconfig(lambda document: document["users"][0].update({"user": user}))
    outcome = place.assert_alone("KUBECONFIG-EXEC")
    assert outcome.advice == "install sign-in-plugin from the administrator's page"
    plugin.write_text("#!/bin/sh\necho it cannot sign in with s3cret >&2; exit 3\n")
    plugin.chmod(0o700)
    place.secrets.append("s3cret")
    assert "gives no credential" in place.assert_alone("KUBECONFIG-EXEC").cause
    credential = {
        "kind": "ExecCredential",
        "apiVersion": api,
        "status": {"token": place.secrets[0]},
    }
    plugin.write_text(f"#!/bin/sh\necho '{json.dumps(credential)}'\n")
    place.assert_well("KUBECONFIG-EXEC")


def test_api_reachable(place: Place, free_port_of: Callable[[], int], cluster: Any) -> None:
    wrong = f"https://127.0.0.1:{free_port_of()}"
    place.change_kubeconfig(
        lambda document: document["clusters"][0]["cluster"].update(server=wrong)
    )
    outcome = place.assert_alone("API-REACHABLE")
    assert f"nothing listens at {wrong}" in outcome.cause
    place.type(outcome, **{"HOST:PORT": cluster.api_url.partition("://")[2]})
    place.assert_well("API-REACHABLE")


def test_api_reachable_with_the_wrong_authority(place: Place, tmp_path: Path) -> None:
    # The certificate of another authority, of the same name or not, is what an old file holds.
    subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout other.key -out other.crt"
        " -subj /CN=cluster-ca".split(),
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    right = []

    def change(document: dict[str, Any]) -> None:
        right.append(document["clusters"][0]["cluster"]["certificate-authority"])
        document["clusters"][0]["cluster"]["certificate-authority"] = str(tmp_path / "other.crt")

    place.change_kubeconfig(change)
    outcome = place.assert_alone("API-REACHABLE")
    assert "is not trusted" in outcome.cause
    place.type(outcome, **{"FILE-FROM-THE-ADMINISTRATOR": right[0]})
    place.assert_well("API-REACHABLE")


@pytest.mark.parametrize(
    ("server", "says"),
    [
        ("https://absent.invalid:6443", "no host is named 'absent.invalid'"),
        ("https://ARGO", "speaks plain HTTP"),
        ("http://KUBERNETES", "(does not answer as|closed the connection)"),
        ("http://ARGO", "does not answer as Kubernetes does"),
    ],
)
def test_api_reachable_at_the_wrong_address(
    place: Place, cluster: Any, server: str, says: str
) -> None:
    host = cluster.api_url.partition("://")[2]
    server = server.replace("KUBERNETES", host).replace("ARGO", cluster["ARGO_SERVER"])
    place.change_kubeconfig(
        lambda document: document["clusters"][0]["cluster"].update(server=server)
    )
    outcome = place.assert_alone("API-REACHABLE")
    assert re.search(says, outcome.cause)
    place.type(outcome, **{"HOST:PORT": host})
    place.assert_well("API-REACHABLE")


def test_nothing_answers_is_bounded_by_the_timeout(place: Place, black_hole: int) -> None:
    silent = f"https://127.0.0.1:{black_hole}"
    place.change_kubeconfig(
        lambda document: document["clusters"][0]["cluster"].update(server=silent)
    )
    begin = time.monotonic()
    report = place.check(timeout=0.7)
    assert time.monotonic() - begin < 3
    assert report.failed == {"API-REACHABLE"}
    assert "did not answer in time" in report["API-REACHABLE"].cause


def test_api_ready(place: Place, stopping_api: Any) -> None:
    place.change_kubeconfig(
        lambda document: document["clusters"][0]["cluster"].update(server=stopping_api.url)
    )
    assert not place.check().failed
    stopping_api.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    outcome = place.assert_alone("API-READY")
    assert "shutdown" in outcome.cause
    assert "make check-cluster CLUSTER=NAME WAIT=120" in outcome.advice

    def restart() -> None:
        stopping_api.stop()
        stopping_api.start()

    thread = threading.Thread(target=restart)
    thread.start()
    script = place.folder / "workflow.py"
    script.write_text(SCRIPT.replace("IMAGE", place.main["image"]))
    out = io.StringIO()
    environ = {"PATH": os.environ["PATH"], **place.settings}
    status = check_cluster(place.context(), script, wait=60, environ=environ, out=out)
    thread.join()
    assert status == 0, out.getvalue()
    assert out.getvalue().count("API-READY") == 1 and "√ ready to submit" in out.getvalue()
    place.assert_well("API-READY")


SCRIPT = """
import hera_utils
args = hera_utils.parse_arguments()
cluster = hera_utils.k8s_cluster(args)
hera_utils.argo_server(cluster, args).define_argo_server_part_of_environment()
from hera.workflows import Container, Workflow
with Workflow(generate_name="try-", entrypoint="main") as w:
    Container(name="main", image="IMAGE", command=["/probe"])
w.create()
"""


def test_api_version(place: Place, before: Callable[..., Front], cluster: Any) -> None:
    versions = {"gitVersion": "v1.27.9", "major": "1", "minor": "27"}

    def older(method: str, path: str, reply: Reply) -> Reply:
        if path == "/version" and versions:
            reply.body = json.dumps({**json.loads(reply.body), **versions}).encode()
        return reply

    authority = cluster.authority(place.folder)
    proxy = before(cluster.api_url, change=older, authority=authority)
    place.change_kubeconfig(
        lambda document: document["clusters"][0].update(
            cluster={"server": f"http://{proxy.address}"}
        )
    )
    outcome = place.assert_alone("API-VERSION")
    assert "v1.27.9" in outcome.cause and "upgrade Kubernetes to 1.28" in outcome.advice
    versions.clear()
    place.assert_well("API-VERSION")


def test_identity(place: Place) -> None:
    with place.saved_kubeconfig() as save_a_new_one:
        place.secrets.append("no-such-token")
        place.change_kubeconfig(
            lambda document: document["users"][0]["user"].update(token="no-such-token")
        )
        outcome = place.assert_alone("IDENTITY")
        assert "does not accept" in outcome.cause and "'alice'" in outcome.cause
        save_a_new_one()
    place.assert_well("IDENTITY")


def test_identity_of_nobody(place: Place) -> None:
    place.change_kubeconfig(lambda document: document["users"][0].update(user={}))
    assert place.assert_alone("IDENTITY").message == "nobody"


def test_namespace(place: Place, namespaces: list[str]) -> None:
    absent = f"{place.namespace}-absent"
    namespaces.append(absent)
    place.settings["ARGO_NAMESPACE"] = absent
    place.manifest["metadata"]["namespace"] = absent
    outcome = place.assert_alone("NAMESPACE")
    assert f"'{absent}'" in outcome.cause and "ARGO_NAMESPACE in the environment" in outcome.cause
    place.paste(outcome)
    report = place.check()
    assert report["NAMESPACE"].status is Status.OK, report.text
    assert {"RIGHTS-WORKFLOWS", "RIGHTS-PODS", "RIGHTS-LOGS", "RIGHTS-TOKEN"} <= report.having(
        Status.OK
    )


def test_namespace_that_is_not_set(place: Place) -> None:
    right = place.settings.pop("ARGO_NAMESPACE")
    assert place.assert_alone("NAMESPACE").advice == "set ARGO_NAMESPACE"
    place.settings["ARGO_NAMESPACE"] = right
    place.assert_well("NAMESPACE")


def test_namespace_as_one_who_may_read_them_all(place: Place, cluster: Any) -> None:
    place.settings["KUBECONFIG"] = cluster["ADMIN_KUBECONFIG"]
    place.settings["ARGO_NAMESPACE"] = absent = f"{place.namespace}-absent"
    outcome = place.check()["NAMESPACE"]
    assert outcome.status is Status.FAILURE
    assert outcome.advice.endswith(f"kubectl create namespace {absent}")
