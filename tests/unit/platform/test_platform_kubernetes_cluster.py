"""The cluster of a kubeconfig: what exists, what is forbidden, what cannot be known."""

import socket
import time

import pytest
import yaml
from fake_server import Answer

from hera_experiment.errors import UserError
from hera_utils.cluster import KubernetesCluster, k8s_cluster

CORE = "/api/v1/namespaces/n"
VERSION = {
    **dict.fromkeys(("buildDate", "compiler", "gitCommit", "gitTreeState", "gitVersion"), "x"),
    **{"goVersion": "x", "major": "1", "minor": "34", "platform": "x"},
}


def status(code, message):
    return Answer({"kind": "Status", "status": "Failure", "message": message, "code": code}, code)


@pytest.fixture
def kubeconfig(fake, tmp_path):
    """A kubeconfig whose user has a token."""
    path = tmp_path / "kubeconfig.yaml"
    path.write_text(yaml.safe_dump(document(fake.url)))
    return path


def document(url):
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": url.rstrip("/")}}],
        "users": [{"name": "u", "user": {"token": "hush"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


@pytest.fixture
def there(fake):
    """What the API server has, by path; the rest is not found."""
    objects = {
        "/version": VERSION,
        "/version/": VERSION,
        CORE: {"metadata": {"name": "n"}},
        f"{CORE}/persistentvolumeclaims/results": {"status": {"phase": "Bound"}},
        f"{CORE}/persistentvolumeclaims/waiting": {"status": {"phase": "Pending"}},
        f"{CORE}/persistentvolumeclaims/lost": {"status": {"phase": "Lost"}},
        f"{CORE}/configmaps/settings": {"data": {}},
        f"{CORE}/secrets/archive": {"data": {"USER": "bWU="}},
        f"{CORE}/secrets/hidden": status(403, "not yours"),
    }

    def answer(asked):
        found = objects.get(asked.path, status(404, f"{asked.path} not found"))
        return found if isinstance(found, Answer) else Answer(found)

    fake.answer = answer
    return objects


@pytest.fixture
def cluster(parse, kubeconfig, there):
    return KubernetesCluster(
        parse(k8s_config_file=str(kubeconfig), argo_namespace="n", k8s_volume_claim_name="results"),
        asserting=False,
        timeout=(1, 1),
    )


def test_what_exists_is_asserted(cluster, fake):
    assert cluster.assert_cluster() is True
    assert cluster.assert_namespace() is True
    assert cluster.assert_volume_claim() is True
    assert cluster.assert_volume_claim("results") is True
    assert cluster.assert_configmap("settings") is True
    assert cluster.provide_volume_claim("results") is True
    assert cluster.provide_configmap("settings", {"A": "b"}) is True
    assert all(asked.method == "GET" for asked in fake.asked)
    assert {asked.headers.get("Authorization") for asked in fake.asked} == {"Bearer hush"}
    assert not any("/nodes" in asked.path for asked in fake.asked)


def test_a_secret_is_there_with_its_keys_missing_or_out_of_sight(cluster, capsys):
    assert cluster.assert_secret("archive", ["USER"]) is True
    for name, keys, missing in (("archive", ["USER", "TOKEN"], "TOKEN"), ("no", ["K"], "K")):
        with pytest.raises(UserError) as raised:
            cluster.assert_secret(name, keys)
        assert raised.value.what == f"the namespace 'n' has no Secret '{name}' with {missing}"
        assert "make provision" in raised.value.next_step
    assert capsys.readouterr().err == ""
    assert cluster.assert_secret("hidden", ["K"]) is False
    assert "you may not read Secrets" in capsys.readouterr().err


def test_entries_of_a_configmap_that_are_others_are_named(cluster, there, capsys):
    there[f"{CORE}/configmaps/settings"] = {"data": {"A": "b", "B": "c", "MORE": "d"}}
    assert cluster.provide_configmap("settings", {"A": "b"}) is True
    assert capsys.readouterr().err == ""
    assert cluster.provide_configmap("settings", {"A": "b", "B": "x", "C": "y"}) is True
    assert "'settings' has another B, C than environment.py" in capsys.readouterr().err


def test_making_one_asserts_the_cluster_and_the_namespace(parse, kubeconfig, there, fake):
    args = parse(k8s_config_file=str(kubeconfig), argo_namespace="n")
    assert isinstance(k8s_cluster(args), KubernetesCluster)
    assert [asked.path.rstrip("/") for asked in fake.asked] == ["/version", CORE]
    del there[CORE]
    with pytest.raises(UserError, match="no namespace 'n'"):
        k8s_cluster(args)


@pytest.mark.parametrize(
    ("call", "what", "where"),
    [
        (lambda c: c.assert_volume_claim("absent"), "has no volume claim 'absent'", ""),
        (lambda c: c.assert_configmap("absent"), "has no ConfigMap 'absent'", ""),
        (lambda c: c.assert_namespace("absent"), "no namespace 'absent'", ""),
        (lambda c: c.assert_volume_claim("lost"), "has lost its volume", ""),
        (lambda c: c.assert_configmap(), "no ConfigMap is named", ""),
    ],
)
def test_what_is_absent_is_one_sentence(cluster, call, what, where):
    with pytest.raises(UserError) as raised:
        call(cluster)
    assert what in raised.value.what


def test_a_sentence_names_the_source_of_the_wrong_value(cluster, there):
    del there[f"{CORE}/persistentvolumeclaims/results"]
    with pytest.raises(UserError) as raised:
        cluster.assert_volume_claim()
    assert raised.value.where == "--k8s_volume_claim_name on the command line"
    assert "KUBEVOLUMECLAIMNAME" in raised.value.next_step


def test_forbidden_is_told_from_absent(cluster, there):
    forbidden = status(403, 'persistentvolumeclaims "results" is forbidden: User "ada"')
    there[f"{CORE}/persistentvolumeclaims/results"] = forbidden
    with pytest.raises(UserError) as raised:
        cluster.assert_volume_claim()
    assert "no right" in raised.value.what and 'User "ada"' in raised.value.what
    assert "administrator" in raised.value.next_step


@pytest.mark.parametrize("allowed", [True, False])
def test_the_right_to_submit_proves_a_namespace_that_may_not_be_read(cluster, there, allowed):
    there[CORE] = status(403, "forbidden")
    review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    there[review] = Answer({"spec": {}, "status": {"allowed": allowed}}, 201)
    if allowed:
        assert cluster.assert_namespace() is True
    else:
        with pytest.raises(UserError, match="or you have no right in it"):
            cluster.assert_namespace()


def test_an_unbound_claim_is_unknown(cluster, capsys):
    assert cluster.assert_volume_claim("waiting") is False
    assert "not bound yet" in capsys.readouterr().err


@pytest.mark.parametrize("named", ["", "/dev/null"])
def test_without_a_kubeconfig_all_is_unknown_and_said_so(parse, capsys, named):
    options = {"k8s_config_file": named} if named else {}
    cluster = k8s_cluster(parse(argo_server="h:443", argo_namespace="n", **options))
    assert cluster.assert_cluster() is False
    assert cluster.assert_namespace() is False
    assert cluster.assert_volume_claim("v") is False
    assert cluster.assert_configmap("c") is False
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4 and all("unknown whether" in line for line in lines)


def test_no_platform_is_never_local_by_accident(parse):
    with pytest.raises(UserError, match="no execution platform is chosen") as raised:
        k8s_cluster(parse())
    assert "CLUSTER=local" in raised.value.next_step


def test_an_expired_user(cluster, there):
    there["/version/"] = there["/version"] = status(401, "Unauthorized")
    with pytest.raises(UserError, match="does not know the user"):
        cluster.assert_cluster()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot be used"),
        ("token: hush\n\t- x", "not valid YAML at line 2"),
        ("just: hush", "cannot be used"),
        ("[1, hush]", "cannot be used"),
        ("hush", "cannot be used"),
    ],
)
def test_a_kubeconfig_that_is_none(parse, tmp_path, text, said):
    path = tmp_path / "kubeconfig.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as raised:
        k8s_cluster(parse(k8s_config_file=str(path), argo_namespace="n"))
    assert said in raised.value.what
    assert "--k8s_config_file" in raised.value.where
    assert "hush" not in str(raised.value)


def test_an_absent_kubeconfig_and_an_unknown_context(parse, tmp_path, fake):
    path = tmp_path / "kubeconfig.yaml"
    with pytest.raises(UserError, match="there is no kubeconfig"):
        k8s_cluster(parse(k8s_config_file=str(path), argo_namespace="n"))
    path.write_text(yaml.safe_dump({**document(fake.url), "current-context": "absent"}))
    with pytest.raises(UserError, match="absent"):
        k8s_cluster(parse(k8s_config_file=str(path), argo_namespace="n"))


@pytest.mark.parametrize("silent", [True, False])
def test_a_server_that_does_not_answer_is_left_in_time(parse, tmp_path, silent):
    path = tmp_path / "kubeconfig.yaml"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        path.write_text(yaml.safe_dump(document(f"http://127.0.0.1:{listener.getsockname()[1]}")))
        if not silent:
            listener.close()
        args = parse(k8s_config_file=str(path), argo_namespace="n")
        cluster = KubernetesCluster(args, asserting=False, timeout=(0.5, 0.5))
        start = time.monotonic()
        with pytest.raises(UserError, match="in time" if silent else "nothing listens"):
            cluster.assert_cluster()
        assert time.monotonic() - start < 3


def test_a_wrong_authority(parse, tmp_path, fake_tls):
    path = tmp_path / "kubeconfig.yaml"
    path.write_text(yaml.safe_dump(document(fake_tls.url)))
    with pytest.raises(UserError, match="not trusted"):
        k8s_cluster(parse(k8s_config_file=str(path), argo_namespace="n"))


def test_print_config_shows_no_secret(cluster, capsys):
    cluster.print_config()
    out = capsys.readouterr().out
    assert "namespace:  n" in out and "hush" not in out
