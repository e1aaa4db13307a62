"""Secrets: what everybody can read who may read workflows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from hera_experiment.lint.rule import WARNING, Finding, Path, Rule
from hera_experiment.lint.subject import Part, Subject, text, texts

_NAME = re.compile(
    r"(^|[^a-z])(passw(or)?d|passphrase|secret|token|api_?key|access_?key|secret_?key|private_?key"
    r"|credentials?)$"
)
_SHAPE = re.compile(
    r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60}|glpat-[\w-]{20}"
    r"|xox[abpr]-[\w-]{10}|-----BEGIN [A-Z ]*PRIVATE KEY-----|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\."
    r"|hf_[A-Za-z0-9]{30}|sk-[A-Za-z0-9_-]{32}"
)
_OPTION = re.compile(r"^--?([A-Za-z][\w-]*)=(.+)$", re.DOTALL)
_HARMLESS = re.compile(
    r"\s*(\{\{.*\}\}|\$\(?\{?\w+\}?\)?|<.*>|true|false|null|none|\d{0,4})\s*", re.I
)
_ADVICE = "keep it in a Secret: make provision, then SecretEnv or env_from (secretKeyRef)"


def plain_secret(subject: Subject) -> Iterator[Finding]:
    """A secret stands in the workflow.

    Whoever may list workflows reads its parameters, variables and words; Argo keeps them in its
    archive, and shows them in its pages. Judged by the name (`password`, `token`, `api_key`, …),
    or by the shape of well-known keys. The value is not printed.

    Fails::

        entrypoint: main
        templates:
        - name: main
          container:
            image: "python:3.12"
            command: [python]
            env: [{name: DB_PASSWORD, value: swordfish}]

    Passes::

        entrypoint: main
        templates:
        - name: main
          container:
            image: "python:3.12"
            command: [python]
            env:
            - name: DB_PASSWORD
              valueFrom: {secretKeyRef: {name: database, key: password}}
    """
    told: set[Path] = set()
    for path, name, value in _named(subject):
        if not _HARMLESS.fullmatch(value) and _NAME.search(_words(name)):
            told.add(path)
            yield Finding(f"'{name}' holds a secret in plain text", path, _ADVICE)
    for path, value in texts(subject.spec.body, subject.spec.path):
        if path not in told and holds_key(value):
            yield Finding("a value has the shape of a secret key", path, _ADVICE)


def holds_key(value: str) -> bool:
    """Tell whether something in ``value`` has the shape of a well-known key."""
    return _SHAPE.search(value) is not None


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()


def _named(subject: Subject) -> Iterator[tuple[Path, str, str]]:
    holders: list[Iterable[Part]] = [subject.spec.parts("arguments", "parameters")]
    for template in subject.templates:
        holders.append(template.parts("inputs", "parameters"))
        holders += [call.arguments for call in template.calls]
    holders += [part.parts("env") for part in subject.containers]
    for holder in holders:
        for part in holder:
            for key in ("value", "default"):
                if value := text(part.body.get(key)):
                    yield (*part.path, key), part.name, value
    for part in subject.containers:
        for path, word in texts(part.body.get("args"), (*part.path, "args")):
            if found := _OPTION.match(word):
                yield path, found[1], found[2]


RULES = (Rule("HE701", "plain-secret", WARNING, "a secret stands in the workflow", plain_secret),)
