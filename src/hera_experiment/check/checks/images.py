"""IMAGES."""

from __future__ import annotations

from functools import partial

from hera_experiment.argo.images import LOCAL_REGISTRY, container_of
from hera_experiment.check.facts import together
from hera_experiment.check.model import Outcome, check, failure, ok, unknown
from hera_experiment.check.subject import Subject
from hera_experiment.check.words import worst
from hera_experiment.errors import UserError
from hera_experiment.platform.registry import Image


@check(
    code="IMAGES",
    category="images",
    title="its images are there",
    needs=("SCRIPT",),
    unless_failed=("REGISTRY-REACHABLE", "REGISTRY-SIGNED-IN"),
)
def images(subject: Subject) -> Outcome:
    """Check that each image of the workflow is in its registry (HEAD, with the dance for a token).

    Unknown where a registry other than your own does not answer from here, or does not let you
    see: the nodes may have another way, or have the image already.
    """
    names = [name for name in subject.demand.images if "{{" not in name]
    return worst(together(*(partial(_of, subject, name) for name in names)), "it has none")


def _of(subject: Subject, name: str) -> Outcome:
    image = Image.parse(name)
    container = container_of(name, subject.context.experiment.slug)
    is_own = (subject.context.experiment.containers / str(container) / "Dockerfile").is_file()
    if is_own and image.registry == LOCAL_REGISTRY:
        return unknown(
            f"{name}: no registry is set, a node runs it only if it has it",
            "set REGISTRY to the registry that the cluster pulls from",
        )
    try:
        present = subject.registry(image.registry).has(image)
    except UserError as error:
        return unknown(f"{name}: {error.what}")
    if present is None:
        return unknown(f"{name}: {image.registry} does not let you see")
    if present:
        return ok(name)
    cluster = subject.context.cluster
    if is_own:
        advice = "make build push" + (f" CLUSTER={cluster}" if cluster else "")
    else:
        advice = "correct its name or tag in workflow.py, or push it"
    return failure(f"{name} is missing", f"{image.registry} has no image {name}", advice)
