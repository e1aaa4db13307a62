"""The workflows below ``cases``, one a file: ``FEATURE/RULE.yaml``.

A file may hold more documents: objects that have to be there first (ConfigMaps, WorkflowTemplates),
and a list of what is done meanwhile, such as ``- {at: NODE, do: resume}``: once the node of that
display name runs, the request ``resume`` is sent. Its first line says the rule.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from both_sides import CASES, NAMESPACE

Json = dict[str, Any]
FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Act:
    """What is asked of a server once the node of that display name runs."""

    at: str
    verb: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """A file: its ``name`` is ``FEATURE/RULE``."""

    name: str

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return CASES / f"{self.name}.yaml"

    @property
    def feature(self) -> str:
        """What the rule belongs to: the name of the folder."""
        return self.name.partition("/")[0]

    @property
    def rule(self) -> str:
        """What the file says that it shows."""
        return self.path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")

    @property
    def digest(self) -> str:
        """What tells whether the file is still the one that a result was recorded for."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()[:12]

    @cached_property
    def _documents(self) -> list[Any]:
        return list(yaml.safe_load_all(self.path.read_text(encoding="utf-8")))

    @property
    def workflow(self) -> Json:
        """What is submitted; not always a workflow, and not always a valid one."""
        found = next(
            e for e in self._documents if isinstance(e, dict) and e.get("kind") not in KEPT
        )
        metadata = {"namespace": NAMESPACE, **(found.get("metadata") or {})}
        return {**found, "metadata": metadata}

    @property
    def objects(self) -> list[Json]:
        """What has to be there before."""
        return [
            {**each, "metadata": {**each["metadata"], "namespace": NAMESPACE}}
            for each in self._documents
            if isinstance(each, dict) and each.get("kind") in KEPT
        ]

    @property
    def acts(self) -> list[Act]:
        """What is done while it runs."""
        lists = [each for each in self._documents if isinstance(each, list)]
        return [
            Act(each["at"], each["do"], {k: v for k, v in each.items() if k not in ("at", "do")})
            for acts in lists
            for each in acts
        ]


KEPT = {
    "ConfigMap": f"/namespaces/{NAMESPACE}/configmaps",
    "WorkflowTemplate": f"/workflow-templates/{NAMESPACE}",
    "ClusterWorkflowTemplate": "/cluster-workflow-templates",
}
"""The kinds of objects that a workflow may refer to, and where a server takes them."""


def all_cases() -> dict[str, Case]:
    """Return every case by its name."""
    names = sorted(f"{path.parent.name}/{path.stem}" for path in CASES.glob("*/*.yaml"))
    return {name: Case(name) for name in names}
