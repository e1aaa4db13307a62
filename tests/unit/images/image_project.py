"""A small experiment with containers, and what was recorded of their images."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from hera_experiment.experiment import Experiment
from hera_experiment.images.ledger import Ledger
from hera_experiment.images.source import BuildSettings
from hera_experiment.images.sources import Sources

DOCKERFILE = "ARG PYTHON_IMAGE=python:3.13\nARG A\nFROM ${PYTHON_IMAGE}\nCOPY . .\n"


class ImageProject:
    """``containers/chart`` and ``containers/collect`` below ``folder``; each record a minute."""

    def __init__(self, folder: Path) -> None:
        self.experiment = Experiment(folder, "Lyon", "lyon")
        for name in ("chart", "collect"):
            self.write(name, "Dockerfile", DOCKERFILE)
        self._time = datetime(2026, 1, 1, tzinfo=timezone.utc)
        self.ledger = Ledger(self.experiment.state, self._now)

    def _now(self) -> datetime:
        self._time += timedelta(minutes=1)
        return self._time

    def write(self, container: str, file: str, text: str) -> None:
        path = self.experiment.containers / container / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def sources(self, **environ: str) -> Sources:
        return Sources(self.experiment, BuildSettings.from_environ(environ), self.ledger)

    def build(self, container: str = "chart", **environ: str) -> str:
        """Record what ``make build`` would; return the tag."""
        sources = self.sources(**environ)
        source = sources.to_build(container, lambda _: None)
        self.ledger.asked(sources.reference(source), source, built=True)
        return source.tag
