"""Workflows as YAML that a person reads, and that kubectl and argo take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hera_experiment.argo.names import SESSION_LABEL

NO_NAMESPACE = "no-namespace-is-set"
"""Stands for the namespace where none is set, for Hera makes no workflow without one."""

_FIRST = ("apiVersion", "kind", "metadata", "spec")


def as_yaml(manifest: Mapping[str, Any]) -> str:
    """Return ``manifest`` as one YAML document that begins with ``---``.

    What belongs to this one run of the script is left out.
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        """Shows scripts as blocks; repeats what is used twice."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
        style = "|" if "\n" in data else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    Dumper.add_representer(str, text)
    ordered = {key: manifest[key] for key in _FIRST if key in manifest}
    ordered.update({key: value for key, value in manifest.items() if key not in ordered})
    metadata = dict(manifest.get("metadata") or {})
    if metadata.get("namespace") == NO_NAMESPACE:
        del metadata["namespace"]
    labels = {k: v for k, v in (metadata.pop("labels", None) or {}).items() if k != SESSION_LABEL}
    if labels:
        metadata["labels"] = labels
    ordered["metadata"] = metadata
    document: str = yaml.dump(
        ordered, Dumper=Dumper, sort_keys=False, allow_unicode=True, explicit_start=True
    )
    return document
