"""What the report of a run says, as one document: the page shows it, machines read it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hera_experiment.account.account import Account
from hera_experiment.argo.images import container_of
from hera_experiment.argo.names import EXPERIMENT_LABEL
from hera_experiment.argo.tasks import elapsed, name_of
from hera_experiment.context.masking import shown
from hera_experiment.context.profiles import LOCAL
from hera_experiment.follow.lines import Line
from hera_experiment.follow.summary import verdict
from hera_experiment.graph.of_status import places
from hera_experiment.record.arguments import values_of
from hera_experiment.report.outputs import outputs_of
from hera_experiment.report.tasks import PodTimes, asked_of, began_of, rows_of

Json = dict[str, Any]

_PATCH = 100_000
"""Characters of the longest difference of code that is shown."""


@dataclass(frozen=True)
class Told:
    """What had to be asked for, beside the account of a run.

    ``failures`` are the lines that say why it failed. ``logs`` are the last lines of tasks, by
    their name. ``difference`` is what its code had other than the commit. ``pods`` and ``digests``
    are what a cluster said of pods, by the identifier of the node, and of images.
    """

    failures: Sequence[Line] = ()
    logs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    difference: str = ""
    pods: Mapping[str, PodTimes] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()


def document_of(account: Account, told: Told, now: datetime, room: int) -> Json:
    """Return the document; its pictures take no more than ``room`` bytes."""
    workflow, tasks = account.workflow, account.tasks
    rows = rows_of(workflow, tasks, places(workflow), told.pods, now)
    for row in rows:
        if row["name"] in told.logs:
            row["log"] = list(told.logs[row["name"]])
    return {
        "run": _run(account, now),
        "failures": _failures(told.failures),
        "inputs": _inputs(account),
        "arguments": _arguments(account),
        "code": _code(account, told.difference),
        "environment": _environment(account),
        "images": _images(account, told.digests),
        "templates": asked_of(workflow),
        "tasks": rows,
        **files_of(account, room),
        "remarks": [*account.remarks, *told.remarks],
    }


def files_of(account: Account, room: int) -> Json:
    """Return the part of the document that is about files; pictures take at most ``room`` bytes."""
    files, more = outputs_of(account.folder, account.files, room)
    return {"files": files, "moreFiles": more}


def _run(account: Account, now: datetime) -> Json:
    workflow, record = account.workflow, account.record
    status, metadata = workflow.get("status") or {}, workflow["metadata"]
    began = began_of(workflow)
    return {
        "name": account.name,
        "namespace": account.namespace,
        "cluster": account.cluster,
        "isLocal": account.cluster == LOCAL,
        "phase": account.phase,
        "hasEnded": account.has_ended,
        "verdict": verdict(workflow, now).text.removeprefix(f"workflow {name_of(workflow)}: "),
        "message": str(status.get("message") or ""),
        "created": str(metadata.get("creationTimestamp") or ""),
        "began": began.isoformat(timespec="milliseconds") if began else "",
        "ended": str(status.get("finishedAt") or ""),
        "seconds": elapsed(status.get("startedAt"), status.get("finishedAt"), now),
        "script": " ".join([account.script, shlex.join(account.origin.arguments or ())]).strip(),
        "inputs": record.inputs if record else "",
        "runtime": record.runtime if record else "",
        "library": record.library if record else "",
        "note": record.note if record else "",
        "experiment": str((metadata.get("labels") or {}).get(EXPERIMENT_LABEL) or ""),
        "folder": f"{account.folder.name}/",
        "written": now.isoformat(timespec="seconds"),
    }


def _failures(lines: Sequence[Line]) -> list[Json]:
    """Return the failures one by one: what failed, and the lines about it."""
    found: list[Json] = []
    for line in lines:
        if line.style.startswith("bold"):
            found.append({"head": line.text, "lines": []})
        elif found and (line.text or found[-1]["lines"]):
            found[-1]["lines"].append(line.text.removeprefix("    "))
        elif line.text:
            found.append({"head": line.text, "lines": []})
    for each in found:
        while each["lines"] and not each["lines"][-1]:
            each["lines"].pop()
    return found


def _inputs(account: Account) -> list[Json]:
    origin = account.origin
    rows = []
    for name, value in origin.inputs.items():
        row: Json = {"name": name, "value": value}
        if name in origin.defaults:
            row["default"] = origin.defaults[name]
        rows.append(row)
    if not rows:
        arguments = (account.workflow.get("spec") or {}).get("arguments") or {}
        for each in arguments.get("parameters") or ():
            rows.append({"name": str(each.get("name")), "value": each.get("value")})
    return rows


def _arguments(account: Account) -> list[Json]:
    """Return the arguments of the script; of a secret the name alone is known."""
    origin = account.origin
    rows: list[Json] = [
        {"name": name, "value": value} for name, value in values_of(origin.arguments or ()).items()
    ]
    return [*rows, *({"name": name, "withheld": True} for name in origin.withheld)]


def _code(account: Account, difference: str) -> Json:
    code = account.origin.code.document()
    if len(difference) > _PATCH:
        code["cut"] = True
    if difference:
        code["difference"] = difference[:_PATCH]
    if code.get("remote"):
        code["remote"] = shown(code["remote"])
    return code


def _environment(account: Account) -> Json:
    origin = account.origin
    return {
        "python": origin.python,
        "machine": dict(origin.machine),
        "platform": dict(origin.platform),
        "packages": dict(origin.packages),
    }


def _images(account: Account, digests: Mapping[str, str]) -> list[Json]:
    slug = str((account.workflow["metadata"].get("labels") or {}).get(EXPERIMENT_LABEL) or "")
    found: dict[str, Json] = {}
    for template, asked in asked_of(account.workflow).items():
        image = asked["image"]
        row = found.setdefault(image, {"image": image, "templates": []})
        row["templates"].append(template)
        digest = image.partition("@")[2] or digests.get(image, "")
        if digest:
            row["digest"] = digest
        if container := container_of(image, slug):
            row["container"] = container
    return list(found.values())
