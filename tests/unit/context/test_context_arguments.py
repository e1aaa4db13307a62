"""The command line: dashes, no abbreviations, a script's own arguments, secrets."""

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from hera_experiment.context.arguments import take_dashes
from hera_experiment.context.masking import MASK, Secret, shown
from hera_experiment.errors import UserError
from hera_utils.cli_context import ARGUMENTS, parse_arguments

TEMPLATE = Path(__file__).resolve().parents[3] / "{{cookiecutter.project_slug}}"
ORIGINAL = {
    "k8s_config_file": "KUBECONFIG",
    "k8s_configmap_name": "KUBECONFIGMAP",
    "k8s_volume_claim_name": "KUBEVOLUMECLAIMNAME",
    "argo_server": "ARGO_SERVER",
    "argo_token": "ARGO_TOKEN",
    "argo_namespace": "ARGO_NAMESPACE",
    "argo_service_account": "ARGO_SERVICE_ACCOUNT",
}


@pytest.fixture
def parse(tmp_path):
    def parse(*argv, parser=None, **environ):
        return parse_arguments(parser, list(argv), environ=environ, folder=tmp_path, home=tmp_path)

    return parse


@pytest.mark.parametrize(("name", "variable"), ORIGINAL.items())
def test_the_original_arguments_in_every_spelling(parse, name, variable):
    dashed = "--" + name.replace("_", "-")
    for args in (
        parse(f"--{name}", "v"),
        parse(f"--{name}=v"),
        parse(dashed, "v"),
        parse(f"{dashed}=v"),
        parse(f"--{variable.lower()}=v"),
        parse(**{variable: "v"}),
    ):
        assert getattr(args, name) == "v"


def test_every_variable_is_an_option_as_make_hands_it_on(parse):
    for argument in ARGUMENTS:
        for variable in argument.variables:
            value = (argument.choices or ("true",))[-1]
            # Of a profile that is not there nothing can be read.
            value = "local" if argument.name == "cluster" else value
            args = parse(f"--{variable.lower()}={value}")
            assert str(args.source(argument.name)) == f"--{argument.name} on the command line"
    own = argparse.ArgumentParser()
    own.add_argument("--kubeconfig", type=int)
    args = parse("--kubeconfig=3", "--k8s_config_file=k", parser=own)
    assert (args.kubeconfig, args.k8s_config_file) == (3, "k")


def test_an_unknown_option_is_named_without_its_value(parse):
    with pytest.raises(UserError) as raised:
        parse("--argo_tokn=secret")
    assert "--argo_token" in raised.value.next_step
    assert "secret" not in str(raised.value)
    with pytest.raises(UserError) as raised:
        parse("--argo_tokn", "secret")
    assert "secret" not in str(raised.value)


def test_abbreviations_do_not_work(parse):
    with pytest.raises(UserError, match="'--argo_tok'"):
        parse("--argo_tok", "x")
    own = argparse.ArgumentParser()
    own.add_argument("--repeats")
    with pytest.raises(UserError, match="'--rep'"):
        parse("--rep", "3", parser=own)


def test_a_flag_needs_no_value(parse):
    assert parse("--argo_insecure_skip_verify").argo_insecure_skip_verify is True
    assert parse("--argo_secure", "false").argo_secure is False


def test_a_script_adds_arguments_of_its_own(parse):
    own = argparse.ArgumentParser()
    own.add_argument("--repeats", type=int, default=1)
    args = parse("--repeats", "3", "--argo-namespace", "n", parser=own)
    assert (args.repeats, args.argo_namespace) == (3, "n")
    assert str(args.source("repeats")) == "--repeats on the command line"


def test_a_script_may_not_hide_the_contexts_own_names(parse):
    own = argparse.ArgumentParser()
    own.add_argument("--experiment")
    with pytest.raises(UserError, match="'experiment'"):
        parse(parser=own)


def test_a_secret_is_shown_nowhere(parse):
    args = parse(ARGO_TOKEN="hush", ARGO_SERVER="https://ada:hush@h/argo")
    assert args.argo_token == "hush"
    for text in (repr(args), str(args), repr(vars(args)["argo_token"]), args.shown("argo_token")):
        assert "hush" not in text
    assert args.shown("argo_token") == MASK
    assert "hush" not in args.shown("argo_server")
    assert repr(Secret("")) == "''" and shown(True) == "true"


def test_a_script_ends_with_one_sentence(tmp_path):
    script = "import hera_utils; hera_utils.parse_arguments()"
    done = subprocess.run(
        [sys.executable, "-c", script, "--argo_tokn", "hush"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(TEMPLATE), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "hera_utils: there is no option '--argo_tokn' (on the command line): "
        "did you mean '--argo_token'?\n"
    )


HEAVY = "('hera', 'kubernetes', 'requests', 'rich', 'yaml', 'configargparse')"


@pytest.mark.parametrize(
    "program",
    [
        "import runpy; sys.argv = ['x', '--help'];"
        " runpy.run_module('hera_utils', None, '__main__')",
        "import hera_utils; sys.argv = ['x', '--help']; hera_utils.parse_arguments()",
        "import runpy; sys.argv = ['x', 'config', '--help'];"
        " runpy.run_module('hera_utils', None, '__main__')",
    ],
)
def test_help_imports_nothing_heavy(program, tmp_path):
    script = f"""
import atexit, sys
atexit.register(lambda: print([n for n in {HEAVY} if n in sys.modules], file=sys.stderr))
{program}
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(TEMPLATE), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert "usage" in done.stdout


def test_help_shows_each_option_once(parse, capsys):
    with pytest.raises(SystemExit) as left:
        parse("--help")
    assert left.value.code == 0
    out = capsys.readouterr().out
    assert "--argo_server " in out and "--argo-server" not in out.partition("\n\n")[2]


def test_an_option_may_be_typed_with_dashes():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dry_run")
    parser.add_argument("--already-so", "--already_so")
    take_dashes(parser)
    args = parser.parse_args(["--dry-run", "1", "--already-so=2"])
    assert (args.dry_run, args.already_so) == ("1", "2")
    assert "--dry-run" not in parser.format_help()
