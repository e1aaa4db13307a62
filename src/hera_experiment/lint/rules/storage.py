"""Storage: volumes and claims."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from hera_experiment.argo.names import ACCESS_MODES
from hera_experiment.lint.rule import ERROR, WARNING, Finding, Rule
from hera_experiment.lint.subject import Subject, Template, mapping, text

_SHARED = {"ReadWriteMany", "ReadOnlyMany"}


def read_write_once(subject: Subject) -> Iterator[Finding]:
    """Tasks that run at once mount a claim that one node alone may mount.

    `ReadWriteOnce`, which is what Hera's `Volume` asks for unless told otherwise, lets the pods of
    one node mount the claim. Pods of a fan-out come to several nodes: those of the others wait for
    ever, without an error.

    Fails::

        entrypoint: main
        volumeClaimTemplates:
        - metadata: {name: work}
          spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
        templates:
        - name: main
          dag:
            tasks:
            - {name: count, template: count, withSequence: {count: 5}}
        - name: count
          container:
            image: "python:3.12"
            command: [python]
            volumeMounts: [{name: work, mountPath: /work}]

    Passes::

        entrypoint: main
        volumeClaimTemplates:
        - metadata: {name: work}
          spec: {accessModes: [ReadWriteMany], resources: {requests: {storage: 1Gi}}}
        templates:
        - name: main
          dag:
            tasks:
            - {name: count, template: count, withSequence: {count: 5}}
        - name: count
          container:
            image: "python:3.12"
            command: [python]
            volumeMounts: [{name: work, mountPath: /work}]
    """
    if subject.spec.body.get("parallelism") == 1:
        return
    for claim in subject.spec.parts("volumeClaimTemplates"):
        modes = mapping(claim.body.get("spec")).get("accessModes")
        modes = modes if isinstance(modes, list) else []
        if not modes or _SHARED.intersection(map(str, modes)):
            continue
        name = text(claim.at("metadata").body.get("name"))
        users = {each.name for each in subject.pods if name in set(_mounts(each))}
        if where := _fan_out(subject, users):
            message = f"the claim '{name}' is {modes[0]}, and {where} mount it at once"
            path = (*claim.path, "spec", "accessModes")
            advice = "say access_modes=[AccessMode.read_write_many] (ReadWriteMany)"
            yield Finding(message, path, advice)


def _mounts(template: Template) -> Iterator[str]:
    for part in template.containers:
        for mount in part.parts("volumeMounts"):
            yield mount.name


def _fan_out(subject: Subject, users: set[str]) -> str:
    """Return what may be at work at once of the templates ``users``, nothing where none may."""
    below: dict[str, set[str]] = {}

    def reached(name: str) -> set[str]:
        if name not in below:
            below[name] = {name}
            template = subject.by_name.get(name)
            for call in template.calls if template else ():
                below[name] |= reached(text(call.body.get("template")))
        return below[name]

    for template in subject.templates:
        if template.body.get("parallelism") == 1:
            continue
        using = [c for c in template.calls if reached(text(c.body.get("template"))) & users]
        for call in using:
            if call.is_fan_out:
                return f"the tasks of '{call.name}'"
        groups: dict[int, str] = {}
        for step in using if "steps" in template.body else ():
            if other := groups.get(step.group):
                return f"'{other}' and '{step.name}'"
            groups[step.group] = step.name
    return ""


def undeclared_volume(subject: Subject) -> Iterator[Finding]:
    """A container mounts a volume that is not there.

    Argo accepts the workflow; the task ends with an error when its pod is to be made: "volume not
    found in workflow spec".

    Fails::

        entrypoint: main
        volumes:
        - {name: results, persistentVolumeClaim: {claimName: results}}
        templates:
        - name: main
          container:
            image: "python:3.12"
            command: [python]
            volumeMounts: [{name: result, mountPath: /results}]

    Passes::

        entrypoint: main
        volumes:
        - {name: results, persistentVolumeClaim: {claimName: results}}
        templates:
        - name: main
          container:
            image: "python:3.12"
            command: [python]
            volumeMounts: [{name: results, mountPath: /results}]
    """
    spec = subject.spec
    if subject.kind.key == "template" or "workflowTemplateRef" in spec.body:
        return
    shared = {each.name for each in spec.parts("volumes")}
    shared |= {
        text(each.at("metadata").body.get("name")) for each in spec.parts("volumeClaimTemplates")
    }
    if "podSpecPatch" in spec.body or "templateDefaults" in spec.body:
        return
    for template in subject.templates:
        if "podSpecPatch" in template.body:
            continue
        known = shared | {each.name for each in template.parts("volumes")}
        # What artifacts and the executor mount is declared for them.
        for part in template.containers:
            for mount in part.parts("volumeMounts"):
                if not mount.name or mount.name in known or "{{" in mount.name:
                    continue
                close = get_close_matches(mount.name, known, n=1)
                advice = f"did you mean '{close[0]}'?" if close else "declare it among the volumes"
                message = f"template '{template.name}' mounts the volume '{mount.name}'"
                yield Finding(f"{message}, which is not there", (*mount.path, "name"), advice)


def claim_without_size(subject: Subject) -> Iterator[Finding]:
    """A claim is to be made and has no size, no access mode, or one that there is not.

    Kubernetes refuses it, and the workflow ends with an error before its first task.

    Fails::

        entrypoint: main
        volumeClaimTemplates:
        - metadata: {name: work}
          spec: {accessModes: [ReadWriteOnce]}
        templates:
        - name: main
          container: {image: "python:3.12", command: [python]}

    Passes::

        entrypoint: main
        volumeClaimTemplates:
        - metadata: {name: work}
          spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
        templates:
        - name: main
          container: {image: "python:3.12", command: [python]}
    """
    for claim in subject.spec.parts("volumeClaimTemplates"):
        spec = claim.at("spec")
        name = text(claim.at("metadata").body.get("name"))
        if not mapping(mapping(spec.body.get("resources")).get("requests")).get("storage"):
            advice = "say size='1Gi' (resources.requests.storage)"
            yield Finding(f"the claim '{name}' asks for no size", spec.path, advice)
        modes = spec.body.get("accessModes")
        if not modes:
            advice = "say access_modes=[…] (accessModes)"
            yield Finding(f"the claim '{name}' has no access mode", spec.path, advice)
        for mode in modes if isinstance(modes, list) else ():
            if mode not in ACCESS_MODES:
                message = f"the claim '{name}' has the access mode {mode!r}, which there is not"
                advice = f"take one of {', '.join(ACCESS_MODES)}"
                yield Finding(message, (*spec.path, "accessModes"), advice)


RULES = (
    Rule(
        "HE501", "read-write-once", WARNING, "a fan-out mounts a claim of one node", read_write_once
    ),
    Rule(
        "HE502", "undeclared-volume", ERROR, "a volume is mounted and not there", undeclared_volume
    ),
    Rule("HE503", "claim-without-size", ERROR, "Kubernetes refuses the claim", claim_without_size),
)
