"""Names: what Kubernetes takes as the name of an object, a pod, a volume, a label."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hera_experiment.argo.names import GENERATED_PREFIX, OBJECT_NAME, WORKFLOW_NAME
from hera_experiment.lint.rule import ERROR, WARNING, Finding, Rule
from hera_experiment.lint.subject import Subject, text

_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?", re.ASCII)
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", re.ASCII)
_LABEL_LENGTH = 63
_RULE = "lower case letters, digits and '-', beginning and ending with a letter or digit"


def long_generated_name(subject: Subject) -> Iterator[Finding]:
    """A name that the server is to complete is cut.

    Of `generateName` the server keeps 58 characters and adds five: a workflow's name has 63 at
    most, since it becomes the value of a label. What is cut off is what tells two workflows apart.

    Fails::

        kind: Workflow
        metadata:
          generateName: populations-of-the-boroughs-of-lyon-from-1999-to-2016-by-age-
        spec:
          entrypoint: main
          templates:
          - name: main
            container: {image: "python:3.12", command: [python]}

    Passes::

        kind: Workflow
        metadata:
          generateName: boroughs-of-lyon-by-age-
        spec:
          entrypoint: main
          templates:
          - name: main
            container: {image: "python:3.12", command: [python]}
    """
    name = text(subject.metadata.body.get("generateName"))
    if len(name) > GENERATED_PREFIX and not subject.metadata.body.get("name"):
        kept = name[:GENERATED_PREFIX]
        message = (
            f"generateName has {len(name)} characters, and the server keeps {GENERATED_PREFIX}"
            f" of them: '{kept}'"
        )
        advice = f"a workflow's name has {WORKFLOW_NAME} characters at most, five are the server's"
        yield Finding(message, (*subject.metadata.path, "generateName"), advice)


def object_name(subject: Subject) -> Iterator[Finding]:
    """The object's name is none for Kubernetes.

    Argo's own checks accept it; Kubernetes refuses to keep the object (RFC 1123).

    Fails::

        kind: Workflow
        metadata:
          generateName: My_Workflow-
        spec:
          entrypoint: main
          templates:
          - name: main
            container: {image: "python:3.12", command: [python]}

    Passes::

        kind: Workflow
        metadata:
          generateName: my-workflow-
        spec:
          entrypoint: main
          templates:
          - name: main
            container: {image: "python:3.12", command: [python]}
    """
    for key, suffix in (("name", ""), ("generateName", "x")):
        name = text(subject.metadata.body.get(key))
        if name and not OBJECT_NAME.fullmatch(name + suffix):
            message = f"'{name}' is no name of a Kubernetes object (RFC 1123)"
            yield Finding(message, (*subject.metadata.path, key), f"use {_RULE}")


def template_name(subject: Subject) -> Iterator[Finding]:
    """The name of a template makes names of pods that Kubernetes refuses.

    Argo accepts capitals in the names of templates. But it names a pod after its workflow and its
    template, and the name of a pod has none: the task ends with an error when it is to begin. Names
    of tasks may have capitals, and so may a template that becomes no pod of such a name (`dag`,
    `steps`, or the entry point itself).

    Fails::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - {name: count, template: Count}
        - name: Count
          container: {image: "python:3.12", command: [python]}

    Passes::

        entrypoint: main
        templates:
        - name: main
          dag:
            tasks:
            - {name: Count, template: count}
        - name: count
          container: {image: "python:3.12", command: [python]}
    """
    entry = text(subject.spec.body.get("entrypoint"))
    called = {text(call.body.get("template")) for each in subject.templates for call in each.calls}
    for template in subject.pods:
        name = template.name
        alone = name == entry and name not in called
        if name.lower() != name and not alone and "{{" not in name:
            message = f"the pods of template '{name}' would have capitals in their names"
            yield Finding(message, (*template.path, "name"), f"call it '{name.lower()}'")


def label(subject: Subject) -> Iterator[Finding]:
    """A label has a value that Kubernetes refuses.

    A value has 63 characters at most: letters, digits, `-`, `_` and `.`, a letter or digit first
    and last. Labels of the workflow are refused with it, those of a template with its pods.

    Fails::

        kind: Workflow
        metadata:
          generateName: example-
          labels: {question: "How many inhabitants?"}
        spec:
          entrypoint: main
          templates:
          - name: main
            container: {image: "python:3.12", command: [python]}

    Passes::

        kind: Workflow
        metadata:
          generateName: example-
          labels: {question: inhabitants}
          annotations: {question: "How many inhabitants?"}
        spec:
          entrypoint: main
          templates:
          - name: main
            container: {image: "python:3.12", command: [python]}
    """
    holders = [subject.metadata.at("labels"), subject.spec.at("podMetadata", "labels")]
    holders += [each.at("metadata", "labels") for each in subject.templates]
    for holder in holders:
        for key, value in holder.body.items():
            if not isinstance(value, str) or "{{" in value:
                continue
            if len(value) > _LABEL_LENGTH:
                problem = f"has {len(value)} characters of {_LABEL_LENGTH}"
            elif not _LABEL_VALUE.fullmatch(value):
                problem = f"cannot be '{value}'"
            else:
                continue
            advice = "say it in an annotation, which takes any text"
            yield Finding(f"the label '{key}' {problem}", (*holder.path, str(key)), advice)


def volume_name(subject: Subject) -> Iterator[Finding]:
    """A volume or a container has a name that Kubernetes refuses.

    Such a name is one label of RFC 1123: no capitals, no `_`, no full stop, 63 characters at most.
    Argo accepts it, and each pod that has it ends with an error.

    Fails::

        entrypoint: main
        volumes:
        - {name: my_data, emptyDir: {}}
        templates:
        - name: main
          container:
            image: "python:3.12"
            command: [python]
            volumeMounts: [{name: my_data, mountPath: /data}]

    Passes::

        entrypoint: main
        volumes:
        - {name: my-data, emptyDir: {}}
        templates:
        - name: main
          container:
            image: "python:3.12"
            command: [python]
            volumeMounts: [{name: my-data, mountPath: /data}]
    """
    found = [("volume", part) for part in subject.spec.parts("volumes")]
    found += [("volume", part) for each in subject.templates for part in each.parts("volumes")]
    found += [("container", part) for part in subject.containers]
    for kind, part in found:
        name = part.name
        if not name or "{{" in name:
            continue
        if len(name) > _LABEL_LENGTH or not _DNS_LABEL.fullmatch(name):
            message = f"'{name}' is no name of a {kind} (RFC 1123, {_LABEL_LENGTH} characters)"
            yield Finding(message, (*part.path, "name"), f"use {_RULE}")


RULES = (
    Rule("HE201", "generated-name-cut", WARNING, "generateName is cut", long_generated_name),
    Rule(
        "HE202",
        "object-name",
        ERROR,
        "the name of the object is none for Kubernetes",
        object_name,
        says=r"RFC 1123 subdomain",
    ),
    Rule(
        "HE203",
        "template-name",
        WARNING,
        "pods would have capitals in their names",
        template_name,
    ),
    Rule(
        "HE204",
        "label-value",
        WARNING,
        "Kubernetes refuses the value of a label",
        label,
        r"a valid label must be",
    ),
    Rule(
        "HE205",
        "volume-name",
        ERROR,
        "Kubernetes refuses the name of a volume",
        volume_name,
        r"RFC 1123 label",
    ),
)
