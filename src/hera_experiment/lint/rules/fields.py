"""Fields: what Argo knows, and since which version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from hera_experiment.lint.rule import WARNING, Finding, Path, Rule
from hera_experiment.lint.subject import LATEST, Subject, Version

_NOT_KNOWN = r"not a field the engine knows"
_KUBERNETES_WRITES = "ObjectMeta"


def newer(subject: Subject) -> Iterator[Finding]:
    """A field is newer than the Argo server.

    The server leaves it out without a word, and so does Hera when it reads YAML: its models are
    those of Argo 4.0. Judged for the server that a workflow is submitted to, otherwise for Argo
    4.0; `make lint ARGO=3.7` asks for another one.

    Fails::

        entrypoint: main
        templates:
        - name: main
          pendingTimeout: 10m
          container: {image: "python:3.12", command: [python]}

    Passes::

        entrypoint: main
        templates:
        - name: main
          activeDeadlineSeconds: 600
          container: {image: "python:3.12", command: [python]}
    """
    for use in _used(subject):
        if use.since and subject.version < _version(use.since):
            message = f"'{use.name}' came with Argo {use.since}; {_shown(subject)} leaves it out"
            yield Finding(message, use.path)


def dropped(subject: Subject) -> Iterator[Finding]:
    """A field is no more, in the version of the Argo server.

    Argo 4.0 dropped `mutex`, `semaphore` and a CronWorkflow's `schedule`, each for a list of them:
    it leaves them out without a word.

    Fails::

        kind: CronWorkflow
        metadata: {name: census}
        spec:
          schedule: "0 3 * * *"
          schedules: ["0 3 * * *"]
          workflowSpec:
            entrypoint: main
            templates:
            - name: main
              container: {image: "python:3.12", command: [python]}

    Passes::

        kind: CronWorkflow
        metadata: {name: census}
        spec:
          schedules: ["0 3 * * *"]
          workflowSpec:
            entrypoint: main
            templates:
            - name: main
              container: {image: "python:3.12", command: [python]}
    """
    plural = {"mutex": "mutexes", "semaphore": "semaphores", "schedule": "schedules"}
    for use in _used(subject):
        if use.until and subject.version >= _version(use.until):
            message = f"'{use.name}' is no field of Argo {use.until} any more"
            advice = f"write a list: '{plural[use.name]}'" if use.name in plural else ""
            yield Finding(f"{message}; {_shown(subject)} leaves it out", use.path, advice)


def unknown(subject: Subject) -> Iterator[Finding]:
    """A field is none of Argo's.

    The server leaves it out without a word: misspelt, at the wrong place, or newer than Argo 4.1.
    (`argo lint` refuses such a file unless it is told `--strict=false`.)

    Fails::

        entrypoint: main
        templates:
        - name: main
          container:
            image: "python:3.12"
            comand: [python]

    Passes::

        entrypoint: main
        templates:
        - name: main
          container:
            image: "python:3.12"
            command: [python]
    """
    for use in _used(subject):
        if use.known is not None:
            close = get_close_matches(use.name, use.known, n=1)
            advice = f"did you mean '{close[0]}'?" if close else ""
            yield Finding(f"'{use.name}' is no field of Argo's {use.owner}", use.path, advice)


@dataclass(frozen=True)
class _Use:
    """A field that is worth a look; ``known`` has the fields of ``owner`` where it is none."""

    name: str
    path: Path
    owner: str
    since: str = ""
    until: str = ""
    known: list[str] | None = None


def _used(subject: Subject) -> Iterator[_Use]:
    # What Hera made has passed its models, which are those of the latest version.
    if subject.written or subject.version < LATEST:
        yield from _walk(subject.manifest, subject.kind.name, ())


def _walk(value: Any, kind: str, path: Path) -> Iterator[_Use]:
    from hera_experiment.argo.api_types import fields_of, is_type

    if kind[:2] in ("[]", "{}"):
        inner = kind[2:]
        if kind[:2] == "[]" and isinstance(value, list):
            for index, each in enumerate(value):
                yield from _walk(each, inner, (*path, index))
        elif kind[:2] == "{}" and isinstance(value, Mapping):
            for key, each in value.items():
                yield from _walk(each, inner, (*path, str(key)))
        return
    if kind == _KUBERNETES_WRITES or not is_type(kind) or not isinstance(value, Mapping):
        return
    fields = fields_of(kind)
    if not fields:
        return
    for key, each in value.items():
        name, here = str(key), (*path, str(key))
        if name not in fields:
            yield _Use(name, here, kind, known=list(fields))
            continue
        field = fields[name]
        if field.since or field.until:
            yield _Use(name, here, kind, field.since, field.until)
            continue  # what is below such a field is new or gone with it
        yield from _walk(each, field.kind, here)


def _version(written: str) -> Version:
    major, _, minor = written.partition(".")
    return int(major), int(minor or 0)


def _shown(subject: Subject) -> str:
    return f"Argo {subject.version[0]}.{subject.version[1]}"


RULES = (
    Rule(
        "HE901", "newer-field", WARNING, "a field is newer than the Argo server", newer, _NOT_KNOWN
    ),
    Rule("HE902", "dropped-field", WARNING, "a field that Argo dropped", dropped),
    Rule("HE903", "unknown-field", WARNING, "no field of Argo's", unknown, _NOT_KNOWN),
)
