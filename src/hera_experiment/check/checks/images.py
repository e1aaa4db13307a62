"""Checks of the registry and of the workflow's images."""

from __future__ import annotations

from functools import partial

from hera_experiment.argo.images import LOCAL_REGISTRY, container_of
from hera_experiment.check.cached_facts import run_concurrently
from hera_experiment.check.outcome import (
    CannotTell,
    Outcome,
    failed,
    failure,
    ok,
    unknown,
    warning,
    worst,
)
from hera_experiment.check.runner import Check
from hera_experiment.check.scheduling import name_of, takes
from hera_experiment.check.target import CheckTarget
from hera_experiment.errors import UserError
from hera_experiment.platform.registry import DOCKER_HUB, Image

_OFFICIAL = "library/"


def registry_reachable(target: CheckTarget) -> Outcome:
    """Check that the registry that REGISTRY names answers as a container registry does.

    Asked from this machine; nodes may have another way to it. Unknown when none is set.
    """
    if not target.own_registry:
        raise CannotTell("none is set")
    try:
        target.registry(target.own_registry).ping()
    except UserError as error:
        return failed(error, "no answer", error.next_step)
    return ok(target.own_registry)


def registry_signed_in(target: CheckTarget) -> Outcome:
    """Check that the registry accepts the account that an engine keeps for it (``docker login``).

    Well where the registry asks nobody who they are.
    """
    host = target.own_registry
    try:
        registry = target.registry(host)
        if not registry.wants_sign_in():
            return ok("it asks for no account")
        if registry.has_credentials and registry.accepts_credentials():
            return ok(host)
    except UserError as error:
        return failed(error, "not known")
    where = target.context.where("registry")
    kept = "does not accept the account that is kept for it"
    cause = f"{host} {kept}" if registry.has_credentials else f"no account is kept for {host}"
    return failure(
        "signed out",
        f"{cause} ({where})",
        f"docker login {host}",
    )


def images(target: CheckTarget) -> Outcome:
    """Check that each image of the workflow is in its registry (HEAD, with the dance for a token).

    And that it is made for the processors of the nodes that take its pods, else of the machine that
    Argo's server runs on: a program for other ones ends with "exec format error".

    Unknown where a registry other than your own does not answer from here, or does not let you
    see: the nodes may have another way, or have the image already.
    """
    names = [name for name in target.requirements.images if "{{" not in name]
    found = run_concurrently(*(partial(_image, target, name) for name in names))
    return worst(found, "it has none")


def _image(target: CheckTarget, name: str) -> Outcome:
    image = Image.parse(name)
    container = container_of(name, target.context.experiment.slug)
    is_own = (target.context.experiment.containers / str(container) / "Dockerfile").is_file()
    if is_own and image.registry == LOCAL_REGISTRY:
        return unknown(
            f"{name}: no registry is set, a node runs it only if it has it",
            "set REGISTRY to the registry that the cluster pulls from",
        )
    try:
        present = target.registry(image.registry).has(image)
    except UserError as error:
        return unknown(f"{name}: {error.what}")
    if present is None:
        return unknown(f"{name}: {image.registry} does not let you see")
    if present:
        return _made_for(target, name, image)
    if is_own:
        advice = target.make("build push")
    else:
        advice = "correct its name or tag in workflow.py, or push it"
    return failure(f"{name} is missing", f"{image.registry} has no image {name}", advice)


def _made_for(target: CheckTarget, name: str, image: Image) -> Outcome:
    """Say whether the image, which is there, is made for the processors that it will meet."""
    if image.registry == DOCKER_HUB and image.repository.startswith(_OFFICIAL):
        return ok(name)  # for all of them, and each look counts against one's limit
    try:
        found = target.registry(image.registry).platforms(image) or ()
    except UserError:
        return ok(name)
    # A node tells no variant: linux/arm64/v8 is for linux/arm64.
    made_for = {"/".join(each.split("/")[:2]) for each in found}
    going = _processors(target, name) if made_for else []
    lacking = [(where, have) for where, have in going if have not in made_for]
    if not lacking:
        return ok(name)
    shown = ", ".join(sorted(made_for))
    where, have = lacking[0]
    message = f"{name} is for {shown}"
    cause = (
        f"the image {name} is made for {shown}, and {where} is {have}: there its programs end with "
        "'exec format error'"
    )
    build = f"{target.make('build push')} BUILD_OPTIONS=--platform={have}"
    if len(lacking) < len(going):
        arch = sorted(made_for)[0].partition("/")[2]
        chosen = f"node_selector={{'kubernetes.io/arch': '{arch}'}}"
        return warning(
            message, cause, f"choose its nodes in workflow.py with {chosen}, or: {build}"
        )
    return failure(message, cause, f"{build}, or push an image that is made for {have}")


def _processors(target: CheckTarget, name: str) -> list[tuple[str, str]]:
    """Return which nodes the pods with the image may go to, and what for they take programs."""
    pods = [pod for pod in target.requirements.pods if name in pod.images]
    try:
        going = [node for pod in pods for node in takes(target.cluster.nodes, pod)]
    except (CannotTell, UserError):
        if any(pod.chooses_processor for pod in pods) or not target.argo.platform:
            return []
        return [("the machine of Argo's server", target.argo.platform)]
    found = []
    for node in going:
        about = (node.get("status") or {}).get("nodeInfo") or {}
        if about.get("architecture") and about.get("operatingSystem", "linux") == "linux":
            found.append((f"the node '{name_of(node)}'", f"linux/{about['architecture']}"))
    return found


CHECKS = (
    Check(
        code="REGISTRY-REACHABLE",
        category="images",
        title="the registry answers",
        function=registry_reachable,
        hint="correct REGISTRY, or join the VPN",
    ),
    Check(
        code="REGISTRY-SIGNED-IN",
        category="images",
        title="you are signed in to it",
        function=registry_signed_in,
        hint="docker login REGISTRY",
        needs=("REGISTRY-REACHABLE",),
    ),
    Check(
        code="IMAGES",
        category="images",
        title="its images are there",
        function=images,
        hint="make build push CLUSTER=NAME, or correct the name of the image in workflow.py",
        needs=("SCRIPT",),
        unless_failed=("REGISTRY-REACHABLE", "REGISTRY-SIGNED-IN"),
    ),
)
