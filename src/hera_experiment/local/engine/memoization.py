"""What templates made before, kept in ConfigMaps: ``memoize``.

On a cluster the ConfigMap has the label ``workflows.argoproj.io/configmap-type: Cache``; on this
machine it has none. Source: ``workflow/controller/cache`` and ``executeTemplate`` in
``workflow/controller/operator.go`` of argoproj/argo-workflows.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from hera_experiment.argo.go_text import seconds
from hera_experiment.local.engine.node import moment, timestamp
from hera_experiment.local.errors import ApiError, NotFound
from hera_experiment.local.store.objects import CONFIGMAPS, Objects

_KEY = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*", re.ASCII)
_NO_UNIT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)", re.ASCII)


class CacheError(ValueError):
    """A key that cannot be one, or a cache that cannot be read or written."""


class Caches:
    """The caches of all workflows, kept in ``objects``; ``now`` is the time that is shown."""

    def __init__(self, objects: Objects, now: Callable[[], datetime]) -> None:
        self._objects = objects
        self._now = now
        self._lock = threading.Lock()

    def load(self, memoize: Mapping[str, Any]) -> tuple[dict[str, Any] | None, bool]:
        """Return the outputs of the template that asks so, and whether there are any.

        Raises :class:`CacheError`.
        """
        name, key = _place(memoize)
        with self._lock:
            values = self._values(name)
            text = values.get(key)
            if not text:
                entry: dict[str, Any] = {}
            else:
                try:
                    entry = json.loads(text)
                except ValueError as error:
                    raise CacheError(
                        f"malformed cache entry: could not unmarshal JSON; unable to parse: {error}"
                    ) from None
                entry["lastHitTimestamp"] = timestamp(self._now())
                self._put(name, {**values, key: _encoded(entry)})
        if age := memoize.get("maxAge"):
            limit = _duration(age)
            if entry and (self._now() - moment(entry["creationTimestamp"])).total_seconds() > limit:
                return None, False
        return entry.get("outputs"), bool(entry.get("nodeID"))

    def save(self, status: Mapping[str, Any], node_id: str, outputs: Any) -> None:
        """Keep what a node made; ``status`` is its own. Raises :class:`CacheError`."""
        name, key = status["cacheName"], status["key"]
        now = timestamp(self._now())
        entry = {
            "nodeID": node_id,
            "outputs": outputs,
            "creationTimestamp": now,
            "lastHitTimestamp": now,
        }
        with self._lock:
            self._put(name, {**self._values(name), key: _encoded(entry)})

    def _values(self, name: str) -> dict[str, bytes]:
        try:
            return self._objects.get(CONFIGMAPS, name)
        except NotFound:
            return {}
        except ApiError as error:
            raise CacheError(error.message) from None

    def _put(self, name: str, values: Mapping[str, bytes]) -> None:
        try:
            self._objects.put(CONFIGMAPS, name, values)
        except ApiError as error:
            raise CacheError(f"error creating cache entry: {error.message}") from None


def status_of(template: Mapping[str, Any], *, hit: bool = False) -> dict[str, Any] | None:
    """Return the ``memoizationStatus`` of a node of ``template``, None if it is not memoized."""
    memoize = template.get("memoize")
    if memoize is None:
        return None
    config_map = (memoize.get("cache") or {}).get("configMap") or {}
    return {"hit": hit, "key": memoize.get("key", ""), "cacheName": config_map.get("name", "")}


def _place(memoize: Mapping[str, Any]) -> tuple[str, str]:
    """Return the ConfigMap and the key in it; raises :class:`CacheError`."""
    status = status_of({"memoize": memoize}) or {}
    if not _KEY.fullmatch(status["key"]):
        raise CacheError(f"invalid cache key: {status['key']}")
    return status["cacheName"], status["key"]


def _duration(text: str) -> float:
    if _NO_UNIT.fullmatch(text) and float(text):
        raise CacheError(f'invalid maxAge: time: missing unit in duration "{text}"')
    try:
        return seconds(text)
    except ValueError as error:
        why = str(error).partition("as a duration: ")[2] or str(error)
        raise CacheError(f"invalid maxAge: {why}") from None


def _encoded(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode("ascii")
