"""What a workflow refers to: the present content, by digest where it is known."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_project import ImageProject

from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.images.published import ImageReferences, Published
from hera_experiment.platform.registry import ImageLookup
from hera_utils.cli_context import CLIContext

REGISTRY = "r.example.org/project"
DIGEST = "sha256:" + "0f" * 32


class Asked:
    """A registry that holds ``images``; remembers what it was asked."""

    def __init__(self, **images: str) -> None:
        self.images = images
        self.asked: list[str] = []
        self.is_down = False

    def __call__(self, reference: str) -> ImageLookup:
        self.asked.append(reference)
        if self.is_down:
            raise UserError("no answer")
        tag = reference.rpartition(":")[2]
        return ImageLookup(tag in self.images, self.images.get(tag, ""))


@pytest.fixture
def project(tmp_path: Path) -> ImageProject:
    return ImageProject(tmp_path)


def reference(project: ImageProject, find: Asked, registry: str = REGISTRY, **environ: str) -> str:
    return Published(project.experiment, registry, environ, find).reference("chart")


def test_a_recorded_digest_needs_no_request(project: ImageProject):
    sources, find = project.sources(), Asked()
    source = sources.wanted("chart")
    project.ledger.pushed(sources.reference(source, REGISTRY), source, DIGEST)
    assert reference(project, find) == f"{REGISTRY}/lyon-chart@{DIGEST}"
    assert find.asked == []
    # Another registry may have it or not.
    reference(project, find, "other.example.org")
    assert find.asked == [f"other.example.org/lyon-chart:{source.tag}"]


def test_a_changed_file_changes_the_reference(project: ImageProject):
    sources, find = project.sources(), Asked()
    source = sources.wanted("chart")
    project.ledger.pushed(sources.reference(source, REGISTRY), source, DIGEST)
    project.write("chart", "chart.py", "print('new')")
    tag = project.sources().wanted("chart").tag
    assert tag != source.tag
    assert reference(project, find) == f"{REGISTRY}/lyon-chart:{tag}"
    assert find.asked == [f"{REGISTRY}/lyon-chart:{tag}"]
    # Somebody else pushed it: one request tells.
    assert reference(project, Asked(**{tag: DIGEST})) == f"{REGISTRY}/lyon-chart@{DIGEST}"


def test_a_registry_that_is_down_is_asked_once(project: ImageProject):
    find = Asked()
    find.is_down = True
    published = Published(project.experiment, REGISTRY, {}, find)
    for container in ("chart", "collect", "chart"):
        tag = project.sources().wanted(container).tag
        assert published.reference(container) == f"{REGISTRY}/lyon-{container}:{tag}"
    assert len(find.asked) == 1


def test_without_a_registry_the_nodes_must_have_it(project: ImageProject):
    find = Asked()
    tag = project.sources().wanted("chart").tag
    assert reference(project, find, "") == f"localhost/lyon-chart:{tag}" and find.asked == []


def test_the_arguments_of_the_build_need_not_be_repeated(project: ImageProject):
    tag = project.build(PYTHON_IMAGE="mirror/python:3")
    assert reference(project, Asked()).endswith(f":{tag}")
    assert not reference(project, Asked(), PYTHON_IMAGE="other:1").endswith(f":{tag}")


def test_a_container_that_is_none(project: ImageProject):
    with pytest.raises(UserError, match="no containers/chat/Dockerfile"):
        Published(project.experiment, REGISTRY, {}, Asked()).reference("chat")


def test_the_laptop_runs_what_was_pushed(project: ImageProject):
    sources, find = project.sources(), Asked()
    source = sources.wanted("chart")

    def built(registry: str = "") -> str:
        return Published(project.experiment, registry, {}, find).built("chart")

    for registry in ("", REGISTRY):
        with pytest.raises(UserError, match=r"containers/chart/ .* never pushed.*make build push"):
            built(registry)
    # Where it went is known without a setting; the last push counts.
    other = "sha256:" + "1e" * 32
    project.ledger.pushed(f"h:5000/lyon-chart:{source.tag}", source, DIGEST)
    assert built() == built(REGISTRY) == f"h:5000/lyon-chart@{DIGEST}"
    project.ledger.pushed(sources.reference(source, REGISTRY), source, other)
    assert built() == built(REGISTRY) == f"{REGISTRY}/lyon-chart@{other}"
    find.images[source.tag] = DIGEST
    assert built("new.example.org") == f"new.example.org/lyon-chart@{DIGEST}"
    project.write("chart", "chart.py", "print('new')")
    with pytest.raises(UserError, match="never pushed"):
        built()


def test_the_platform_decides_about_the_reference(
    project: ImageProject, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(project.experiment.folder)
    experiment = Experiment.find(project.experiment.folder)
    name = f"{experiment.slug}-chart"
    source = project.sources().wanted("chart")
    project.ledger.pushed(f"{REGISTRY}/{name}:{source.tag}", source, DIGEST)

    def of(*words: str, tag: str = "") -> str:
        context = CLIContext.read(None, words, environ={}, folder=experiment.folder)
        return ImageReferences(context, "").of("chart", tag)

    assert of("--cluster=local") == of("--cluster=local", "--image=dockerfile")
    assert of("--cluster=local") == f"localhost/{name}:latest"
    assert of("--cluster=local", "--image=built") == f"{REGISTRY}/{name}@{DIGEST}"
    assert of("--cluster=local", "--image=built", tag="3") == f"localhost/{name}:3"
    with pytest.raises(UserError, match="dockerfile, built"):
        of("--cluster=local", "--image=pushed")
