"""A script's own parser, of argparse or of ConfigArgParse, with the arguments of the context."""

import argparse

import configargparse
import pytest

from hera_experiment.context.gathering import SettingsFiles
from hera_experiment.errors import UserError
from hera_utils.cli_context import parse_arguments


@pytest.fixture
def parse(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def parse(parser, *argv, **environ):
        return parse_arguments(parser, list(argv), environ=environ, folder=tmp_path, home=tmp_path)

    return parse


@pytest.mark.parametrize("package", [argparse, configargparse])
def test_its_own_arguments_and_the_contexts(parse, package, tmp_path):
    (tmp_path / "hera.config").write_text("ARGO_TOKEN=hush\n")
    (tmp_path / "hera.config").chmod(0o600)
    own = package.ArgumentParser()
    own.add_argument("--repeats", type=int, default=1)
    args = parse(own, "--repeats=3", "--argo-namespace", "n", ARGO_SERVER="h:443")
    assert (args.repeats, args.argo_namespace, args.argo_server) == (3, "n", "h:443")
    assert str(args.source("argo_token")) == "ARGO_TOKEN from ./hera.config, line 1"
    with pytest.raises(UserError, match="there is no option '--repeat'"):
        parse(package.ArgumentParser(), "--repeat=3")


def test_its_own_variables_and_files_keep_working(parse, tmp_path):
    (tmp_path / "own.ini").write_text("scale = 7\n")
    own = configargparse.ArgumentParser(default_config_files=[str(tmp_path / "own.ini")])
    own.add_argument("--repeats", type=int, env_var="REPEATS")
    own.add_argument("--scale", type=int)
    args = parse(own, REPEATS="3")
    assert (args.repeats, args.scale) == (3, 7)
    assert str(args.source("repeats")) == "REPEATS in the environment"
    assert str(args.source("scale")) == "scale from ./own.ini"


def test_it_does_not_decide_about_the_contexts_arguments(parse, tmp_path):
    """Its prefix of variables would put the environment above the profile."""
    profile = tmp_path / "clusters" / "far.config"
    profile.parent.mkdir()
    profile.write_text("ARGO_SERVER=far:443\n")
    (tmp_path / "own.ini").write_text("argo_namespace = own\n")
    own = configargparse.ArgumentParser(
        auto_env_var_prefix="", default_config_files=[str(tmp_path / "own.ini")]
    )
    args = parse(own, CLUSTER="far", ARGO_SERVER="other:443", ARGO_TOKEN="hush")
    assert (args.argo_server, args.argo_token, args.argo_namespace) == ("far:443", "", "")
    assert "argo_namespace from ./own.ini has no effect: write it into ./hera.config" in args.notes


def test_it_may_read_the_same_file(parse, tmp_path):
    (tmp_path / "hera.config").write_text("ARGO_TOKEN=hush\nargo_server=h:443\n")
    (tmp_path / "hera.config").chmod(0o600)
    own = configargparse.ArgumentParser(default_config_files=[str(tmp_path / "hera.config")])
    args = parse(own)
    assert (args.argo_token, args.argo_server) == ("hush", "h:443")
    (tmp_path / "hera.config").write_text("nonsense=hush\n")
    with pytest.raises(UserError) as raised:
        parse(own)
    assert raised.value.where == "nonsense from ./hera.config" and "hush" not in str(raised.value)


def test_folders_whose_names_look_like_patterns(parse, tmp_path, monkeypatch):
    folder = tmp_path / "[a]*"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "hera.config").write_text("ARGO_NAMESPACE=n")
    args = parse_arguments(argv=[], environ={}, folder=folder, home=tmp_path)
    assert str(args.source("argo_namespace")) == "ARGO_NAMESPACE from ./hera.config, line 1"


@pytest.mark.parametrize("value", ["[a, b]", "--x=y", "-", "=", "%s", "{}", "a 'b'", 'a "b"'])
def test_any_value_goes_through(parse, tmp_path, value):
    assert parse(None, f"--argo_namespace={value}").argo_namespace == value
    assert parse(None, ARGO_NAMESPACE=value).argo_namespace == value
    (tmp_path / "hera.config").write_text(SettingsFiles({}).serialize({"ARGO_NAMESPACE": value}))
    assert parse(None).argo_namespace == value
