"""``python -m hera_utils``: verbs, and how it ends."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hera_experiment import verbs

TEMPLATE = Path(__file__).resolve().parents[3] / "{{cookiecutter.project_slug}}"


@pytest.fixture
def run(tmp_path):
    def run(*argv, **environ):
        return subprocess.run(
            [sys.executable, "-m", "hera_utils", *argv],
            cwd=tmp_path,
            env={"PYTHONPATH": str(TEMPLATE), "HOME": str(tmp_path), **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    run.folder = tmp_path
    return run


def test_help_lists_each_verb_with_one_line(run):
    for done in (run("--help"), run("help")):
        assert done.returncode == 0
        lines = [line.split(None, 1) for line in done.stdout.splitlines() if line.startswith("  ")]
        assert [verb for verb, _ in lines] == list(verbs.table())
        assert {"run", "serve", "test", "lint", "help", "config"} <= {verb for verb, _ in lines}
        assert all(text.strip() for _, text in lines)


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["rnu"], "there is no verb 'rnu' (on the command line): did you mean 'run'?"),
        (["--bogus"], "there is no option '--bogus'"),
        (["config", "--clutser=x"], "there is no option '--clutser'"),
        (["config", "surplus"], "a word on the command line"),
    ],
)
def test_a_wrong_word_is_one_sentence(run, argv, sentence):
    done = run(*argv)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_verb_shows_the_verbs_and_fails(run):
    done = run()
    assert done.returncode == 2 and "run" in done.stdout


def test_config_for_machines_has_each_value_its_source_and_no_secret(run):
    done = run("config", "-o", "json", ARGO_TOKEN="s3cret", ARGO_SERVER="h:443")
    document = json.loads(done.stdout)
    assert document["settings"]["argo_server"] == {
        "value": "h:443",
        "source": "ARGO_SERVER in the environment",
    }
    assert document["clusters"] == ["local"] and document["library"].startswith("hera_experiment")
    assert "s3cret" not in done.stdout


def test_config_prints_each_value_with_its_source_and_no_secret(run):
    (run.folder / "hera.config").write_text("ARGO_TOKEN='Bearer hush'\nARGO_SERVR=hush\n")
    (run.folder / "hera.config").chmod(0o600)
    done = run("config", "--registry=r.example.org/p", ARGO_SERVER="h:443")
    assert done.returncode == 0
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line.split()}
    token = rows["argo_token"].split(None, 2)[1:]
    assert token == ["********", "ARGO_TOKEN from ./hera.config, line 1"]
    assert "--registry on the command line" in rows["registry"]
    assert "ARGO_SERVER in the environment" in rows["argo_server"]
    assert "hush" not in done.stdout + done.stderr
    assert "ARGO_SERVR is not known" in done.stderr


def test_a_reader_that_leaves_is_no_error(run):
    command = f"{sys.executable} -m hera_utils --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=run.folder,
        env={"PYTHONPATH": str(TEMPLATE), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 141)
    assert done.stderr == ""
