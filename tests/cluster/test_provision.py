"""Provisioning: the difference first, the consent, nothing twice, and the rest for others to do."""

import base64
import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
import yaml
from real_cluster import TEMPLATE, Done, Project, RealCluster

PASSWORD = "the-password-of-the-registry"

ENVIRONMENT = """
import hera_utils


class numerical_experiment_environment(hera_utils.EnvironmentOfExecution):
    def __init__(self, cluster, args):
        super().__init__(
            cluster,
            args,
            claim_name="results",
            mount_path="/results",
            configmap_name="settings",
            configmap_defaults={"GREETING": "hello", "LEVEL": "3"},
            registry="registry.example.org/me",
            claim_size="2Gi",
            claim_storage_class="by-hand",
            pull_secret_name="registry",
        )
"""

EDITOR = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: editor, namespace: {namespace}}}
rules:
- {{apiGroups: [""], resources: [configmaps], verbs: [get, create, patch]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: editor, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: editor}}
subjects: [{{kind: ServiceAccount, name: researcher, namespace: {home}}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: researcher, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: researcher}}
subjects: [{{kind: ServiceAccount, name: researcher, namespace: {home}}}]
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: pods, namespace: {namespace}}}
"""

Provision = Callable[..., Done]


@pytest.fixture
def fresh(cluster: RealCluster, new_namespace: Callable[[], str]) -> str:
    """A namespace in which ``researcher`` may make ConfigMaps, and account ``pods`` nothing."""
    name = new_namespace()
    cluster.apply(EDITOR.format(namespace=name, home=cluster["ARGO_NAMESPACE"]))
    return name


@pytest.fixture
def provision(project: Project, cluster: RealCluster, fresh: str) -> Provision:
    """Type ``provision``, as administrator or else as researcher, in the fresh namespace."""
    (project.folder / "environment.py").write_text(ENVIRONMENT)
    auth = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    config = json.dumps({"auths": {"registry.example.org": {"auth": auth}}})
    project.write("docker/config.json", config)
    project.secrets += [PASSWORD, auth]
    project.environ |= {
        "DOCKER_CONFIG": str(project.folder / "docker"),
        "ARGO_NAMESPACE": fresh,
        "ARGO_SERVICE_ACCOUNT": "pods",
    }

    def run(*options: str, administrator: bool = True, **environ: str) -> Done:
        user = "ADMIN_KUBECONFIG" if administrator else "KUBECONFIG"
        return project.run(
            "hera_utils", "provision", *options, **{"KUBECONFIG": cluster[user], **environ}
        )

    return run


def exists(cluster: RealCluster, namespace: str, thing: str) -> bool:
    return bool(cluster.kubectl("get", "-n", namespace, thing, "--ignore-not-found", "-o", "name"))


def block(done: Done) -> list[dict[str, object]]:
    """Return the YAML for the administrator."""
    _, _, text = done.out.partition("pastes it\n")
    return list(yaml.safe_load_all(text)) if text else []


def may_report(cluster: RealCluster, namespace: str) -> bool:
    account = f"system:serviceaccount:{namespace}:pods"
    answer = cluster.kubectl(
        "auth", "can-i", "create", "workflowtaskresults.argoproj.io", "-n", namespace,
        "--as", account, check=False,
    )  # fmt: skip
    return answer == "yes"


def test_administrator_sees_the_difference_applies_it_and_has_nothing_left_to_do(
    provision: Provision, cluster: RealCluster, fresh: str
) -> None:
    shown = provision()
    assert shown.status == 1
    assert "nothing was applied: YES=1" in shown.out
    for line in ("+  GREETING: hello", "+      storage: 2Gi", "+  storageClassName: by-hand",
                 "+  .dockerconfigjson: '********'", "+  - workflowtaskresults"):  # fmt: skip
        assert line in shown.out, line
    assert not exists(cluster, fresh, "configmap/settings")

    done = provision("--yes=1")
    assert done.status == 0, done.all
    assert block(done) == []
    for thing in ("pvc/results", "configmap/settings", "secret/registry"):
        assert exists(cluster, fresh, thing), thing
    assert may_report(cluster, fresh)
    kept = cluster.kubectl(
        "get", "-n", fresh, "secret", "registry", "-o", r"jsonpath={.data.\.dockerconfigjson}"
    )
    entry = json.loads(base64.b64decode(kept))["auths"]["registry.example.org"]
    assert (entry["username"], entry["password"]) == ("me", PASSWORD)
    managers = cluster.kubectl(
        "get", "-n", fresh, "configmap", "settings", "--show-managed-fields", "-o",
        "jsonpath={.metadata.managedFields[*].manager}/{.metadata.managedFields[*].operation}",
    )  # fmt: skip
    assert managers == "hera-experiment/Apply"

    version = "jsonpath={.items[*].metadata.resourceVersion}"
    before = cluster.kubectl("get", "-n", fresh, "pvc,cm,secret,role,rolebinding", "-o", version)
    again = provision("--yes=1")
    assert again.status == 0
    assert again.out.rstrip().endswith("nothing to do")
    after = cluster.kubectl("get", "-n", fresh, "pvc,cm,secret,role,rolebinding", "-o", version)
    assert before == after


def test_a_changed_entry_is_shown_as_a_change_and_a_changed_password_masked(
    provision: Provision, project: Project, cluster: RealCluster, fresh: str
) -> None:
    assert provision("--yes").status == 0
    (project.folder / "environment.py").write_text(ENVIRONMENT.replace("hello", "good day"))
    other = base64.b64encode(b"me:another-word").decode()
    project.secrets += ["another-word", other]
    config = json.dumps({"auths": {"registry.example.org": {"auth": other}}})
    project.write("docker/config.json", config)
    shown = provision()
    assert "-  GREETING: hello" in shown.out and "+  GREETING: good day" in shown.out
    assert "-  .dockerconfigjson: '******** (before)'" in shown.out
    assert "+  .dockerconfigjson: '******** (after)'" in shown.out
    assert provision("--yes").status == 0
    greeting = ("get", "-n", fresh, "cm", "settings", "-o", "jsonpath={.data.GREETING}")
    assert cluster.kubectl(*greeting) == "good day"


def test_what_another_author_set_is_taken_over_only_by_force(
    provision: Provision, cluster: RealCluster, fresh: str
) -> None:
    cluster.kubectl("create", "configmap", "settings", "-n", fresh, "--from-literal=GREETING=mine",
                    "--from-literal=OTHER=kept")  # fmt: skip
    done = provision("--yes=1")
    assert done.status == 1
    assert "conflict" in done.out and "FORCE=1" in done.out
    value = ("get", "-n", fresh, "cm", "settings", "-o", "jsonpath={.data.GREETING}{.data.OTHER}")
    assert cluster.kubectl(*value) == "minekept"
    assert provision("--yes=1", "--force=1").status == 0
    assert cluster.kubectl(*value) == "hellokept"


def test_researcher_makes_what_they_may_and_gets_the_rest_as_one_yaml(
    provision: Provision, cluster: RealCluster, fresh: str, project: Project
) -> None:
    done = provision("--yes=1", administrator=False)
    assert done.status == 1
    assert exists(cluster, fresh, "configmap/settings")
    assert not exists(cluster, fresh, "pvc/results")
    documents = block(done)
    kinds = [document["kind"] for document in documents]
    assert kinds == ["PersistentVolumeClaim", "Secret", "Role", "RoleBinding"]
    assert all(document["metadata"]["namespace"] == fresh for document in documents)  # type: ignore[index]

    # The administrator does as told; for them to fill in are only the user and the password.
    _, _, text = done.out.partition("pastes it\n")
    cluster.apply(text)
    assert may_report(cluster, fresh)
    again = provision(administrator=False)
    assert again.status == 0, again.all
    assert "PersistentVolumeClaim 'results' (inputs and results): is there" in again.out
    assert [document["kind"] for document in block(again)] == ["Secret"]
    assert "neither read nor create" in again.out


def test_a_claim_that_is_there_is_left_alone(
    provision: Provision, cluster: RealCluster, fresh: str
) -> None:
    cluster.apply(f"""
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: results, namespace: {fresh}}}
spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}, storageClassName: absent}}
""")  # noqa: E501
    done = provision("--yes=1")
    assert done.status == 0, done.all
    assert "accessModes is ['ReadWriteOnce'], not ['ReadWriteMany']" in done.out
    assert "cannot be changed" in done.out


def test_the_experiments_own_environment(
    provision: Provision, project: Project, cluster: RealCluster, fresh: str
) -> None:
    """The file that is generated declares a claim, and a ConfigMap where one is named."""
    (project.folder / "environment.py").write_text((TEMPLATE / "environment.py").read_text())
    options = ("--k8s-volume-claim-name=outcome", "--k8s-configmap-name=proxies")
    assert provision(*options, "--yes=1").status == 0
    assert exists(cluster, fresh, "pvc/outcome")
    assert exists(cluster, fresh, "configmap/proxies")


def test_asks_at_a_terminal(
    provision: Provision, project: Project, cluster: RealCluster, fresh: str
) -> None:
    for answer, status in (("no", 1), ("yes", 0)):
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "hera_utils", "provision"],
            cwd=project.folder,
            env={**project.environ, "KUBECONFIG": cluster["ADMIN_KUBECONFIG"]},
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        seen, end = "", time.monotonic() + 60
        while "[y/N]" not in seen:
            assert time.monotonic() < end, seen
            if select.select([master], [], [], 0.2)[0]:
                seen += os.read(master, 65536).decode()
        os.write(master, f"{answer}\n".encode())
        while process.poll() is None:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    seen += os.read(master, 65536).decode()
                except OSError:
                    break
        assert process.wait(30) == status, seen
        os.close(master)
        project.assert_no_secret(seen)
        assert exists(cluster, fresh, "configmap/settings") == (answer == "yes")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--yes=perhaps"], "neither yes nor no"),
        (["--k8s_config_file=/dev/null", "--argo_server=x:1"], "without a kubeconfig"),
        (["--argo_namespace=no-such-namespace"], "no namespace 'no-such-namespace'"),
    ],
)
def test_bad_input_is_one_sentence(options: list[str], sentence: str, provision: Provision) -> None:
    done = provision(*options)
    assert done.status == 1
    assert sentence in done.err
    assert len(done.err.splitlines()) == 1


def test_nobody_is_signed_in_to_the_registry(provision: Provision, project: Project) -> None:
    done = provision(DOCKER_CONFIG=str(project.folder))
    assert done.status == 1
    assert "docker login registry.example.org" in done.err


def test_without_an_experiment(provision: Provision, project: Project) -> None:
    (project.folder / "environment.py").unlink()
    done = provision()
    assert done.status == 1
    assert "there is no ./environment.py" in done.err


def test_on_the_laptop_what_is_declared_is_made(provision: Provision, project: Project) -> None:
    done = provision("--cluster=local")
    assert (done.status, done.out) == (0, "ConfigMap 'settings': is there\n"), done.all
    kept = project.folder / ".hera" / "configmaps" / "settings" / "GREETING"
    assert kept.read_text() == "hello"
    (project.folder / "environment.py").write_text((TEMPLATE / "environment.py").read_text())
    assert provision("--cluster=local").out.startswith("nothing to do")
