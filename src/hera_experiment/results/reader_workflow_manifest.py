"""The workflow that reads a claim and hands over what it found as an artifact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hera_experiment.results import listing
from hera_experiment.results.reader_manifest import (
    DEADLINE,
    READER_LABEL,
    Likeness,
    container,
    preferring,
    volume,
)

ARTIFACT = "found"
"""The name of the artifact, and of its file."""
GONE = b"gone\n"
"""What is listed where there is no folder."""

_OUT = "/out"
_NEEDED = ("base64", "gzip", "wc", *listing.PROGRAMS)
_CHECK = f"""\
for program in {" ".join(_NEEDED)}; do
  command -v $program >/dev/null || {{ echo "the image has no $program" >&2; exit 65; }}
done
export LC_ALL=C
folder=$1 script=$2
shift 2
"""
LIST = f"""{_CHECK}
sh -c "$script" sh "$folder" >{_OUT}/{ARTIFACT}
status=$?
[ $status -ne {listing.NO_FOLDER} ] || {{ echo gone >{_OUT}/{ARTIFACT}; status=0; }}
exit $status
"""
"""Lists a folder, its first argument, by the script that is its second."""

# What tar cannot read is missed when the archive is compared with the list.
PACK = f"""{_CHECK}
printf %s "$@" | base64 -d | gzip -d >{_OUT}/names || exit
length=$(wc -c <{_OUT}/names)
sh -c "$script" sh "$folder" $length <{_OUT}/names | gzip -1 >{_OUT}/{ARTIFACT}
"""
"""Packs some files of a folder; their names follow, compressed and in pieces."""


def workflow_manifest(
    likeness: Likeness,
    name: str,
    claim: str,
    script: str,
    words: Sequence[str],
    *,
    account: str = "",
    label: str = "",
    node: str = "",
) -> dict[str, Any]:
    """Return the workflow that mounts ``claim`` and runs ``script`` with ``words``.

    What the script leaves in the file :data:`ARTIFACT` comes out; ``node`` is where its pod had
    better go.
    """
    metadata = likeness.metadata
    pod = likeness.pod(account)
    if node:
        pod["affinity"] = {"nodeAffinity": preferring(node), **(pod.get("affinity") or {})}
    if "priorityClassName" in pod:
        pod["podPriorityClassName"] = pod.pop("priorityClassName")
    program = container(likeness)
    # Argo names the container itself.
    del program["name"]
    program["command"] = ["sh", "-c", script, "sh", *words]
    program["volumeMounts"].append({"name": "out", "mountPath": _OUT})
    # Whether or not the pods' account may collect garbage, the workflow can be removed.
    garbage: dict[str, Any] = {"strategy": "OnWorkflowDeletion", "forceFinalizerRemoval": True}
    if "serviceAccountName" in pod:
        garbage["serviceAccountName"] = pod["serviceAccountName"]
    artifact = {"name": ARTIFACT, "path": f"{_OUT}/{ARTIFACT}", "archive": {"none": {}}}
    spec = {
        **pod,
        "entrypoint": "read",
        "podMetadata": metadata,
        "activeDeadlineSeconds": DEADLINE,
        "ttlStrategy": {"secondsAfterCompletion": DEADLINE},
        "artifactGC": garbage,
        "volumes": [volume(claim), {"name": "out", "emptyDir": {}}],
        "templates": [{"name": "read", "container": program, "outputs": {"artifacts": [artifact]}}],
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {
            "name": name,
            "labels": {READER_LABEL: label},
        },
        "spec": spec,
    }
