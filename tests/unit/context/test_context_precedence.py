"""Which source wins, and what is said about it."""

import pytest

from hera_experiment.errors import UserError
from hera_utils.cli_context import parse_arguments


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An experiment's folder and a home, with nothing in them."""
    folder, home = tmp_path / "experiment", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(home))

    def parse(*argv, **environ):
        return parse_arguments(argv=list(argv), environ=environ, folder=folder, home=home)

    parse.folder, parse.home = folder, home
    return parse


def write(path, text, mode=0o600):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def test_each_source_wins_over_the_weaker_ones(place, tmp_path):
    weakest_first = []

    def check(expected_source, *argv, **environ):
        args = place(*argv, **environ)
        assert args.argo_namespace == expected_source
        weakest_first.append(str(args.source("argo_namespace")))

    write(
        place.folder / "experiment.toml",
        '[experiment]\nname="n"\nslug="s"\n[defaults]\nargo_namespace="committed"\n',
    )
    check("committed")
    write(place.home / "hera.config", "\nARGO_NAMESPACE=home")
    check("home")
    write(place.folder / "hera.config", "argo-namespace=config")
    check("config")
    write(tmp_path / "other", "#\n#\nargo_namespace = named")
    check("named", ARGOCONFIG=str(tmp_path / "other"))
    write(place.folder / ".env", "export ARGO_NAMESPACE='dotenv'")
    environ = {"ARGOCONFIG": str(tmp_path / "other")}
    check("dotenv", **environ)
    environ["ARGO_NAMESPACE"] = "environment"
    check("environment", **environ)
    write(place.folder / "clusters" / "far.config", "ARGO_NAMESPACE=profile")
    environ["CLUSTER"] = "far"
    check("profile", **environ)
    check("typed", "--argo_namespace", "typed", **environ)
    assert weakest_first == [
        "argo_namespace from ./experiment.toml",
        "ARGO_NAMESPACE from ~/hera.config, line 2",
        "argo-namespace from ./hera.config, line 1",
        f"argo_namespace from {tmp_path}/other, line 3",
        "ARGO_NAMESPACE from ./.env, line 1",
        "ARGO_NAMESPACE in the environment",
        "ARGO_NAMESPACE from ./clusters/far.config, line 1, which shadows "
        "ARGO_NAMESPACE in the environment",
        "--argo_namespace on the command line",
    ]


def test_nebaris_pair_wins_within_a_source_only(place):
    write(
        place.folder / ".env",
        "ARGO_SERVER=a:443\nGLOBAL_CONFIG_HOST=g/argo\nGLOBAL_CONFIG_NAMESPACE=dev\n"
        "ARGO_NAMESPACE=argo",
    )
    args = place()
    assert (args.argo_server, args.argo_namespace) == ("g/argo", "dev")
    assert str(args.source("argo_server")) == "GLOBAL_CONFIG_HOST from ./.env, line 2"
    assert place(ARGO_SERVER="e:443").argo_server == "e:443"
    both = place(ARGO_SERVER="e:443", GLOBAL_CONFIG_HOST="h")
    assert both.argo_server == "h"


def test_the_nebari_document_works_as_it_is(place):
    write(
        place.folder / ".env",
        """
# Copied from Argo UI
ARGO_SERVER='nebari.example.org:443'
ARGO_HTTP1=true
ARGO_SECURE=true
ARGO_BASE_HREF=/argo
ARGO_TOKEN='Bearer v2:abc'
ARGO_NAMESPACE=argo ;# or whatever your namespace is
KUBECONFIG=/dev/null ;# recommended

# Specify Hera arguments for the global config
GLOBAL_CONFIG_HOST='nebari.example.org/argo'
GLOBAL_CONFIG_NAMESPACE='dev'  # might be different from Argo namespace, e.g., 'dev'
""",
    )
    args = place()
    assert args.argo_server == "nebari.example.org/argo"
    assert args.argo_namespace == "dev"
    assert args.k8s_config_file == "/dev/null"
    assert args.argo_token == "Bearer v2:abc"
    assert args.argo_http1 is True and args.argo_secure is True
    assert args.notes == []


def test_an_empty_value_is_none(place):
    write(place.folder / "hera.config", "ARGO_NAMESPACE=file")
    args = place("--argo_namespace", "", "--cluster=", ARGO_NAMESPACE="")
    assert args.argo_namespace == "file"
    assert args.cluster == ""


def test_local_ignores_every_value_about_a_cluster(place):
    write(
        place.folder / "experiment.toml",
        '[experiment]\nname="n"\nslug="s"\n[defaults]\nk8s_volume_claim_name="mine"\n',
    )
    environ = {
        "ARGO_SERVER": "far:443",
        "ARGO_TOKEN": "t",
        "ARGO_NAMESPACE": "far",
        "ARGO_BASE_HREF": "/argo",
        "ARGO_INSECURE_SKIP_VERIFY": "true",
        "KUBECONFIG": "/far",
        "KUBEVOLUMECLAIMNAME": "far",
        "KUBECONFIGMAP": "far",
        "REGISTRY": "far",
        "REQUESTS_CA_BUNDLE": "/far",
        "GLOBAL_CONFIG_HOST": "far",
        "RUNTIME": "docker",
    }
    args = place("--cluster", "local", **environ)
    assert "far" not in repr(args)
    assert args.is_local and args.argo_namespace == "local" and args.argo_token == ""
    assert args.argo_insecure_skip_verify is False
    assert args.k8s_volume_claim_name == "mine"
    assert args.runtime == "docker"


def test_a_relative_path_is_relative_to_its_file(place):
    write(place.home / "hera.config", "KUBECONFIG=kube/a.yaml")
    assert place().k8s_config_file == str(place.home / "kube/a.yaml")
    assert place(KUBECONFIG="b.yaml").k8s_config_file == "b.yaml"
    write(place.folder / ".env", "KUBECONFIG=~/c.yaml:d.yaml")
    assert place().k8s_config_file == f"{place.home}/c.yaml:{place.folder}/d.yaml"


def test_an_unknown_key_is_named_with_its_line_but_without_its_value(place, capsys):
    write(place.folder / "hera.config", "\nARGO_TOKN=secret")
    assert place().notes == [
        "ARGO_TOKN is not known and has no effect (./hera.config, line 2); did you mean ARGO_TOKEN?"
    ]
    err = capsys.readouterr().err
    assert "ARGO_TOKN" in err and "secret" not in err


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"ARGO_SECURE": "maybe"}, "ARGO_SECURE in the environment"),
        ({"RUNTIME": "dokcer"}, "RUNTIME in the environment"),
        ({"ARGOCONFIG": "/absent"}, "ARGOCONFIG in the environment"),
        ({"CLUSTER": "absent"}, "CLUSTER in the environment"),
        ({"CLUSTER": "../../etc/passwd"}, "CLUSTER in the environment"),
    ],
)
def test_a_wrong_value_is_one_sentence_with_its_source(place, environ, said):
    with pytest.raises(UserError) as raised:
        place(**environ)
    assert raised.value.where == said


def test_a_readable_profile_with_a_token_is_refused_with_the_chmod(place):
    path = place.folder / "clusters" / "far.config"
    write(path, "ARGO_TOKEN=secret", mode=0o644)
    with pytest.raises(UserError) as raised:
        place("--cluster", "far")
    assert raised.value.next_step == "chmod 600 ./clusters/far.config"
    assert "secret" not in str(raised.value)
    path.chmod(0o600)
    assert place("--cluster", "far").argo_token == "secret"
    write(path, "ARGO_SERVER=h:443", mode=0o644)
    assert place("--cluster", "far").argo_server == "h:443"


def test_an_unknown_profile_names_the_known_ones(place):
    write(place.folder / "clusters" / "pagoda.config", "ARGO_SERVER=h:443")
    with pytest.raises(UserError, match="did you mean 'pagoda'"):
        place(CLUSTER="pagado")
    with pytest.raises(UserError, match="choose one of local, pagoda"):
        place(CLUSTER="x")


def test_a_committed_secret_is_refused(place):
    write(
        place.folder / "experiment.toml",
        '[experiment]\nname="n"\nslug="s"\n[defaults]\nargo_token="secret"\n',
    )
    with pytest.raises(UserError, match="committed") as raised:
        place()
    assert '"secret"' not in str(raised.value)


@pytest.mark.parametrize("name", [".env", "hera.config", "~/hera.config", "ARGOCONFIG"])
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_token_in_a_file_that_others_can_read_is_refused(place, tmp_path, name, mode):
    known = {"~/hera.config": place.home / "hera.config", "ARGOCONFIG": tmp_path / "other"}
    path = known.get(name, place.folder / name)
    environ = {"ARGOCONFIG": str(path)} if name == "ARGOCONFIG" else {}
    write(path, "ARGO_NAMESPACE=a\nargo_token='s3cret'\n", mode)
    with pytest.raises(UserError, match="others can read the token") as caught:
        place(**environ)
    shown = str(path) if name == "ARGOCONFIG" else name if name[0] == "~" else f"./{name}"
    assert caught.value.where == shown and caught.value.next_step == f"chmod 600 {shown}"
    # One that is not used is as open: it is said, and nothing is stopped by it.
    for other in ({"ARGO_TOKEN": "other"}, {"CLUSTER": "local"}):
        args = place(**environ, **other)
        assert args.notes == [str(caught.value)]
    path.chmod(0o600)
    assert place(**environ).argo_token == "s3cret" and place(**environ).notes == []


def test_a_file_without_a_token_may_be_read_by_all(place):
    write(place.folder / ".env", "ARGO_NAMESPACE=a\nARGO_TOKEN=\n", 0o644)
    assert place().argo_namespace == "a" and place().notes == []


def test_a_token_on_the_command_line_is_seen_by_others(place):
    (note,) = place("--argo_token=s3cret").notes
    assert "ps" in note and "make sign-in CLUSTER=NAME" in note and "s3cret" not in note
    write(place.folder / "clusters" / "far.config", "ARGO_SERVER=far:443")
    (note,) = place("--argo_token=s3cret", "--cluster=far").notes
    assert "make sign-in CLUSTER=far" in note and "clusters/far.config" in note
    assert place("--argo_namespace=n", ARGO_TOKEN="s3cret").notes == []
