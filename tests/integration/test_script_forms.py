"""Both forms of a script that the design promises, word for word, over the template's modules."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from polling import until
from shared_environments import SharedEnvironments

from hera_experiment.experiment import Experiment
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.local_server import acquire

TEMPLATE = Path(__file__).resolve().parents[2] / "{{cookiecutter.project_slug}}"
MODULES = ("workflow.py", "inputs.py", "layout.py", "environment.py", "containers", "hera_utils")
SETTINGS = """
[experiment]
name = "Population"
slug = "population"
[defaults]
k8s_volume_claim_name = "population-results"
"""

SHORT = """
from workflow import define_hera_workflow

import hera_utils
args = hera_utils.parse_arguments()
cluster = hera_utils.k8s_cluster(args)
argo_server = hera_utils.argo_server(cluster, args)
argo_server.define_argo_server_part_of_environment()
from environment import numerical_experiment_environment
environment = numerical_experiment_environment(cluster, args)
from inputs import inputs
from layout import experiment_layout
layout = experiment_layout(inputs.constants)
define_hera_workflow(environment, inputs, layout)
"""

FULLER = """
import os
from workflow import collect_container_constructor, print_script

if __name__ == "__main__":
    from hera_utils import parse_arguments
    args = parse_arguments()

    from environment import construct_environment
    environment = construct_environment(args)

    from inputs import inputs

    from layout import experiment_layout
    layout = experiment_layout(inputs.constants)

    from hera.workflows import DAG, Task, Workflow
    with Workflow(generate_name="do-some-stuff-", entrypoint="dag") as w:
        with DAG(name="dag"):
            dummy_fanin_t = print_script(name="print-results")
            collect_c = collect_container_constructor(
                environment,
                inputs.constants,
            )

            for vintage in inputs.parameters.vintages:
                results_dir = os.path.join(
                    environment.persisted_volume.mount_path,
                    layout.collect_output_dir(vintage)
                )
                collect_t = Task(
                    name="collect-" + layout.container_name_postend(vintage),
                    template=collect_c,
                    arguments={
                        "vintage": vintage,
                        "results_dir": results_dir,
                        "borough": "{{item}}",
                    },
                    with_items=inputs.parameters.boroughs,
                )
                collect_t >> dummy_fanin_t
    w.create()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder as the template makes it, with both scripts."""
    for name in MODULES:
        source = TEMPLATE / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path)
    (tmp_path / "experiment.toml").write_text(SETTINGS)
    (tmp_path / "short.py").write_text(SHORT)
    (tmp_path / "fuller.py").write_text(FULLER)
    return tmp_path


@pytest.fixture
def python(project: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python in the project, with no setting of any cluster."""
    strange = ("ARGO", "GLOBAL_CONFIG_", "HERA_UTILS_", "KUBE", "CLUSTER", "REGISTRY", "PYTHONPATH")
    environ = {name: v for name, v in os.environ.items() if not name.startswith(strange)}
    environ["HOME"] = str(project)

    def python(*argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *argv],
            cwd=project,
            env=environ,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return python


def collected(project: Path) -> dict[int, dict[str, int]]:
    """The populations that the tasks wrote to the claim, by vintage and borough."""
    found: dict[int, dict[str, int]] = {}
    for path in (project / ".hera" / "claims" / "population-results").glob("*/collect/*/*.json"):
        one = json.loads(path.read_text(encoding="utf-8"))
        found.setdefault(one["vintage"], {})[one["borough"]] = one["population"]
    return found


@pytest.fixture
def containers(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with SharedEnvironments.of(tmp_path_factory).lend_containers(project):
        yield


TOTALS = {1999: 445_452, 2006: 472_305, 2016: 515_695}


def check(project: Path) -> None:
    found = collected(project)
    assert {vintage: sum(of.values()) for vintage, of in found.items()} == TOTALS
    assert all(len(of) == 9 for of in found.values())


@pytest.mark.usefixtures("containers")
@pytest.mark.parametrize("form", ["short.py", "fuller.py"])
def test_a_form_runs_to_its_end(project, python, form):
    done = python("-m", "hera_utils", "run", form)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "takes its place" not in done.stderr
    check(project)


@pytest.mark.usefixtures("containers")
def test_a_form_runs_by_itself_with_the_platform_named(project, python):
    done = python("fuller.py", "--cluster", "local")
    assert done.returncode == 0, done.stderr
    with acquire(Experiment.find(project)) as lease:
        client = ArgoClient.for_local(lease)
        (workflow,) = client.list_workflows("local")
        name = workflow["metadata"]["name"]
        assert name.startswith("do-some-stuff-")
        until(lambda: client.get_workflow("local", name)["status"].get("finishedAt"), 300, 0.2)
        workflow = client.get_workflow("local", name)
        assert workflow["status"]["phase"] == "Succeeded", workflow["status"]
        client.close()
    check(project)


@pytest.mark.parametrize("form", ["short.py", "fuller.py"])
def test_no_platform_is_one_sentence_and_never_local(project, python, form):
    done = python(form)
    assert done.returncode == 1
    assert done.stderr.startswith("hera_utils: no execution platform is chosen")
    assert done.stderr.count("\n") == 1
    assert not (project / ".hera").exists()


def test_help_of_a_script_imports_neither_hera_nor_kubernetes(project, python):
    script = "import hera_utils\nhera_utils.parse_arguments()\n"
    (project / "help.py").write_text(script)
    done = python("-X", "importtime", "help.py", "--help")
    assert done.returncode == 0 and "--k8s_volume_claim_name" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert imported.isdisjoint({"hera", "kubernetes", "requests", "yaml", "rich"})
