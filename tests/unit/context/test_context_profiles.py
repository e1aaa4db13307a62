"""A profile answers for its cluster as a whole: no token of one server goes to another."""

import pytest

from hera_experiment.context.verb_arguments import VerbArguments
from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.verbs import config
from hera_utils.cli_context import CLIContext, parse_arguments
from hera_utils.cluster import k8s_cluster
from hera_utils.server import ArgoServer

WEAKER = """\
ARGO_TOKEN=hush
ARGO_SERVER=other:443
ARGO_NAMESPACE=other
ARGO_SERVICE_ACCOUNT=other
ARGO_BASE_HREF=/other
ARGO_SECURE=false
ARGO_INSECURE_SKIP_VERIFY=true
KUBECONFIG=/other
REQUESTS_CA_BUNDLE=/other
KUBEVOLUMECLAIMNAME=results
REGISTRY=r
"""
ALONE = "what is about the cluster comes from ./clusters/far.config alone"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clusters").mkdir()
    (tmp_path / "experiment.toml").write_text(
        '[experiment]\nname="n"\nslug="s"\n[defaults]\nargo_namespace="other"\n'
    )

    def parse(*argv, **environ):
        return parse_arguments(argv=list(argv), environ=environ, folder=tmp_path, home=tmp_path)

    parse.folder = tmp_path
    return parse


def profile(place, text):
    path = place.folder / "clusters" / "far.config"
    path.write_text(text)
    path.chmod(0o600)


@pytest.mark.parametrize("weaker", [".env", "hera.config", "environment"])
def test_nothing_about_the_cluster_comes_from_elsewhere(place, weaker):
    profile(place, "ARGO_SERVER=far:443\n")
    environ = {}
    if weaker == "environment":
        environ = dict(line.split("=") for line in WEAKER.splitlines())
        del environ["REQUESTS_CA_BUNDLE"]
    else:
        (place.folder / weaker).write_text(WEAKER)
    args = place("--cluster=far", **environ)
    assert "other" not in repr(args) and args.argo_token == ""
    assert args.argo_server == "far:443" and args.argo_secure is True
    assert args.argo_insecure_skip_verify is False
    # What the experiment uses is no matter of reaching the cluster.
    assert (args.k8s_volume_claim_name, args.registry) == ("results", "r")
    place_of = "in the environment" if environ else f"from ./{weaker}, line 1"
    assert args.where("argo_token") == f"not used: ARGO_TOKEN {place_of}; {ALONE}"
    assert args.where("argo_service_account").endswith(ALONE)
    assert args.where("k8s_config_file").startswith("not used: KUBECONFIG ")


def test_without_a_profile_they_hold(place):
    (place.folder / ".env").write_text(WEAKER)
    (place.folder / ".env").chmod(0o600)
    assert place().argo_token == "hush"


def test_the_command_line_still_wins(place):
    profile(place, "ARGO_SERVER=far:443\nARGO_NAMESPACE=far\n")
    typed = ("--argo_token=typed", "--argo_namespace=typed", "--k8s_config_file=/typed")
    args = place("--cluster=far", *typed, ARGO_TOKEN="hush", KUBECONFIG="/other")
    assert (args.argo_token, args.argo_namespace) == ("typed", "typed")
    assert args.k8s_config_file == "/typed"


def test_the_bundle_of_the_machine_holds_where_the_profile_names_none(place):
    profile(place, "ARGO_SERVER=far:443\n")
    args = place("--cluster=far", REQUESTS_CA_BUNDLE="/machine.crt")
    assert args.ca_bundle == "/machine.crt"
    assert args.where("ca_bundle") == "REQUESTS_CA_BUNDLE in the environment"
    profile(place, "ARGO_SERVER=far:443\nREQUESTS_CA_BUNDLE=own.crt\n")
    args = place("--cluster=far", REQUESTS_CA_BUNDLE="/machine.crt")
    assert args.ca_bundle == str(place.folder / "clusters" / "own.crt")


def test_what_is_missing_then_is_said_with_the_setting_that_is_not_used(place):
    profile(place, "ARGO_SERVER=far:443\n")
    args = place("--cluster=far", ARGO_NAMESPACE="other", KUBECONFIG="/other")
    unused = f"not used: ARGO_NAMESPACE in the environment; {ALONE}"
    with pytest.raises(UserError, match="no namespace is named") as raised:
        ArgoServer(k8s_cluster(args, asserting=False), args)
    assert raised.value.where == unused
    profile(place, "ARGO_NAMESPACE=far\n")
    args = place("--cluster=far", ARGO_SERVER="other:443")
    with pytest.raises(UserError, match="names no Argo server") as raised:
        k8s_cluster(args)
    assert raised.value.where == f"not used: ARGO_SERVER in the environment; {ALONE}"


def test_make_config_shows_it(place, monkeypatch, capsys):
    profile(place, "ARGO_SERVER=far:443\n")
    (place.folder / ".env").write_text("\nARGO_TOKEN=hush\n")
    for name in ("ARGO_NAMESPACE", "KUBECONFIG", "HERA_UTILS_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLUSTER", "far")
    assert Experiment.find(place.folder).folder == place.folder

    assert config.main(VerbArguments(CLIContext, output="text")) == 0
    said = capsys.readouterr()
    rows = {line.split()[0]: line for line in said.out.splitlines() if line.split()}
    assert rows["argo_token"].split(None, 2) == [
        "argo_token",
        "-",
        f"not used: ARGO_TOKEN from ./.env, line 2; {ALONE}",
    ]
    assert "hush" not in said.out + said.err
