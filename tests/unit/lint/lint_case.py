"""A workflow of few words, and what is found in it."""

from __future__ import annotations

from typing import Any

import yaml

from hera_experiment.lint.catalogue import CATALOGUE
from hera_experiment.lint.example import subject_of
from hera_experiment.lint.judge import Judged, judge

CONTAINER = {"image": "python:3.12", "command": ["python"]}


def found(spec: str | dict[str, Any], *codes: str) -> list[Judged]:
    """Return what the rules find, or those of ``codes``."""
    text = spec if isinstance(spec, str) else yaml.safe_dump(spec)
    rules = [rule for rule in CATALOGUE if not codes or rule.code in codes]
    return judge(rules, subject_of(text), "example")


def messages(spec: str | dict[str, Any], *codes: str) -> list[str]:
    """Return the messages, each with its advice."""
    return [f"{each.finding.message}: {each.finding.advice}" for each in found(spec, *codes)]


def dag(*tasks: dict[str, Any], **template: Any) -> dict[str, Any]:
    """Return a spec with a DAG of ``tasks``, which call ``t``, a template with these fields."""
    called = {"name": "t", **({"container": CONTAINER} if "script" not in template else {})}
    named = [{"template": "t", **task} for task in tasks]
    templates = [{"name": "main", "dag": {"tasks": named}}, {**called, **template}]
    return {"entrypoint": "main", "templates": templates}


def arguments(**values: Any) -> dict[str, Any]:
    """Return arguments as Argo has them."""
    return {"parameters": [{"name": name, "value": value} for name, value in values.items()]}


def inputs(*names: str) -> dict[str, Any]:
    """Return inputs as Argo has them."""
    return {"parameters": [{"name": name} for name in names]}
