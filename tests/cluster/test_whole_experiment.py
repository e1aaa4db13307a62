"""The generated experiment on a real registry and a real cluster, with the documented commands.

One project for all tests of this file, in their order: its images are made once.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from comparison import differences
from PIL import Image
from real_cluster import RealCluster, absent
from shared_environments import SharedEnvironments
from stranger import Shell, copy_template

from hera_experiment import experiment as settings
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.local_server import acquire

NAME = "real"
SLUG = "census-by-test"
TO_THE_END = f"make build push submit results WAIT=1 CLUSTER={NAME}"
CENSUS = "containers/collect/census_lyon.csv"
RAISING = """

def _reads_what_is_not_there() -> None:
    {"vintage": 1999}["borough"]


_reads_what_is_not_there()
"""


TOWNS = """
from hera.workflows import DAG, Container, ExistingVolume, Parameter, Task, Workflow
from hera.workflows.models import VolumeMount
from hera_utils import parse_arguments

from environment import construct_environment

image = construct_environment(parse_arguments()).image("collect")
FOLDER = "/mnt/{{workflow.name}}"
own = VolumeMount(name="v", mount_path=FOLDER, sub_path="{{workflow.name}}")
town = VolumeMount(name="v", mount_path="/town", sub_path="data/towns/{{inputs.parameters.town}}")

with Workflow(
    generate_name="SLUG-",
    entrypoint="d",
    volumes=[ExistingVolume(name="v", claim_name="CLAIM", mount_path="/mnt")],
) as w:
    count = Container(
        name="count",
        image=image,
        command=["sh", "-c", "cat /town/people > {{inputs.parameters.to}}"],
        inputs=[Parameter(name="town"), Parameter(name="to")],
        volume_mounts=[own, town],
    )
    add = Container(
        name="add",
        image=image,
        command=["sh", "-c", "cat {{inputs.parameters.of}}/*"],
        inputs=[Parameter(name="of")],
        volume_mounts=[own],
    )
    with DAG(name="d"):
        each = Task(
            name="each",
            template=count,
            arguments={"town": "{{item}}", "to": FOLDER + "/{{item}}"},
            with_items=["north", "south", "west"],
        )
        each >> Task(name="sum", template=add, arguments={"of": FOLDER})
w.create()
"""


class Experiment(Shell):
    """The project on this machine and on the cluster."""

    def __init__(self, folder: Path, cluster: RealCluster) -> None:
        super().__init__(folder)
        self.cluster = cluster
        # pip reaches its index from a build through the host's network, wherever that is needed.
        self.environ["BUILD_OPTIONS"] = "--network=host"

    def submitted(self, output: str) -> str:
        names = set(re.findall(rf"\b{SLUG}-[bcdfghjklmnpqrstvwxz2456789]{{5}}\b", output))
        assert len(names) == 1, output
        return names.pop()

    def of_argo(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            self.cluster.kubectl(
                "get", "workflow", name, "-n", self.cluster["ARGO_NAMESPACE"], "-o", "json"
            )
        )
        return found

    def of_laptop(self, name: str) -> dict[str, Any]:
        with acquire(settings.Experiment.load(self.folder)) as lease:
            return ArgoClient.for_local(lease).get_workflow("local", name)


@pytest.fixture(scope="module")
def experiment(
    cluster: RealCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Experiment]:
    if shutil.which("docker") is None:
        absent("docker is not installed")
    folder = tmp_path_factory.mktemp("whole")
    copy_template(folder / "template")
    shell = Shell(folder)
    generated = shell(
        f'"{sys.executable}" -m cookiecutter --no-input ./template project_slug={SLUG}'
    )
    assert generated.returncode == 0, generated.stderr
    experiment = Experiment(folder / SLUG, cluster)
    profile = experiment.folder / "clusters" / f"{NAME}.config"
    profile.parent.mkdir(exist_ok=True)
    names = ("ARGO_SERVER", "ARGO_NAMESPACE", "ARGO_SERVICE_ACCOUNT", "KUBECONFIG", "REGISTRY")
    lines = [f"{name}={cluster[name]}" for name in names]
    lines += ["ARGO_SECURE=false", f"KUBEVOLUMECLAIMNAME={cluster['KUBEVOLUMECLAIMNAME']}"]
    profile.write_text("\n".join(lines) + "\n")
    profile.chmod(0o600)
    environments = SharedEnvironments.of(tmp_path_factory)
    environments.lend_venv(experiment)
    with environments.lend_containers(experiment.folder):
        yield experiment
    selector = f"hera-experiment/experiment={SLUG}"
    cluster.kubectl("delete", "workflow", "-n", cluster["ARGO_NAMESPACE"], "-l", selector)


@pytest.fixture(scope="module")
def laptop(experiment: Experiment) -> str:
    """The run on this machine that the others are held against."""
    done = experiment("make run")
    assert done.returncode == 0, done.stdout + done.stderr
    return experiment.submitted(done.stdout)


@pytest.fixture(scope="module")
def real(experiment: Experiment) -> tuple[str, subprocess.CompletedProcess[str]]:
    """The run on the cluster, and what was printed."""
    done = experiment(TO_THE_END)
    assert done.returncode == 0, done.stdout + done.stderr
    return experiment.submitted(done.stdout), done


def table(experiment: Experiment, platform: str, name: str) -> bytes:
    done = experiment(f"make --silent logs CLUSTER={platform} RUN={name} TASK=print-results")
    assert done.returncode == 0, done.stderr
    return done.stdout.encode()


def test_the_table_is_the_same_byte_for_byte(
    experiment: Experiment, laptop: str, real: tuple[str, Any]
) -> None:
    here, there = table(experiment, "local", laptop), table(experiment, NAME, real[0])
    assert here == there
    assert b"445452    472305    515695" in there


def test_every_file_is_the_same_and_the_chart_pixel_for_pixel(
    experiment: Experiment, laptop: str, real: tuple[str, Any]
) -> None:
    here, there = (experiment.folder / "results" / name for name in (laptop, real[0]))
    files = sorted(path.relative_to(here) for path in here.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(there) for path in there.rglob("*") if path.is_file())
    assert len(files) == 28
    for file in files:
        if file.suffix == ".png":
            with Image.open(here / file) as one, Image.open(there / file) as other:
                assert one.size == other.size == (1650, 900)
                assert one.convert("RGBA").tobytes() == other.convert("RGBA").tobytes()
        else:
            assert (here / file).read_bytes() == (there / file).read_bytes(), file


def test_the_status_tree_is_the_same_node_for_node(
    experiment: Experiment, laptop: str, real: tuple[str, Any]
) -> None:
    assert differences(experiment.of_argo(real[0]), experiment.of_laptop(laptop)) == []


def test_the_workflow_refers_to_its_images_by_digest(
    experiment: Experiment, real: tuple[str, Any]
) -> None:
    templates = experiment.of_argo(real[0])["spec"]["templates"]
    images = {t["name"]: t["container"]["image"] for t in templates if t.get("container")}
    registry = experiment.cluster["REGISTRY"]
    for container in ("collect", "chart"):
        assert re.fullmatch(
            rf"{re.escape(registry)}/{SLUG}-{container}@sha256:[0-9a-f]{{64}}", images[container]
        )


def test_a_stranger_is_told_where_to_look(real: tuple[str, Any]) -> None:
    name, done = real
    assert f"/workflows/experiments/{name}" in done.stdout
    assert f"workflow {name}: Succeeded" in done.stdout
    assert f"results/{name}/population.png" in done.stdout


def test_all_of_it_again_builds_and_pushes_nothing(experiment: Experiment) -> None:
    done = experiment(f"make build push CLUSTER={NAME}; make images CLUSTER={NAME}")
    assert done.returncode == 0, done.stderr
    assert "building" not in done.stdout + done.stderr
    assert "pushing" not in done.stdout + done.stderr
    assert done.stdout.count("sha256:") >= 2


def test_status_lists_the_runs_of_both_platforms(
    experiment: Experiment, laptop: str, real: tuple[str, Any]
) -> None:
    done = experiment("make status")
    assert done.returncode == 0, done.stderr
    assert laptop in done.stdout and real[0] in done.stdout
    assert done.stdout.index(real[0]) < done.stdout.index(laptop), "the newest comes first"


def test_a_changed_figure_fails_the_run_on_the_cluster_and_names_the_vintage(
    experiment: Experiment, real: tuple[str, Any]
) -> None:
    census = experiment.folder / CENSUS
    published = census.read_text()
    assert published.count("69331") == 1
    census.write_text(published.replace("69331", "69313"))
    try:
        done = experiment(TO_THE_END)
    finally:
        census.write_text(published)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "vintage 2006: the boroughs add up to 472287 inhabitants" in said
    assert "vintage 1999" not in said and "vintage 2016" not in said
    assert "Traceback" not in said


def test_a_task_that_raises_shows_its_stack_trace_on_the_terminal(
    experiment: Experiment, real: tuple[str, Any]
) -> None:
    program = experiment.folder / "containers" / "chart" / "chart.py"
    before = program.read_text()
    program.write_text(before + RAISING)
    inputs = experiment.folder / "inputs.py"
    every = inputs.read_text()
    # What is collected first does not matter: a pod takes seconds.
    inputs.write_text(every.replace("[1999, 2006, 2016]", "[2016]"))
    try:
        done = experiment(TO_THE_END)
    finally:
        program.write_text(before)
        inputs.write_text(every)
    assert done.returncode != 0
    assert "Traceback (most recent call last):" in done.stdout
    assert "in _reads_what_is_not_there" in done.stdout
    assert "KeyError: 'borough'" in done.stdout


def pods(workflow: dict[str, Any]) -> list[str]:
    """Return the tasks that ran."""
    nodes = workflow["status"]["nodes"].values()
    return sorted(node["displayName"] for node in nodes if node["type"] == "Pod")


def test_of_a_changed_program_only_what_follows_runs(
    experiment: Experiment, real: tuple[str, Any]
) -> None:
    program = experiment.folder / "containers" / "chart" / "chart.py"
    before = program.read_text()
    program.write_text(before + "\n# Other bytes, and the same chart.\n")
    try:
        done = experiment(
            f"make build push CLUSTER={NAME} && "
            f"make submit WAIT=1 CACHE=1 RUN={real[0]} CLUSTER={NAME}"
        )
    finally:
        program.write_text(before)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    # Where a registry tells what python:3.13-slim is, print-results is kept as well.
    found = re.search(rf"(2[78]) of 29 tasks are the same as in {real[0]} and are kept", said)
    assert found, said
    created = re.search(rf"^created ({SLUG}-\w+):", done.stdout, re.MULTILINE)
    assert created, said
    ran = pods(experiment.of_argo(created[1]))
    assert "chart" in ran and len(ran) == 29 - int(found[1])


def test_of_the_data_of_one_town_only_what_follows_runs(
    experiment: Experiment, real: tuple[str, Any]
) -> None:
    claim = experiment.cluster["KUBEVOLUMECLAIMNAME"]
    script = TOWNS.replace("SLUG", SLUG).replace("CLAIM", claim)
    (experiment.folder / "towns.py").write_text(script)
    for number, town in enumerate(("north", "south", "west")):
        folder = experiment.folder / "data" / "towns" / town
        folder.mkdir(parents=True)
        (folder / "people").write_text(f"{town} {number}\n")
    submit = f"make submit results SCRIPT=towns.py WAIT=1 CLUSTER={NAME}"
    try:
        first = experiment(submit)
        assert first.returncode == 0, first.stdout + first.stderr
        name = re.search(rf"^created ({SLUG}-\w+):", first.stdout, re.MULTILINE)
        assert name, first.stdout
        (experiment.folder / "data" / "towns" / "south" / "people").write_text("south 7\n")
        second = experiment(f"{submit} CACHE=1")
        third = experiment(f"{submit} CACHE=1")
    finally:
        shutil.rmtree(experiment.folder / "data")
    said = second.stdout + second.stderr
    assert second.returncode == 0, said
    assert f"2 of 4 tasks are the same as in {name[1]} and are kept" in said
    assert "each(south) runs: files of data/ that it sees have changed" in said
    again = re.search(rf"^created ({SLUG}-\w+):", second.stdout, re.MULTILINE)
    assert again, said
    assert pods(experiment.of_argo(again[1])) == ["each(0:south)", "sum"]
    log = experiment(f"make --silent logs CLUSTER={NAME} RUN={again[1]} TASK=sum")
    assert log.stdout.splitlines() == ["north 0", "south 7", "west 2"]
    files = experiment.folder / "results" / name[1]
    assert (files / "south").read_text() == "south 7\n"
    assert not (experiment.folder / "results" / again[1]).exists()

    said = third.stdout + third.stderr
    assert third.returncode == 0, said
    assert f"4 of 4 tasks are the same as in {again[1]} and are kept" in said
    assert f"it works in the files of {name[1]}" in said
