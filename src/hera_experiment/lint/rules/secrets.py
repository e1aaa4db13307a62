"""Secrets: what everybody can read who may read workflows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from hera_experiment.context.masking import holds_key, names_secret
from hera_experiment.lint.rule import WARNING, Finding, Path, Rule
from hera_experiment.lint.subject import Part, Subject, text, texts

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
        if not _HARMLESS.fullmatch(value) and names_secret(name):
            told.add(path)
            yield Finding(f"'{name}' holds a secret in plain text", path, _ADVICE)
    for path, value in texts(subject.spec.body, subject.spec.path):
        if path not in told and holds_key(value):
            yield Finding("a value has the shape of a secret key", path, _ADVICE)


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
