"""The entities of a crate: RO-Crate 1.1 with the terms of Workflow Run RO-Crate."""

from __future__ import annotations

import hashlib
import json
import mimetypes
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from hera_experiment.crate import places
from hera_experiment.crate.about import About
from hera_experiment.crate.contents import Contents

Reference = dict[str, str]

TERMS = {
    name: f"https://w3id.org/ro/terms/workflow-run#{name}"
    for name in (
        "ContainerImage",
        "DockerImage",
        "containerImage",
        "registry",
        "resourceUsage",
        "sha256",
        "tag",
    )
}
"""Terms of Workflow Run RO-Crate beside those of RO-Crate 1.1."""

ARGO = "https://argoproj.github.io/workflows/"

PARAMETER_PROFILE = "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"
_FORMATS = {
    ".cff": "text/yaml",
    ".md": "text/markdown",
    ".py": "text/x-python",
    ".toml": "application/toml",
    ".whl": "application/zip",
}
_MEANINGS = {
    f"{places.CODE}/requirements/run.txt": "Lock of the packages that the workflow needs",
    f"{places.CODE}/requirements/dev.txt": "Lock of the packages for tests and checks",
    f"{places.CODE}/requirements/library.txt": "Lock of the library, hera_experiment",
    places.RUN_FILE: "What was noted at submission: inputs, code, packages and machine",
    places.MANIFEST_FILE: "The workflow as it was submitted to Argo",
    places.WORKFLOW_FILE: "The workflow as it ended, with Argo's status",
    places.BESIDE_FILE: "The names of the workflows that the same run of the script made",
    places.REPRODUCE: "Runs the experiment again and compares: python3 reproduce.py",
}


class Graph:
    """The entities of one crate, and what is looked up in them."""

    def __init__(self, contents: Contents, about: About) -> None:
        self.contents = contents
        self.about = about
        self.crate = ROCrate(version="1.1")
        self.crate.metadata.extra_terms.update(TERMS)
        self._files: dict[str, Reference] = {}

    def add(self, identifier: str, kind: str | list[str], **properties: Any) -> Reference:
        """Add an entity that is no file; properties that are None or empty are left out."""
        known = {key: value for key, value in properties.items() if value not in (None, "", [], ())}
        self.crate.add(ContextEntity(self.crate, identifier, {"@type": kind, **known}))
        return {"@id": identifier}

    def file(self, path: str) -> Reference | None:
        """Return the file at ``path`` in the crate, None for none."""
        return self._files.get(path)

    def add_files(self, workflow: str, properties: Mapping[str, Any]) -> None:
        """Add all files with their checksums; that at ``workflow`` with more ``properties``."""
        for path, source in self.contents.files.items():
            content = source.read_bytes()
            about: dict[str, Any] = {
                "name": PurePosixPath(path).name,
                "contentSize": str(len(content)),
                "sha256": hashlib.sha256(content).hexdigest(),
                "encodingFormat": _format(path),
            }
            if path in _MEANINGS:
                about["description"] = _MEANINGS[path]
            if path == workflow:
                about.update(properties)
            added = self.crate.add_file(source, dest_path=path, properties=about)
            self._files[path] = {"@id": added.id}


def value_of(value: Any) -> Any:
    """Return a value as one of schema.org's: what has parts is written as JSON."""
    return value if isinstance(value, (str, int, float)) else json.dumps(value)


def add_parameter(graph: Graph, identifier: str, name: str, kind: str) -> Reference:
    """Add a formal parameter; its values refer to it."""
    return graph.add(
        identifier,
        "FormalParameter",
        name=name,
        additionalType=kind,
        conformsTo={"@id": PARAMETER_PROFILE},
    )


def link_values(graph: Graph, parameter: Reference, values: list[Reference]) -> None:
    """Say which values a formal parameter had."""
    if values:
        graph.crate.dereference(parameter["@id"])["workExample"] = values


def _format(path: str) -> str:
    suffix = PurePosixPath(path).suffix
    return _FORMATS.get(suffix) or mimetypes.guess_type(path)[0] or _plain(path)


def _plain(path: str) -> str:
    return "text/plain" if path.startswith(f"{places.CODE}/") else "application/octet-stream"
