"""Any Hera script, unmodified, as ``__main__``, with the local server in place of every other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fake_server import Answer

from hera_experiment.context.endpoint_address import EndpointAddress
from hera_experiment.context.handing_on import handed_on
from hera_experiment.endpoint.defaults import Defaults
from hera_experiment.endpoint.server import Endpoint
from hera_experiment.endpoint.submission import Submission
from hera_experiment.environment.submissions import submitter_of
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.http_session import Session
from hera_utils.cli_context import parse_arguments

TEMPLATE = Path(__file__).resolve().parents[3] / "{{cookiecutter.project_slug}}"
HELLO = """
from hera.workflows import Container, Workflow
with Workflow(name="w", entrypoint="c"{}) as w:
    Container(name="c", image="i")
w.create()
"""


@pytest.fixture
def interpret(fake, tmp_path):
    """Run the text of a script under the interpreter, with ``fake`` as the local server."""

    def answer(asked):
        return Answer(asked.body["workflow"] if asked.method == "POST" else {})

    fake.answer = answer
    (tmp_path / "experiment.toml").write_text('[experiment]\nname="P"\nslug="p"\n')
    context = parse_arguments(argv=["--cluster=local"], environ={}, folder=tmp_path, home=tmp_path)
    client = ArgoClient(fake.url, Session(lambda: "Bearer secret.x"))
    submitter = submitter_of(context.experiment, client, "local", script=None)
    endpoint = Endpoint(Submission(submitter, defaults=Defaults({"of": "all"})))
    address = EndpointAddress(
        endpoint.url, endpoint.token, fake.url, "local", stand_in="the local one"
    )

    def interpret(script, *argv, name="scripts/script.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(script)
        base = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(TEMPLATE)}
        return subprocess.run(
            [sys.executable, "-m", "hera_experiment.environment.interpreter", name, *argv],
            cwd=tmp_path,
            env={**base, **handed_on(context, address)},
            capture_output=True,
            text=True,
            check=False,
        )

    interpret.folder = tmp_path
    yield interpret
    endpoint.close()


def quiet(done):
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_a_script_that_names_no_server(interpret, fake):
    quiet(interpret(HELLO.format("")))
    (asked,) = fake.asked
    assert asked.path == "/api/v1/workflows/local"
    assert asked.headers["Authorization"].startswith("Bearer secret.")


@pytest.mark.parametrize(
    "script",
    [
        "from hera.shared import global_config\n"
        "global_config.host = 'https://argo.example.org/argo'\n"
        "global_config.token = 'theirs'\n" + HELLO.format(""),
        "from hera.workflows import WorkflowsService\n"
        "s = WorkflowsService(host='https://argo.example.org/argo', token='theirs')\n"
        + HELLO.format(", workflows_service=s, namespace='theirs'")
        * 2,
        "from hera.shared import global_config\n"
        "def refuse(): raise SystemError('the token is asked for')\n"
        "global_config.host = 'https://argo.example.org/argo'\n"
        "global_config.token = refuse\n" + HELLO.format(""),
    ],
)
def test_a_script_that_names_a_server_is_told_once(interpret, fake, script):
    done = interpret(script)
    assert done.returncode == 0, done.stderr
    assert done.stderr == (
        "hera_utils: the script names the Argo server https://argo.example.org/argo; "
        "the local one takes its place\n"
    )
    assert all(a.headers["Authorization"].startswith("Bearer secret.") for a in fake.asked)


def test_a_script_that_reads_its_environment(interpret, fake):
    script = """
import os
from hera.shared import global_config
global_config.token = os.environ['ARGO_TOKEN'].replace('Bearer ', '')
global_config.host = os.environ['GLOBAL_CONFIG_HOST']
global_config.namespace = os.environ['GLOBAL_CONFIG_NAMESPACE']
"""
    quiet(interpret(script + HELLO.format("")))
    assert [asked.path for asked in fake.asked] == ["/api/v1/workflows/local"]


def test_it_is_main_with_its_own_arguments_and_modules(interpret):
    (interpret.folder / "scripts").mkdir()
    (interpret.folder / "scripts" / "neighbour.py").write_text("NAME = 'neighbour'")
    script = """
'''Its docstring.'''
import inspect, sys, neighbour, __main__
def f(): pass
print(__name__, __doc__, __file__, sys.argv, neighbour.NAME, __main__.f is f, f.__module__)
print(inspect.getsource(f).strip(), __builtins__ is not None, __spec__)
"""
    out = quiet(interpret(script, "--cluster", "x", "-h")).splitlines()
    assert out == [
        "__main__ Its docstring. scripts/script.py "
        "['scripts/script.py', '--cluster', 'x', '-h'] neighbour True __main__",
        "def f(): pass True None",
    ]


def test_its_own_exception_shows_its_own_frames_alone(interpret):
    done = interpret("def f():\n    raise ValueError('mine')\nf()\n")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert 'File "scripts/script.py", line 3, in <module>' in done.stderr
    assert done.stderr.endswith("ValueError: mine\n")
    assert "interpreter" not in done.stderr


def test_a_syntax_error_shows_the_line_alone(interpret):
    done = interpret("x = (\n")
    assert done.returncode == 1
    assert "SyntaxError" in done.stderr and "interpreter" not in done.stderr


@pytest.mark.parametrize(
    ("script", "status", "err"),
    [
        ("raise SystemExit(7)", 7, ""),
        ("import sys; sys.exit('bye')", 1, "bye\n"),
        ("import sys; sys.exit()", 0, ""),
        ("raise KeyboardInterrupt", 130, ""),
        (
            "from hera_utils import UserError\nraise UserError('what', 'where', 'next')",
            1,
            "hera_utils: what (where): next\n",
        ),
        ("import atexit; atexit.register(print, 'late')", 0, ""),
    ],
)
def test_how_a_script_ends(interpret, script, status, err):
    done = interpret(script)
    assert (done.returncode, done.stderr) == (status, err)


def test_a_refused_submission_is_one_sentence(interpret, fake):
    fake.answer = lambda asked: Answer({"code": 3, "message": "template 'c' is odd"}, 400)
    done = interpret(HELLO.format(""))
    assert done.returncode == 1
    assert done.stderr == (
        "hera_utils: the local server answers: template 'c' is odd (scripts/script.py, line 5)\n"
    )


def test_a_server_that_is_gone_is_one_sentence(interpret, fake):
    fake._server.socket.close()
    done = interpret(HELLO.format(""))
    assert done.returncode == 1
    assert done.stderr.startswith("hera_utils: nothing listens at http://127.0.0.1:")
    assert done.stderr.count("\n") == 1


def test_without_run_it_says_what_to_type(tmp_path):
    (tmp_path / "s.py").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "hera_experiment.environment.interpreter", "s.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(TEMPLATE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "make run SCRIPT=file.py" in done.stderr


def test_what_heras_models_drop_is_told(interpret, fake):
    script = """
from hera.workflows import Workflow
Workflow.from_yaml('''
metadata: {name: w, labels: {a: b}}
spec:
  entrypoint: c
  brandNew: {x: 1}
  templates: [{name: c, newer: 1m, retryStrategy: {limit: 2}, container: {image: i}}]
''').create()
"""
    done = interpret(script)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        f"hera_utils: Hera knows no field {path} and drops it: submit the file (SCRIPT=FILE.yaml)"
        for path in ("spec.brandNew", "spec.templates[0].newer")
    ]
    assert "brandNew" not in str(fake.asked[0].body)
