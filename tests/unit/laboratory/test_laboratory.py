"""What a laboratory adds to its ``hera_utils`` works in every verb."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hera_experiment
from hera_experiment import verbs

TEMPLATE = Path(__file__).resolve().parents[3] / "{{cookiecutter.project_slug}}"
ARGUMENT = '    Argument("gpu_queue", "GPU_QUEUE", "the queue of the GPUs", RESOURCE),\n)\n'
CHECKS = '''
    def assert_gpu_queue(self) -> bool:
        """Assert that the queue of the GPUs is open.

        More about it.
        """
        if self.args.gpu_queue == "closed":
            raise UserError("the queue is closed", "the laboratory", "wait until Monday")
        return self.args.gpu_queue == "open"

    def assert_size(self, size: str) -> bool:
        """Assert what needs an argument, which no verb can give."""
        raise AssertionError
'''
# Those that have no use for a context.
WITHOUT = {
    "dag",
    "help",
    "inputs",
    "lint",
    "new-container",
    "run",
    "serve",
    "test",
    "update",
    "verify",
}
SCRIPT = "import hera_utils\nprint('queue', hera_utils.parse_arguments().gpu_queue)\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project whose laboratory added an argument and an assertion."""
    shutil.copytree(TEMPLATE / "hera_utils", tmp_path / "hera_utils")
    (tmp_path / "experiment.toml").write_text('[experiment]\nname = "Try"\nslug = "try"\n')
    (tmp_path / "workflow.py").write_text(SCRIPT)
    context = tmp_path / "hera_utils" / "cli_context.py"
    text = context.read_text()
    assert text.count("RESOURCE),\n)\n") == 1
    context.write_text(text.replace("RESOURCE),\n)\n", f"RESOURCE),\n{ARGUMENT}"))
    for file, before in (
        ("cluster.py", "    def print_config"),
        ("server.py", "    def print_config"),
    ):
        path = tmp_path / "hera_utils" / file
        text = path.read_text()
        assert text.count(before) == 1
        added = CHECKS if file == "cluster.py" else CHECKS.replace("gpu_queue(", "server_queue(")
        path.write_text(
            text.replace(before, f"{added.lstrip()}\n{before}".replace("def", "    def", 1))
        )
    return tmp_path


def typed(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "hera_utils", *words],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.parametrize("verb", sorted(set(verbs.table()) - WITHOUT))
def test_an_argument_is_an_option_of_every_verb(folder: Path, verb: str) -> None:
    help_text = typed(folder, verb, "--help").stdout
    assert "--gpu_queue GPU_QUEUE" in help_text and "the queue of the GPUs" in help_text


def test_it_comes_from_every_source_and_reaches_the_script(folder: Path) -> None:
    (folder / "hera.config").write_text("GPU_QUEUE=of-the-file\n")
    assert "of-the-file" in typed(folder, "config").stdout
    assert "of-the-variable" in typed(folder, "config", GPU_QUEUE="of-the-variable").stdout
    (folder / "clusters").mkdir()
    (folder / "clusters" / "lab.config").write_text("GPU_QUEUE=of-the-profile\n")
    shown = typed(folder, "config", "--cluster=lab", GPU_QUEUE="of-the-variable").stdout
    assert "of-the-profile" in shown and "shadows GPU_QUEUE in the environment" in shown
    done = typed(folder, "submit", "--dry_run", "--gpu-queue=typed")
    assert "queue typed" in done.stderr, done.stderr


def check(folder: Path, queue: str) -> dict[str, dict[str, str]]:
    settings = {"ARGO_SERVER": "127.0.0.1:9", "ARGO_SECURE": "false", "ARGO_NAMESPACE": "n"}
    done = typed(folder, "check-cluster", "-o", "json", GPU_QUEUE=queue, **settings)
    document = json.loads(done.stdout)
    return {each["code"]: each for each in document["checks"]}


@pytest.mark.parametrize(
    ("queue", "status"), [("open", "ok"), ("closed", "failure"), ("busy", "unknown")]
)
def test_an_assertion_is_a_check(folder: Path, queue: str, status: str) -> None:
    found = check(folder, queue)
    mine = found["OWN-GPU-QUEUE"]
    assert mine["status"] == status
    assert mine["title"] == "the queue of the GPUs is open"
    if status == "failure":
        assert mine["message"] == "the queue is closed" and mine["advice"] == "wait until Monday"
    # The server is not there, which is one fault.
    assert found["OWN-SERVER-QUEUE"]["because"] == "ARGO-REACHABLE"
    assert "OWN-SIZE" not in found


def test_only_the_public_names_of_the_library_are_used() -> None:
    """By hera_utils and by the experiment: the rest of the library is private."""
    import ast

    for path in TEMPLATE.glob("**/*.py"):
        if "vendor" in path.parts or ".venv" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hera_exp"):
                assert node.module == "hera_experiment", path
                assert {name.name for name in node.names} <= set(hera_experiment.__all__), path
            elif isinstance(node, ast.Import):
                assert not any(name.name.startswith("hera_experiment") for name in node.names), path


def test_the_public_names_are_there_and_each_has_a_home() -> None:
    for name in hera_experiment.__all__:
        assert getattr(hera_experiment, name) is not None
    homes = " ".join(hera_experiment._HOME.values()).split()
    assert sorted(homes) == hera_experiment.__all__


def test_hera_utils_is_short_and_the_library_never_imports_it() -> None:
    files = list((TEMPLATE / "hera_utils").glob("*.py"))
    assert sum(len(path.read_text().splitlines()) for path in files) <= 800
    for path in Path(hera_experiment.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "import hera_utils" not in text and "from hera_utils" not in text, path
