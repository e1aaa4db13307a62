"""What an experiment finds wherever its tasks run."""

import re

import pytest

from hera_experiment.errors import UserError
from hera_experiment.images.ledger import Ledger
from hera_experiment.images.source import BuildSettings
from hera_experiment.images.sources import Sources
from hera_utils.cli_context import parse_arguments
from hera_utils.cluster import k8s_cluster
from hera_utils.environment_of_execution import PERSISTED_VOLUME, EnvironmentOfExecution


class Recording(k8s_cluster):
    """A cluster that remembers what was to be provided."""

    def __init__(self, args):
        super().__init__(args)
        self.provided = []

    def provide_volume_claim(self, name, **options):
        self.provided.append(("claim", name, options))
        return True

    def provide_configmap(self, name, data):
        self.provided.append(("configmap", name, dict(data)))
        return True


@pytest.fixture
def args(tmp_path):
    (tmp_path / "experiment.toml").write_text(
        '[experiment]\nname="Population"\nslug="population"\n'
    )
    return parse_arguments(argv=["--argo_server=h:443"], environ={}, folder=tmp_path, home=tmp_path)


def environment(args, **options):
    cluster = Recording(args)
    given = {"claim_name": "results", "mount_path": "/results", **options}
    return EnvironmentOfExecution(cluster, args, **given), cluster


def test_what_is_declared_is_provided(args):
    _, cluster = environment(args, configmap_name="proxy", configmap_defaults={"A": "b"})
    claim = {"size": "1Gi", "access_modes": ("ReadWriteMany",), "storage_class": None}
    assert cluster.provided == [("claim", "results", claim), ("configmap", "proxy", {"A": "b"})]
    _, cluster = environment(args, claim_name="")
    assert cluster.provided == []


def test_the_one_place_that_composes_an_image_reference(args):
    folder = args.experiment.containers / "collect"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    made, _ = environment(args, registry="r.example.org/project/")
    assert made.image("collect", "v1") == "r.example.org/project/population-collect:v1"
    made, _ = environment(args)
    tagged = made.image("collect")
    # Never one that moves.
    assert re.fullmatch(r"localhost/population-collect:[0-9a-f]{16}", tagged)
    (folder / "new.py").write_text("1")
    assert made.image("collect") != tagged
    with pytest.raises(UserError, match="no containers/colect/Dockerfile: did you mean 'collect'"):
        made.image("colect")


def test_a_pushed_image_is_referred_to_by_its_digest(args):
    (args.experiment.containers / "collect").mkdir(parents=True)
    (args.experiment.containers / "collect" / "Dockerfile").write_text("FROM scratch\n")
    ledger = Ledger.of(args.experiment)
    sources = Sources(args.experiment, BuildSettings(), ledger)
    source = sources.wanted("collect")
    ledger.pushed(sources.reference(source, "r.example.org"), source, "sha256:00ff")
    made, _ = environment(args, registry="r.example.org")
    assert made.image("collect") == "r.example.org/population-collect@sha256:00ff"


def test_the_laptop_builds_what_it_needs(tmp_path):
    (tmp_path / "experiment.toml").write_text('[experiment]\nname="P"\nslug="population"\n')
    args = parse_arguments(argv=["--cluster=local"], environ={}, folder=tmp_path, home=tmp_path)
    made, _ = environment(args)
    assert made.image("collect") == "localhost/population-collect:latest"


def test_volume_and_settings_become_parts_of_a_workflow(args):
    from hera.workflows import Container, Workflow

    made, _ = environment(args, configmap_name="proxy")
    with Workflow(generate_name="w-", entrypoint="c", namespace="n") as w:
        Container(name="c", image="i", volumes=made.volumes, env_from=made.env_from)
    spec = w.to_dict()["spec"]
    (container,) = (template["container"] for template in spec["templates"])
    assert container["volumeMounts"] == [{"name": PERSISTED_VOLUME, "mountPath": "/results"}]
    assert container["envFrom"] == [{"configMapRef": {"name": "proxy", "optional": False}}]
    (volume,) = spec.get("volumes") or spec["templates"][0]["volumes"]
    assert volume["persistentVolumeClaim"] == {"claimName": "results"}
    assert made.persisted_volume.mount_path == "/results"


def test_nothing_declared_is_nothing(args):
    made, _ = environment(args, claim_name="")
    assert made.volumes == [] and made.env_from == []


def test_a_relative_mount_path_is_refused(args):
    with pytest.raises(UserError, match="not absolute"):
        environment(args, mount_path="results")
