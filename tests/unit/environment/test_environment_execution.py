"""What an experiment finds wherever its tasks run."""

import pytest

from hera_utils.context.cli_context import parse_arguments
from hera_utils.environment.execution import PERSISTED_VOLUME, EnvironmentOfExecution
from hera_utils.errors import UserError
from hera_utils.platform.cluster import k8s_cluster


class Recording(k8s_cluster):
    """A cluster that remembers what was to be provided."""

    def __init__(self, args):
        super().__init__(args)
        self.provided = []

    def provide_volume_claim(self, name):
        self.provided.append(("claim", name))
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
    assert cluster.provided == [("claim", "results"), ("configmap", "proxy", {"A": "b"})]
    _, cluster = environment(args, claim_name="")
    assert cluster.provided == []


def test_the_one_place_that_composes_an_image_reference(args):
    made, _ = environment(args, registry="r.example.org/project/")
    assert made.image("collect") == "r.example.org/project/population-collect:latest"
    assert made.image("collect", "v1") == "r.example.org/project/population-collect:v1"
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
