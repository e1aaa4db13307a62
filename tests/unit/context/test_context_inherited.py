"""A child process has the context of its parent, and asks nothing again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hera_experiment.context import handing_on
from hera_experiment.context.endpoint_address import EndpointAddress
from hera_experiment.context.inherited import VARIABLE
from hera_experiment.context.sources import Origin, Source
from hera_experiment.errors import UserError
from hera_utils.cli_context import parse_arguments

TEMPLATE = Path(__file__).resolve().parents[3] / "{{cookiecutter.project_slug}}"

ENDPOINT = EndpointAddress(
    "http://127.0.0.1:4711/", "of-the-endpoint", server="https://far/argo/", namespace="lab"
)


def handed_on(context, **options):
    return handing_on.handed_on(context, ENDPOINT, **options)


@pytest.fixture
def parse(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    profile = tmp_path / "clusters" / "far.config"
    profile.parent.mkdir()
    profile.write_text("ARGO_SERVER=far.example.org/argo\nARGO_TOKEN='bearer  hush'\n")
    profile.chmod(0o600)
    (tmp_path / "experiment.toml").write_text(
        '[experiment]\nname="n"\nslug="s"\n[defaults]\nk8s_volume_claim_name="committed"\n'
    )
    (tmp_path / "hera.config").write_text("ARGO_NAMESPACE=weak\nARGO_TOKN=x\nREGISTRY=r\n")

    def parse(*argv, **environ):
        return parse_arguments(argv=list(argv), environ=environ, folder=tmp_path, home=tmp_path)

    return parse


def test_values_and_sources_arrive_and_notes_do_not_return(parse, capsys):
    context = parse("--cluster=far", "--argo_namespace=lab", KUBECONFIG="/weak")
    assert "ARGO_TOKN" in capsys.readouterr().err
    variables = handed_on(context)
    child = parse(**variables)
    assert vars(child).keys() == vars(context).keys()
    for name in (name for name in vars(context) if not name.startswith("_")):
        if name == "argo_token":
            continue
        assert getattr(child, name) == getattr(context, name), name
    assert str(child.source("argo_token")) == "ARGO_TOKEN from ./clusters/far.config, line 2"
    assert str(child.source("argo_namespace")) == "--argo_namespace on the command line"
    assert str(child.source("registry")) == "REGISTRY from ./hera.config, line 3"
    assert str(child.source("k8s_volume_claim_name")) == (
        "k8s_volume_claim_name from ./experiment.toml"
    )
    assert child.notes == [] and capsys.readouterr().err == ""
    # The script holds the endpoint's token, never the cluster's.
    assert child.argo_token == "of-the-endpoint" and child.endpoint == ENDPOINT
    assert "hush" not in str(variables) and "of-the-endpoint" not in repr(child)


def test_what_is_typed_in_the_child_wins_unless_it_is_fixed(parse):
    context = parse("--cluster=far", "--argo_namespace=lab")
    typed = ["--argo_namespace=other", "--registry=mine"]
    child = parse(*typed, **handed_on(context))
    assert (child.argo_namespace, child.registry, child.cluster) == ("other", "mine", "far")
    child = parse(*typed, "--cluster=local", **handed_on(context, fixed=True))
    assert (child.argo_namespace, child.registry, child.cluster) == ("lab", "r", "far")


def test_another_cluster_typed_in_the_child_is_gathered_anew(parse, tmp_path):
    (tmp_path / "clusters" / "near.config").write_text("ARGO_SERVER=near:443\n")
    child = parse("--cluster=near", **handed_on(parse("--cluster=far")))
    assert (child.argo_server, child.argo_token) == ("near:443", "")
    assert parse("--cluster=local", **handed_on(parse("--cluster=far"))).argo_server == ""


def test_local_stays_local(parse):
    child = parse(**handed_on(parse("--cluster=local", ARGO_TOKEN="hush")))
    assert child.is_local and child.argo_namespace == "local" and not child.argo_token
    assert child.k8s_volume_claim_name == "committed"


@pytest.mark.parametrize(
    "given",
    [
        {"ARGO_SERVER": "h:2746", "ARGO_SECURE": "false", "ARGO_TOKEN": "t"},
        {"GLOBAL_CONFIG_HOST": "nebari.example.org/argo", "KUBECONFIG": "/k", "REGISTRY": "r"},
        {"CLUSTER": "local"},
    ],
)
def test_whatever_a_script_of_plain_hera_reads_leads_to_the_endpoint(parse, given):
    found = handed_on(parse(**given))
    assert (
        found.items()
        >= {
            "ARGO_SERVER": "127.0.0.1:4711",
            "ARGO_SECURE": "false",
            "ARGO_HTTP1": "true",
            "ARGO_BASE_HREF": "",
            "ARGO_TOKEN": "Bearer of-the-endpoint",
            "ARGO_TOKEN_TOKEN": "Bearer of-the-endpoint",
            "ARGO_NAMESPACE": "lab",
            "GLOBAL_CONFIG_HOST": "http://127.0.0.1:4711/",
            "GLOBAL_CONFIG_NAMESPACE": "lab",
            "KUBECONFIG": given.get("KUBECONFIG", "/dev/null"),
        }.items()
    )


def test_a_changed_context_is_handed_on_with_its_new_source(parse):
    context = parse("--cluster=far").changed(Source(Origin.STAND_IN), argo_server="x:1")
    child = parse(**handed_on(context))
    assert child.argo_server == "x:1" and "hush" not in str(handed_on(context))
    assert child.where("argo_server") == "of a stand-in for the cluster"


@pytest.mark.parametrize("text", ["{", "[]", '{"settings": {"cluster": 1}, "fixed": 0}'])
def test_what_was_not_handed_on_is_refused(parse, text):
    with pytest.raises(UserError) as raised:
        parse(**{VARIABLE: text})
    assert raised.value.where == f"{VARIABLE} in the environment"


def test_a_real_child_finds_it(parse, tmp_path):
    script = "import hera_utils; a = hera_utils.parse_arguments(); print(a.argo_token, a.cluster)"
    variables = handed_on(parse("--cluster=far"))
    assert json.loads(variables[VARIABLE])["fixed"] is False
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**variables, "PYTHONPATH": str(TEMPLATE), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("of-the-endpoint far\n", "")
