"""What a run was made of: code, inputs, packages and machine, noted when it is submitted."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hera_experiment.experiment import Experiment
from hera_experiment.record.code import CodeRecord, CodeStore

_INSTALLED = re.compile(r"([A-Za-z0-9._]+)-([^-]+)\.dist-info")


@dataclass(frozen=True)
class Origin:
    """What one run was made of.

    ``inputs`` are all values by their dotted names, ``defaults`` what those were in ``inputs.py``
    that a person changed for this run. ``packages`` are the versions of what is installed beside
    the library, which is not what containers have: their recipes are part of the ``code``.
    ``machine`` is where it was submitted: system, processor, number of processors.
    """

    code: CodeRecord = field(default_factory=CodeRecord)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    python: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def now(cls, experiment: Experiment, inputs: Mapping[str, Any] | None = None) -> Origin:
        """Return what a run is made of that is submitted now; keeps its code."""
        told = inputs or {}
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
        )

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Origin:
        """Return what :meth:`document` wrote; what an older version did not write is empty."""
        known = {name: document[name] for name in cls.__dataclass_fields__ if name in document}
        return cls(**{**known, "code": CodeRecord.of(document.get("code") or {})})

    def document(self) -> dict[str, Any]:
        """Return it as an object of JSON."""
        return {**vars(self), "code": self.code.document()}


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
