"""The server with the first token that it accepts."""

import base64
import json
import shutil

import pytest
import yaml
from fake_server import Answer, FakeServer

from hera_experiment.errors import UserError
from hera_experiment.platform.credentials import ServiceAccountToken
from hera_utils.cli_context import CLIContext
from hera_utils.cluster import KubernetesCluster
from hera_utils.server import ArgoServer

TOKEN_REQUEST = "/api/v1/namespaces/n/serviceaccounts/robot/token"
LIST = "/api/v1/workflows/n?fields=items.metadata&listOptions.limit=1"


def jwt(**claims):
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2ln"


@pytest.fixture
def world(fake, parse, tmp_path):
    """Argo's server and Kubernetes on one port; ``accepts`` has the tokens Argo takes."""

    class World:
        def __init__(self):
            self.accepts = {"robots"}
            self.robots = "robots"
            self.user = {"token": "person"}

        def server(self, kubeconfig=True, **options):
            if kubeconfig:
                path = tmp_path / "kubeconfig.yaml"
                document = {
                    "clusters": [{"name": "c", "cluster": {"server": fake.url.rstrip("/")}}],
                    "users": [{"name": "u", "user": self.user}],
                    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                    "current-context": "x",
                }
                path.write_text(yaml.safe_dump(document))
                options["k8s_config_file"] = str(path)
            address = {"argo_server": f"127.0.0.1:{fake.port}", "argo_secure": "false"}
            args = parse(**{**address, "argo_namespace": "n", **options})
            return ArgoServer(KubernetesCluster(args, asserting=False), args)

        def answer(self, asked):
            if asked.path == TOKEN_REQUEST:
                if self.robots is None:
                    return Answer({"message": "serviceaccounts/token is forbidden"}, 403)
                return Answer({"spec": {"audiences": []}, "status": {"token": self.robots}}, 201)
            given = asked.headers.get("Authorization", "").removeprefix("Bearer ")
            if given not in self.accepts:
                return Answer({"code": 16, "message": "token not valid"}, 401)
            return Answer({"metadata": {}, "items": None})

    made = World()
    fake.answer = made.answer
    return made


def test_a_given_token_is_the_only_one_tried(world, fake):
    world.accepts = {"mine"}
    server = world.server(argo_token="Bearer Bearer mine", argo_service_account="robot")
    assert server.assert_accessible() is True
    assert [asked.path for asked in fake.asked] == [LIST]
    assert server.authorization() == "Bearer mine"
    world.accepts = {"robots"}
    with pytest.raises(UserError) as raised:
        server.assert_accessible()
    assert raised.value.where == "--argo_token on the command line"
    assert "mine" not in str(raised.value)


def test_then_the_service_account(world, fake):
    server = world.server(argo_service_account="robot")
    assert server.assert_accessible() is True
    assert server.account == "the service account 'robot'"
    assert [asked.path for asked in fake.asked] == [TOKEN_REQUEST, LIST]
    assert fake.asked[0].body["spec"]["expirationSeconds"] == 3600


def test_then_the_kubeconfigs_own_user(world):
    world.accepts = {"person"}
    for world.robots in ("robots", None):
        server = world.server(argo_service_account="robot")
        assert server.assert_accessible() is True
        assert server.account == "the user of the kubeconfig"


def test_then_none_at_all(world):
    world.accepts = {""}
    server = world.server(kubeconfig=False)
    assert server.assert_accessible() is True
    assert server.authorization() == ""


def test_when_nobody_may_each_account_is_named(world):
    world.accepts = {"nobody"}
    server = world.server(argo_service_account="robot")
    with pytest.raises(UserError) as raised:
        server.assert_accessible()
    assert "service account 'robot'" in raised.value.what
    assert "user of the kubeconfig" in raised.value.what
    assert raised.value.where == "--argo_server on the command line"


def test_a_certificate_user_has_no_bearer(world):
    world.user = {}
    world.accepts = {""}
    server = world.server()
    assert server.assert_accessible() is True
    assert server.account == "no token"


def test_a_requested_token_is_renewed_in_time(world, fake, parse):
    now = [0.0]
    server = world.server(argo_service_account="robot")
    account = ServiceAccountToken(
        KubernetesCluster(server.args, asserting=False), "robot", lambda: now[0]
    )
    world.robots = jwt(iat=0, exp=1000, n=1)
    first = account.authorization()
    now[0] = 700.0
    assert account.authorization() == first
    world.robots = jwt(iat=0, exp=1000, n=2)
    now[0] = 801.0
    assert account.authorization() == f"Bearer {world.robots}" != first
    assert len(fake.asked) == 2


def test_what_is_missing_is_one_sentence(parse):
    args = parse(argo_namespace="n")
    with pytest.raises(UserError, match="no execution platform is chosen"):
        ArgoServer(KubernetesCluster(args, asserting=False), args)
    args = parse(argo_server="h:443")
    with pytest.raises(UserError, match="no namespace is named"):
        ArgoServer(KubernetesCluster(args, asserting=False), args)
    args = parse(argo_server="h:443", argo_namespace="n", ca_bundle="/absent")
    with pytest.raises(UserError, match="no file '/absent'"):
        ArgoServer(KubernetesCluster(args, asserting=False), args)


def test_verification_off_is_warned_about(world, capsys):
    server = world.server(kubeconfig=False, argo_insecure_skip_verify="true")
    assert server.verify is False
    err = capsys.readouterr().err
    assert "not verified" in err and "--argo_insecure_skip_verify" in err


def test_print_config_shows_no_secret(world, capsys):
    hush = jwt(exp=1_700_000_000)
    world.server(argo_token=hush).print_config()
    out = capsys.readouterr().out
    assert "2023-11-1" in out and hush not in out


@pytest.fixture
def guarded(certificate, tmp_path):
    """A server that lets nobody in without a certificate, and a profile that leads to it."""
    server = FakeServer(certificate, clients=certificate[0])
    server.answer = lambda asked: Answer({"items": None})
    (tmp_path / "clusters").mkdir()
    shutil.copy(certificate[0], tmp_path / "clusters" / "me.pem")
    shutil.copy(certificate[1], tmp_path / "clusters" / "me.key")
    (tmp_path / "clusters" / "me.key").chmod(0o600)

    def opened(*lines):
        text = (
            f"ARGO_SERVER=127.0.0.1:{server.port}\nARGO_NAMESPACE=n\n"
            f"REQUESTS_CA_BUNDLE={certificate[0]}\nKUBECONFIG=/dev/null\n"
        )
        (tmp_path / "clusters" / "far.config").write_text(text + "\n".join(lines))
        args = CLIContext.read(None, ["--cluster=far"], environ={}, folder=tmp_path, home=tmp_path)
        return ArgoServer(KubernetesCluster(args, asserting=False), args)

    opened.folder = tmp_path / "clusters"
    yield opened
    server.close()


def test_a_certificate_of_a_profile_is_shown_to_the_server(guarded):
    mine = ("ARGO_CLIENT_CERTIFICATE=me.pem", "ARGO_CLIENT_KEY=me.key")
    assert guarded(*mine).assert_accessible() is True
    both = (guarded.folder / "me.key").read_text() + (guarded.folder / "me.pem").read_text()
    (guarded.folder / "both.pem").write_text(both)
    (guarded.folder / "both.pem").chmod(0o600)
    assert guarded("ARGO_CLIENT_CERTIFICATE=both.pem").assert_accessible() is True
    with pytest.raises(UserError, match="ARGO_CLIENT_CERTIFICATE"):
        guarded().assert_accessible()


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        (["ARGO_CLIENT_KEY=me.key"], r"without its certificate .*ARGO_CLIENT_KEY from .*line 5"),
        (["ARGO_CLIENT_CERTIFICATE=no.pem", "ARGO_CLIENT_KEY=me.key"], r"no file '.*no\.pem'"),
        (["ARGO_CLIENT_CERTIFICATE=me.pem", "ARGO_CLIENT_KEY=no.key"], r"no file '.*no\.key'"),
        (["ARGO_CLIENT_CERTIFICATE=far.config", "ARGO_CLIENT_KEY=me.key"], "cannot be used"),
        (["ARGO_CLIENT_CERTIFICATE=me.pem", "ARGO_CLIENT_KEY=open.key"], r"chmod 600 .*open\.key"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_one_sentence(guarded, lines, wrong):
    shutil.copy(guarded.folder / "me.key", guarded.folder / "open.key")
    (guarded.folder / "open.key").chmod(0o644)
    with pytest.raises(UserError, match=wrong):
        guarded(*lines)
