"""Argo's verdict: what its own validator, and Kubernetes, would say."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hera_experiment.lint.meant import advice_for
from hera_experiment.lint.rule import ERROR, WARNING, Finding, Path, Rule
from hera_experiment.lint.subject import LATEST, Manifest, Subject, mapping, text

_NAMED = re.compile(
    r"templates\.(?P<template>[^\s.:]+)(?:\.(?:tasks\.|steps\[\d+\]\.)(?P<call>[^\s.:]+))?"
)


def refused_by_argo(subject: Subject) -> Iterator[Finding]:
    """Argo's server refuses the workflow.

    In Argo's own words, for the first of its rules that is broken: a variable that nothing gives a
    value, a cycle, a template that is not there, two loops in one task, a volume mounted twice.

    Fails::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - {name: count, template: count}
            - {name: chart, template: count, depends: cuont}
        - name: count
          container: {image: "python:3.12", command: [python]}

    Passes::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - {name: count, template: count}
            - {name: chart, template: count, depends: count}
        - name: count
          container: {image: "python:3.12", command: [python]}
    """
    for kind, message in _verdict(subject):
        if kind == "argo":
            yield Finding(message, place(subject, message), advice_for(subject, message))


def not_interpreted(subject: Subject) -> Iterator[Finding]:
    """Valid for Argo, and not interpreted on this machine.

    `make run` refuses it; a cluster runs it.

    Fails::

        entrypoint: main
        templates:
        - name: main
          resource: {action: get, manifest: "{apiVersion: v1, kind: Pod, metadata: {name: a}}"}

    Passes::

        entrypoint: main
        templates:
        - name: main
          container: {image: "python:3.12", command: [python]}
    """
    for kind, message in _verdict(subject):
        if kind == "unsupported":
            yield Finding(message, place(subject, message), "make submit runs it on a cluster")


def template_elsewhere(subject: Subject) -> Iterator[Finding]:
    """What the workflow refers to is not here.

    A template of another object (`templateRef`, `workflowTemplateRef`) that is judged neither with
    it nor kept by the server at hand: what Argo says of the workflow depends on it. Judge both
    together: `make lint SCRIPT="template.yaml workflow.yaml"`.

    Fails::

        workflowTemplateRef: {name: census}

    Passes::

        entrypoint: main
        templates:
        - name: main
          container: {image: "python:3.12", command: [python]}
    """
    for name in _missing(subject):
        message = f"the template object '{name}' is not here: what Argo says depends on it"
        yield Finding(message, (), "judge it along, or ask the cluster: make check-cluster")


def refused_by_kubernetes(subject: Subject) -> Iterator[Finding]:
    """Kubernetes refuses a pod or an object of the workflow for its form.

    Argo's validator lets it pass; the workflow, or its task, ends with an error. A name of a
    variable, a port, a time, a choice that is none.

    Fails::

        entrypoint: main
        templates:
        - name: main
          container:
            image: "python:3.12"
            command: [python]
            imagePullPolicy: Sometimes

    Passes::

        entrypoint: main
        templates:
        - name: main
          container:
            image: "python:3.12"
            command: [python]
            imagePullPolicy: IfNotPresent
    """
    for kind, message in _verdict(subject):
        if kind == "kubernetes":
            yield Finding(message, place(subject, message))


def place(subject: Subject, message: str) -> Path:
    """Return what a message of Argo's is about: the innermost task or template that it names.

    Where an input was not supplied, that is the task that did not, and not the template.
    """
    of_caller = "was not supplied" in message
    for found in reversed(list(_NAMED.finditer(message))):
        template = subject.by_name.get(found["template"])
        if template is None or (of_caller and not found["call"]):
            continue
        calls = (call.path for call in template.calls if call.name == found["call"])
        return next(calls, template.path)
    return subject.spec.path


def _verdict(subject: Subject) -> list[tuple[str, str]]:
    """Return what is said, each with who says it; asked once for each subject."""
    if not subject.said:
        subject.said.append(list(_asked(subject)))
    return subject.said[0]


def _asked(subject: Subject) -> Iterator[tuple[str, str]]:
    from hera_experiment.local.engine.validation import (
        judged,
        not_interpreted,
        refused_later,
    )
    from hera_experiment.local.errors import InvalidWorkflow

    if _missing(subject):
        return
    kind, kept = subject.kind.name, subject.kept
    try:
        normal = judged(_as_of_now(subject), lint=True, kind=kind, kept=kept)
    except InvalidWorkflow as error:
        yield "argo", error.message
        return
    try:
        for message in refused_later(normal, kind=kind, kept=kept):
            yield "kubernetes", message
    except InvalidWorkflow as error:
        yield "kubernetes", error.message
    try:
        for message in not_interpreted(normal, kind=kind):
            yield "unsupported", message
    except InvalidWorkflow as error:
        yield "unsupported", error.message


def _as_of_now(subject: Subject) -> Manifest:
    """Return the object for the validator, which is Argo 4.0's, from an older version."""
    spec = mapping(subject.manifest.get("spec"))
    if subject.version < LATEST and spec.get("schedule") and not spec.get("schedules"):
        return {**subject.manifest, "spec": {**spec, "schedules": [spec["schedule"]]}}
    return subject.manifest


def _missing(subject: Subject) -> list[str]:
    found = []
    references = [subject.spec.body.get("workflowTemplateRef")]
    for template in subject.templates:
        references += [call.body.get("templateRef") for call in template.calls]
    for reference in map(mapping, references):
        name = text(reference.get("name"))
        kind = "ClusterWorkflowTemplate" if reference.get("clusterScope") else "WorkflowTemplate"
        if name and "{{" not in name and subject.kept(kind, name) is None:
            found.append(name)
    return list(dict.fromkeys(found))


RULES = (
    Rule("HE101", "refused-by-argo", ERROR, "Argo's server refuses it", refused_by_argo),
    Rule(
        "HE102",
        "refused-by-kubernetes",
        ERROR,
        "Kubernetes refuses what comes of it",
        refused_by_kubernetes,
    ),
    Rule("HE103", "not-interpreted-here", WARNING, "valid, not interpreted here", not_interpreted),
    Rule(
        "HE104", "template-elsewhere", WARNING, "it refers to what is not here", template_elsewhere
    ),
)
