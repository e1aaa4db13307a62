"""The examples in the rules' docstrings, as the objects they stand for."""

from __future__ import annotations

import re
from typing import Any

from hera_experiment.argo.objects import KINDS
from hera_experiment.lint.subject import Subject

_TEXT = re.compile(r"TEXT_(\d+)")
_TASKS = re.compile(r"TASKS_(\d+)")


def subject_of(example: str) -> Subject:
    """Return what ``example`` stands for: a whole object, or the ``spec`` of a Workflow.

    ``TEXT_1000`` stands for a comment of 1000 characters, ``TASKS_201`` for as many tasks.
    """
    import yaml

    manifest = _filled(yaml.safe_load(example))
    if "kind" not in manifest:
        manifest = {"kind": "Workflow", "metadata": {"generateName": "example-"}, "spec": manifest}
    kind = next(each for each in KINDS if each.name == manifest["kind"])
    return Subject({"apiVersion": "argoproj.io/v1alpha1", **manifest}, kind, written=True)


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _filled(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each) for each in value]
    if isinstance(value, str) and (found := _TEXT.fullmatch(value)):
        return "#" * int(found[1])
    if isinstance(value, str) and (found := _TASKS.fullmatch(value)):
        return [{"name": f"count-{n}", "template": "count"} for n in range(int(found[1]))]
    return value
