"""Resources: memory, processors, sizes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from hera_experiment.lint.rule import ERROR, WARNING, Finding, Path, Rule
from hera_experiment.lint.subject import Part, Subject, mapping

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?", re.ASCII)
_SUFFIXES = {
    "": 1,
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{letter: 1000 ** (power + 1) for power, letter in enumerate("kMGTPE")},
    **{f"{letter}i": 1024 ** (power + 1) for power, letter in enumerate("KMGTPE")},
}


def quantity(subject: Subject) -> Iterator[Finding]:
    """A quantity is none for Kubernetes.

    Memory and sizes end in `Ki`, `Mi`, `Gi`, `Ti` (of 1024) or `k`, `M`, `G`, `T` (of 1000): there
    is no `B`. Processors are numbers such as `2`, `0.5` or `500m`. Argo's server refuses the
    workflow, or, where it does not look, Kubernetes each pod.

    Fails::

        entrypoint: main
        templates:
        - name: main
          container:
            image: "python:3.12"
            command: [python]
            resources: {requests: {memory: 2GB}}

    Passes::

        entrypoint: main
        templates:
        - name: main
          container:
            image: "python:3.12"
            command: [python]
            resources: {requests: {memory: 2Gi}}
    """
    for path, value in _quantities(subject):
        written = str(value).strip()
        if "{{" in written or (_QUANTITY.fullmatch(written) and written == str(value)):
            continue
        yield Finding(f"{path[-1]} is '{value}', which is no quantity", path, _meant(written))


def _meant(written: str) -> str:
    found = re.match(r"\s*([\d.]+)\s*([kmgtp])i?b?", written, re.IGNORECASE)
    if found is None:
        return "write a number with a suffix such as Gi or m"
    return f"did you mean '{found[1]}{found[2].upper()}i'?"


def more_than_limit(subject: Subject) -> Iterator[Finding]:
    """A container asks for more than its limit, or for a device without one.

    Kubernetes refuses the pod. Of devices (`nvidia.com/gpu`) the limit counts, and a request must
    be as high.

    Fails::

        entrypoint: main
        templates:
        - name: main
          container:
            image: "python:3.12"
            command: [python]
            resources: {requests: {memory: 4Gi}, limits: {memory: 2Gi}}

    Passes::

        entrypoint: main
        templates:
        - name: main
          container:
            image: "python:3.12"
            command: [python]
            resources: {requests: {memory: 2Gi}, limits: {memory: 4Gi}}
    """
    for part in subject.containers:
        resources = part.at("resources")
        limits = mapping(resources.body.get("limits"))
        for key, value in mapping(resources.body.get("requests")).items():
            path = (*resources.path, "requests", str(key))
            asked, limit = _number(value), _number(limits.get(key))
            if "/" in str(key) and key not in limits and asked:
                yield Finding(f"{key} is requested without a limit", path, "say it under limits")
            elif asked is not None and limit is not None and asked > limit:
                message = f"{key} is requested {value}, more than its limit {limits[key]}"
                yield Finding(message, path)


def tiny(subject: Subject) -> Iterator[Finding]:
    """Memory is asked for in thousandths of a byte.

    The suffix `m` is a thousandth: right for processors (`500m` is half of one). `512m` of memory
    is less than a byte, and a container with such a limit does not start.

    Fails::

        entrypoint: main
        templates:
        - name: main
          container:
            image: "python:3.12"
            command: [python]
            resources: {limits: {memory: 512m}}

    Passes::

        entrypoint: main
        templates:
        - name: main
          container:
            image: "python:3.12"
            command: [python]
            resources: {limits: {memory: 512Mi, cpu: 500m}}
    """
    for path, value in _quantities(subject):
        memory = path[-1] in ("memory", "storage", "ephemeral-storage", "sizeLimit")
        if memory and re.fullmatch(r"[\d.]+m", str(value)):
            message = f"{path[-1]} is '{value}', which is less than {str(value)[:-1]} bytes"
            yield Finding(message, path, f"did you mean '{str(value)[:-1]}Mi'?")


def _quantities(subject: Subject) -> Iterator[tuple[Path, object]]:
    holders = list(subject.containers)
    holders += [claim.at("spec") for claim in subject.spec.parts("volumeClaimTemplates")]
    for holder in holders:
        for kind in ("requests", "limits"):
            part = holder.at("resources", kind)
            yield from (((*part.path, str(key)), value) for key, value in part.body.items())
    volumes: list[Part] = list(subject.spec.parts("volumes"))
    volumes += [part for each in subject.templates for part in each.parts("volumes")]
    for volume in volumes:
        empty = volume.at("emptyDir")
        if "sizeLimit" in empty.body:
            yield (*empty.path, "sizeLimit"), empty.body["sizeLimit"]


def _number(value: object) -> Decimal | None:
    found = _QUANTITY.fullmatch(str(value)) if value is not None else None
    if found is None:
        return None
    suffix = found[2] or ""
    if suffix in _SUFFIXES:
        return Decimal(found[1]) * Decimal(_SUFFIXES[suffix])
    return Decimal(found[1] + suffix)


RULES = (
    Rule(
        "HE801",
        "quantity",
        ERROR,
        "no quantity for Kubernetes",
        quantity,
        says=r"quantit(y|ies)",
    ),
    Rule(
        "HE802",
        "more-than-limit",
        ERROR,
        "more is requested than the limit",
        more_than_limit,
        r"(equal to \S+ limit of|Limit must be set)",
    ),
    Rule("HE803", "less-than-a-byte", WARNING, "memory in thousandths of a byte", tiny),
)
