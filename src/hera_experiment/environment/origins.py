"""Where a script made the templates and tasks of what it submits."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from hera_experiment.argo.objects import KINDS
from hera_experiment.environment.inputs import inputs_told
from hera_experiment.platform.endpoint_session import INPUTS, ORIGINS

_ATTRIBUTE = "_made_at"
_OURS = str(Path(__file__).resolve().parents[1])
_KEYS = {kind.key for kind in KINDS}


class NodeOrigins:
    """Remembers the line of each node of Hera, and hands on those of what is sent."""

    def __init__(self) -> None:
        import hera

        self._passed = (str(Path(hera.__file__).parent), _OURS, "<")
        self._skipped: dict[str, bool] = {}
        self._built: dict[str, dict[str, tuple[str, int]]] = {}

    def made(self, node: Any) -> None:
        """Remember the line that makes ``node`` now: the innermost that is neither Hera's nor ours.

        It stays with the node when Hera copies it.
        """
        frame = sys._getframe(1)
        while frame is not None and self._is_skipped(frame.f_code.co_filename):
            frame = frame.f_back  # type: ignore[assignment]
        if frame is not None:
            place = (frame.f_code.co_filename, frame.f_lineno)
            object.__setattr__(node, _ATTRIBUTE, place)

    def built(self, workflow: Any) -> None:
        """Keep the lines of a workflow, template or CronWorkflow that is about to be sent."""
        from hera_experiment.submission.scripts import calls

        found: dict[str, tuple[str, int]] = {}
        _note(found, "", workflow)
        for template in workflow.templates or ():
            name = getattr(template, "name", None)
            _note(found, str(name), template)
            for call in calls(template):
                _note(found, f"{name}/{getattr(call, 'name', None)}", call)
        self._built[str(workflow.name or workflow.generate_name)] = found

    def completed(self, body: Any) -> Any:
        """Return the body of a creation with its lines and the inputs, another as it is."""
        try:
            document = json.loads(body)
            key = next(key for key in document if key in _KEYS)
            metadata = document[key]["metadata"]
            origins = self._built.get(metadata.get("name") or metadata.get("generateName"))
        except (ValueError, TypeError, KeyError, AttributeError, StopIteration):
            return body
        told = {ORIGINS: origins, INPUTS: inputs_told()}
        return json.dumps({**document, **{name: each for name, each in told.items() if each}})

    def _is_skipped(self, file: str) -> bool:
        if file not in self._skipped:
            self._skipped[file] = file.startswith(self._passed)
        return self._skipped[file]


def _note(found: dict[str, tuple[str, int]], name: str, node: Any) -> None:
    place = getattr(node, "__dict__", {}).get(_ATTRIBUTE)
    if place is not None:
        found.setdefault(name, place)
