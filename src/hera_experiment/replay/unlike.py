"""What of a task cannot be here as it was there: changed where it can be, said in one sentence."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hera_experiment.argo.images import container_of, image_reference
from hera_experiment.argo.tasks import Node
from hera_experiment.local.engine.validation import fields
from hera_experiment.local.runtimes.container import expand
from hera_experiment.local.runtimes.devices import missing_devices
from hera_experiment.local.runtimes.image_view import is_stock_python
from hera_experiment.local.runtimes.volumes import EMPTY, KINDS, volume_kind
from hera_experiment.replay.one_task import containers_in, mounts_of, template_of

_PYTHON = re.compile(r":(\d+\.\d+)")
_HERE = "{}.{}".format(*sys.version_info)
_KNOWN_FIELDS = ("metadata.name", "metadata.namespace")
_SERVICE = re.compile(r"\b[\w-]+(?:\.[\w-]+)*\.svc(?:\.cluster\.local)?\b")

_ENDS = (
    (
        r"OOMKilled|exit code 137",
        "it was ended for want of memory, or by force: {limit}",
    ),
    (
        r"[Ee]vict|low on resource|ephemeral.storage",
        "the node sent its pod away, which no machine repeats: ask for the memory and the disk "
        "that it needs (resources)",
    ),
    (
        r"pod deleted|[Nn]ode.{0,40}(?:lost|gone|NotReady|not ready|shut)|[Pp]reempt",
        "its pod or its node went away there, which is no fault of its own: 'make retry RUN={run}'",
    ),
    (
        r"ImagePull|ErrImage|InvalidImageName",
        "its image could not be pulled there: whether a cluster can is seen there alone",
    ),
    (
        r"[Uu]nschedulable|Insufficient|PodInitializing",
        "no node took its pod there: this machine takes any",
    ),
    (
        r"(?i)forbidden|unauthori[sz]ed|serviceaccount",
        "it had the rights of the service account '{account}' there: a task has none here",
    ),
)
"""What an end there (Argo's message, the last lines) means for one here."""


def use_own_images(
    manifest: Mapping[str, Any], slug: str, is_here: Callable[[str], bool]
) -> Iterator[str]:
    """Have the experiment's own images made of their recipes; yields what is said about others.

    ``is_here`` tells whether there is a recipe of a container.
    """
    for container in containers_in(template_of(manifest)):
        image = str(container.get("image") or "")
        name = container_of(image, slug)
        if name is None:
            version = _PYTHON.search(image)
            if version and is_stock_python(image) and version[1] != _HERE:
                yield f"{image} is this machine's Python {_HERE}: RUNTIME=docker takes that image"
            continue
        if is_here(name):
            container["image"] = image_reference("", slug, name)
        else:
            yield f"containers/{name}/ is not there: its image comes from its registry"


def adapt(manifest: Mapping[str, Any], pod: Node, account: str) -> Iterator[str]:
    """Replace what has no meaning on this machine; yields a sentence for each."""
    spec, template = manifest["spec"], template_of(manifest)
    for index, volume in enumerate(spec["volumes"]):
        kind = volume_kind(volume)
        if kind not in KINDS:
            spec["volumes"][index] = {"name": volume["name"], EMPTY: {}}
            paths = ", ".join(str(m.get("mountPath")) for m in mounts_of(template)[volume["name"]])
            yield f"{paths} was a volume of type {kind} there: it is an empty folder here"
    known = {
        "spec.nodeName": str(pod.get("hostNodeName") or ""),
        "spec.serviceAccountName": account,
    }
    for container in containers_in(template):
        yield from _without_refused(container)
        variables = []
        for variable in container.get("env") or ():
            source = variable.get("valueFrom") or {}
            field = (source.get("fieldRef") or {}).get("fieldPath")
            if field in known:
                variables.append({"name": variable["name"], "value": known[field]})
            elif "resourceFieldRef" in source or (field and field not in _KNOWN_FIELDS):
                yield f"the variable {variable['name']} was a fact of the pod there: it is not set"
            else:
                variables.append(variable)
        if "env" in container:
            container["env"] = variables
        _name_paths(container)
        for resource in missing_devices((container.get("resources") or {}).get("limits") or {}):
            yield f"it had {resource} there: this machine has not, so it runs without"


def what_ended_it(
    manifest: Mapping[str, Any], text: str, run: str, account: str, *, in_engine: bool = False
) -> Iterator[str]:
    """Yield what an end in these words means for a replay, a sentence each.

    ``in_engine`` tells that a container engine runs it, which is not told limits of memory.
    """
    limits = [
        str(limit)
        for container in containers_in(template_of(manifest))
        if (limit := ((container.get("resources") or {}).get("limits") or {}).get("memory"))
    ]
    limit = "its node may have had no more there, this machine may have"
    if limits:
        limit = f"it might take {limits[0]} there, "
        limit += "which RUNTIME=bubblewrap keeps" if in_engine else "and here as well"
    for pattern, sentence in _ENDS:
        if re.search(pattern, text):
            yield sentence.format(run=run, account=account or "default", limit=limit)
    written = str(template_of(manifest)) + text
    if services := sorted(set(_SERVICE.findall(written))):
        yield f"names of the cluster's network are not known here: {', '.join(services[:3])}"


def _without_refused(container: dict[str, Any]) -> Iterator[str]:
    for key, what in fields.CONTAINER.refused.items():
        if container.pop(key, None):
            yield f"{what} ({key}) have no effect here"


def _name_paths(container: dict[str, Any]) -> None:
    """Name the sub-paths that a mount had made of variables."""
    values = {each["name"]: str(each.get("value") or "") for each in container.get("env") or ()}
    for mount in container.get("volumeMounts") or ():
        if "subPathExpr" in mount:
            mount["subPath"] = expand(str(mount.pop("subPathExpr")), values)
