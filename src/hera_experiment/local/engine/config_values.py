"""Values of parameters that stand in a ConfigMap.

On a cluster the ConfigMap needs the label ``workflows.argoproj.io/configmap-type: Parameter``; on
this machine, where one is a folder of files and has no labels, any will do. Source:
``workflow/common/configmap.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hera_experiment.local.errors import ApiError
from hera_experiment.local.store.objects import CONFIGMAPS, Objects

ConfigValue = Callable[[str, str], str]
"""Returns the value of a key of a ConfigMap; raises :class:`NoConfigValue`."""


class NoConfigValue(ValueError):
    """There is no such ConfigMap, or no such text in it."""


def no_config(name: str, key: str) -> str:
    """Raise :class:`NoConfigValue`: there are no ConfigMaps."""
    raise NoConfigValue(f"ConfigMap '{name}' does not exist")


def config_value(objects: Objects, name: str, key: str) -> str:
    """Return what the ConfigMap ``name`` has under ``key``; raises :class:`NoConfigValue`."""
    try:
        found = objects.get(CONFIGMAPS, name)
    except ApiError:
        raise NoConfigValue(
            f"ConfigMap '{name}' does not exist. Please make sure it has the label "
            "workflows.argoproj.io/configmap-type: Parameter to be detectable by the controller"
        ) from None
    try:
        return found[key].decode("utf-8")
    except (KeyError, UnicodeDecodeError):
        raise NoConfigValue(f"ConfigMap '{name}' does not have the key '{key}'") from None


def reference_of(parameter: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the ``configMapKeyRef`` of a parameter, None if it has none."""
    found: Mapping[str, Any] | None = (parameter.get("valueFrom") or {}).get("configMapKeyRef")
    return found
