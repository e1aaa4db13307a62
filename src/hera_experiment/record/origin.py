"""What a run was made of: code, inputs, packages and machine, noted when it is submitted."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hera_experiment.experiment import Experiment
from hera_experiment.record.arguments import ScriptArguments
from hera_experiment.record.code import CodeRecord, CodeStore

PLATFORM = ARGO, KUBERNETES = "argo", "kubernetes"
"""What has a version on a cluster."""

_INSTALLED = re.compile(r"([A-Za-z0-9._]+)-([^-]+)\.dist-info")


@dataclass(frozen=True)
class Origin:
    """What one run was made of.

    ``inputs`` are all values by their dotted names, ``defaults`` what those were in ``inputs.py``
    that a person changed for this run. ``packages`` are the versions of what is installed beside
    the library, which is not what containers have: their recipes are part of the ``code``.
    ``machine`` is where it was submitted: system, processor, number of processors. ``platform`` are
    the versions of ``argo`` and ``kubernetes`` of the cluster that it was submitted to, as far as
    they were told. ``script`` is the path of what was run in the experiment, empty where it was
    outside, ``arguments`` the words after it, None where an older version noted none. Of those
    that held a secret the names alone are kept, as ``withheld``.
    """

    code: CodeRecord = field(default_factory=CodeRecord)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    python: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, str] = field(default_factory=dict)
    platform: Mapping[str, str] = field(default_factory=dict)
    script: str = ""
    arguments: Sequence[str] | None = None
    withheld: Sequence[str] = ()

    @classmethod
    def now(
        cls,
        experiment: Experiment,
        inputs: Mapping[str, Any] | None = None,
        script: Path | None = None,
        arguments: ScriptArguments | None = None,
        platforms: Mapping[str, str] | None = None,
    ) -> Origin:
        """Return what a run is made of that is submitted now; keeps its code."""
        told, words = inputs or {}, arguments or ScriptArguments()
        return cls(
            CodeStore(experiment).keep(),
            told.get("values") or {},
            told.get("defaults") or {},
            platform.python_version(),
            _packages(),
            {
                "system": platform.system(),
                "release": platform.release(),
                "processor": platform.machine(),
                "processors": str(os.cpu_count() or 1),
            },
            platforms or {},
            path_within(experiment, script) if script is not None else "",
            words.words,
            words.withheld,
        )

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Origin:
        """Return what :meth:`document` wrote; what an older version did not write is empty."""
        known = {name: document[name] for name in cls.__dataclass_fields__ if name in document}
        for name in ("arguments", "withheld"):
            if known.get(name) is not None:
                known[name] = tuple(known[name])
        return cls(**{**known, "code": CodeRecord.of(document.get("code") or {})})

    def document(self) -> dict[str, Any]:
        """Return it as an object of JSON."""
        return {**vars(self), "code": self.code.document()}


def path_within(experiment: Experiment, path: Path) -> str:
    """Return a path as one below the experiment's folder; empty where it is outside.

    One that is relative begins there, as who typed it there meant it.
    """
    try:
        whole = (experiment.folder / path.expanduser()).resolve()
        return whole.relative_to(experiment.folder.resolve()).as_posix()
    except ValueError:
        return ""


def _packages() -> dict[str, str]:
    """Return the versions of installed packages, by the names of their folders: that is quick."""
    found: dict[str, str] = {}
    for folder in reversed(sys.path):
        try:
            names = os.listdir(folder or Path.cwd())
        except OSError:
            continue
        for name in names:
            if match := _INSTALLED.fullmatch(name):
                found[match[1].replace("_", "-").lower()] = match[2]
    return dict(sorted(found.items()))
