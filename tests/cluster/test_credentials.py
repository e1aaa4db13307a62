"""The ways in, end to end: files and variables as the documents have them, real answers."""

import re
import shlex
from collections.abc import Callable

import pytest
from argo_front import Front
from real_cluster import TEMPLATE, Done, Project, RealCluster

Submit = Callable[..., Done]


@pytest.fixture
def pagoda(cluster: RealCluster, namespace: str) -> dict[str, str]:
    """What PaGoDA's administrator hands out (and that this cluster's server has no TLS)."""
    return {
        "KUBECONFIG": cluster["KUBECONFIG"],
        "ARGO_SERVER": cluster["ARGO_SERVER"],
        "ARGO_SECURE": "false",
        "ARGO_NAMESPACE": namespace,
        "ARGO_SERVICE_ACCOUNT": "argo-user",
    }


@pytest.fixture
def nebari_env(front: Front, project: Project, cluster: RealCluster, namespace: str) -> str:
    """The text of Nebari's document, with this server in the places to fill in."""
    token = cluster.token("argo-user", namespace)
    project.secrets.append(token)
    return f"""# Copied from Argo UI
ARGO_SERVER='localhost:{front.port}'
ARGO_HTTP1=true
ARGO_SECURE=true
ARGO_BASE_HREF=/argo
ARGO_TOKEN='Bearer {token}'
ARGO_NAMESPACE={namespace} ;# or whatever your namespace is
KUBECONFIG=/dev/null ;# recommended

# Specify Hera arguments for the global config
GLOBAL_CONFIG_HOST='localhost:{front.port}/argo'
GLOBAL_CONFIG_NAMESPACE='{namespace}'  # might be different from Argo namespace, e.g., 'dev'
"""


def filled_in(template: str, settings: dict[str, str]) -> str:
    """Return a template of the generated project with ``settings`` in its lines."""
    text = (TEMPLATE / template).read_text()
    for name, value in settings.items():
        text, number = re.subn(f"(?m)^#? ?{name}=.*$", f"{name}={value}", text)
        assert number == 1, f"{name} is not in {template}"
    return text


def assert_created(done: Done, namespace: str) -> None:
    assert done.status == 0, done.err
    assert f"created {namespace} try-" in done.out


class TestKubeconfigAndServiceAccount:
    def test_variables_alone(self, submit: Submit, pagoda: dict[str, str], namespace: str) -> None:
        done = submit(**pagoda)
        assert_created(done, namespace)
        assert "account argo-user" in done.out
        assert "by the service account 'argo-user'" in done.out

    def test_the_template_for_the_shell_has_no_blanks_in_values(self) -> None:
        for line in (TEMPLATE / "hera.bash.tmpl").read_text().splitlines():
            name, assigned, value = line.removeprefix("#").partition("=")
            if assigned and name.isidentifier():
                assert not re.search(r"[\s;#'\"]", value), line

    @pytest.mark.parametrize(
        "load",
        ["export $(grep -v '^#' hera.bash | xargs)", "set -a; source hera.bash; set +a"],
        ids=["xargs", "source"],
    )
    def test_hera_bash_loaded_both_ways(
        self,
        load: str,
        submit: Submit,
        project: Project,
        pagoda: dict[str, str],
        namespace: str,
    ) -> None:
        project.write("hera.bash", filled_in("hera.bash.tmpl", pagoda))
        script = f'{load}; exec "$@"'
        assert_created(submit(prefix=("bash", "-c", script, "bash")), namespace)

    def test_a_token_without_bearer_in_hera_bash(
        self,
        submit: Submit,
        project: Project,
        cluster: RealCluster,
        pagoda: dict[str, str],
        namespace: str,
    ) -> None:
        token = cluster.token("argo-user", namespace)
        project.secrets.append(token)
        settings = {**pagoda, "ARGO_TOKEN": token}
        project.write("hera.bash", filled_in("hera.bash.tmpl", settings))
        script = "export $(grep -v '^#' hera.bash | xargs); exec \"$@\""
        done = submit(prefix=("bash", "-c", script, "bash"))
        assert_created(done, namespace)
        assert "by the token ARGO_TOKEN in the environment" in done.out

    def test_hera_config(
        self, submit: Submit, project: Project, pagoda: dict[str, str], namespace: str
    ) -> None:
        (project.folder / "my kubeconfig.yaml").symlink_to(pagoda["KUBECONFIG"])
        pagoda["KUBECONFIG"] = "./my kubeconfig.yaml"
        lines = [f"{name} = {shlex.quote(value)}  # as told" for name, value in pagoda.items()]
        project.write("hera.config", "\n".join(lines) + "\n")
        assert_created(submit(), namespace)

    def test_options(self, submit: Submit, pagoda: dict[str, str], namespace: str) -> None:
        done = submit(
            f"--k8s_config_file={pagoda['KUBECONFIG']}",
            f"--argo-server=http://{pagoda['ARGO_SERVER']}",
            f"--argo_namespace={namespace}",
            "--argo_service_account=argo-user",
        )
        assert_created(done, namespace)

    def test_an_account_that_may_not_falls_back_on_the_kubeconfigs_user(
        self, submit: Submit, pagoda: dict[str, str], namespace: str
    ) -> None:
        done = submit(**{**pagoda, "ARGO_SERVICE_ACCOUNT": "nobody"})
        assert_created(done, namespace)
        assert "by the user of the kubeconfig" in done.out

    def test_a_403_names_the_account(
        self,
        submit: Submit,
        cluster: RealCluster,
        new_namespace: Callable[[], str],
        pagoda: dict[str, str],
    ) -> None:
        forbidden = new_namespace()
        home = cluster["ARGO_NAMESPACE"]
        cluster.apply(_TOKENS_ONLY.format(namespace=forbidden, home=home))
        changed = {**pagoda, "ARGO_NAMESPACE": forbidden, "ARGO_SERVICE_ACCOUNT": "nobody"}
        done = submit(**changed)
        assert done.status == 1
        assert f"system:serviceaccount:{forbidden}:nobody" in done.err
        assert f"system:serviceaccount:{cluster['ARGO_NAMESPACE']}:researcher" in done.err


_TOKENS_ONLY = """
apiVersion: v1
kind: ServiceAccount
metadata: {{name: nobody, namespace: {namespace}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: tokens, namespace: {namespace}}}
rules:
- {{apiGroups: [""], resources: [serviceaccounts/token], verbs: [create]}}
- {{apiGroups: [""], resources: [namespaces], verbs: [get]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: tokens, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: tokens}}
subjects: [{{kind: ServiceAccount, name: researcher, namespace: {home}}}]
"""


class TestArgoUserInterface:
    def test_the_documents_env_as_it_is(
        self, submit: Submit, project: Project, front: Front, nebari_env: str, namespace: str
    ) -> None:
        project.write(".env", nebari_env)
        assert_created(submit(REQUESTS_CA_BUNDLE=str(front.authority)), namespace)

    def test_what_only_kubernetes_knows_is_said_to_be_unknown(
        self, project: Project, front: Front, nebari_env: str
    ) -> None:
        project.write(".env", nebari_env)
        script = (
            "import hera_utils; args = hera_utils.parse_arguments();"
            "cluster = hera_utils.k8s_cluster(args);"
            "print(cluster.assert_cluster(), cluster.assert_volume_claim('results'))"
        )
        done = project.run("python", "-c", script)
        assert (done.status, done.out) == (0, "False False\n")
        assert "unknown whether the volume claim 'results' exists" in done.err

    def test_global_config_wins_over_the_argo_pair(
        self, submit: Submit, project: Project, front: Front, nebari_env: str, namespace: str
    ) -> None:
        text = re.sub("(?m)^ARGO_NAMESPACE=.*$", "ARGO_NAMESPACE=elsewhere", nebari_env)
        text = re.sub("(?m)^ARGO_SERVER=.*$", "ARGO_SERVER=nowhere.invalid:443", text)
        project.write(".env", text)
        assert_created(submit(REQUESTS_CA_BUNDLE=str(front.authority)), namespace)

    def test_a_token_without_bearer_and_no_global_config(
        self, submit: Submit, project: Project, front: Front, nebari_env: str, namespace: str
    ) -> None:
        text = nebari_env.replace("Bearer ", "").partition("# Specify")[0]
        project.write(".env", text)
        assert_created(submit(REQUESTS_CA_BUNDLE=str(front.authority)), namespace)

    def test_a_wrong_path_is_a_login_page(
        self, submit: Submit, project: Project, front: Front, nebari_env: str
    ) -> None:
        text = nebari_env.replace("/argo\n", "/workflow\n").partition("# Specify")[0]
        project.write(".env", text)
        done = submit(REQUESTS_CA_BUNDLE=str(front.authority))
        assert done.status == 1
        assert "signed out or wrong path" in done.err
        assert "'/workflow'" in done.err


class TestTokenProtectedServer:
    @pytest.fixture
    def settings(
        self, front: Front, project: Project, cluster: RealCluster, namespace: str
    ) -> dict[str, str]:
        token = cluster.token("argo-user", namespace)
        project.secrets.append(token)
        return {
            "ARGO_SERVER": f"localhost:{front.port}",
            "ARGO_BASE_HREF": "/argo",
            "ARGO_TOKEN": token,
            "ARGO_NAMESPACE": namespace,
        }

    def test_an_own_authority_is_accepted(
        self, submit: Submit, front: Front, settings: dict[str, str], namespace: str
    ) -> None:
        done = submit(f"--ca_bundle={front.authority}", **settings)
        assert_created(done, namespace)
        assert "not verified" not in done.err

    def test_without_it_the_certificate_is_not_trusted(
        self, submit: Submit, settings: dict[str, str]
    ) -> None:
        done = submit(**settings)
        assert done.status == 1
        assert "certificate" in done.err and "not trusted" in done.err

    def test_verification_off_only_when_said_and_warned_about(
        self, submit: Submit, project: Project, settings: dict[str, str], namespace: str
    ) -> None:
        off = {**settings, "ARGO_INSECURE_SKIP_VERIFY": "true"}
        done = submit(**off)
        assert_created(done, namespace)
        assert "is not verified" in done.err
        assert "ARGO_INSECURE_SKIP_VERIFY" in done.err
        done = submit(**{**off, "ARGO_INSECURE_SKIP_VERIFY": "false"})
        assert done.status == 1
