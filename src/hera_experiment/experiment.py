"""The experiment on disk: the folder that holds its files, and ``experiment.toml``."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from hera_experiment.errors import UserError
from hera_experiment.template_record import TemplateRecord

SETTINGS = "experiment.toml"
STATE = ".hera"


@dataclass(frozen=True)
class Experiment:
    """A numerical experiment: a folder with a workflow, inputs, a layout and an environment.

    ``folder`` is absolute. ``name`` is what a person calls the experiment, ``slug`` what
    Kubernetes does (RFC 1123, it begins the names of workflows and images). ``defaults`` are the
    committed settings of ``experiment.toml``, which hold no secret. ``template`` is what the
    experiment was generated from, None where the file does not say. A folder without
    ``experiment.toml`` is an experiment too, with the folder's name and no containers: any Hera
    script can be run from anywhere.
    """

    folder: Path
    name: str
    slug: str
    defaults: dict[str, str] = field(default_factory=dict)
    template: TemplateRecord | None = None

    @property
    def state(self) -> Path:
        """The git-ignored folder of the local platform."""
        return self.folder / STATE

    @property
    def containers(self) -> Path:
        """The folder with one sub-folder per container image."""
        return self.folder / "containers"

    @property
    def results(self) -> Path:
        """The folder with one sub-folder of results per run."""
        return self.folder / "results"

    @classmethod
    def find(cls, start: Path) -> Experiment:
        """Return the experiment that ``start`` lies in.

        Raises
        ------
        UserError
            When ``experiment.toml`` cannot be read or is not valid.
        """
        start = start.resolve()
        for folder in (start, *start.parents):
            if (folder / SETTINGS).is_file():
                return cls.load(folder)
        return cls(folder=start, name=start.name, slug=_slug(start.name))

    @classmethod
    def load(cls, folder: Path) -> Experiment:
        """Read ``folder/experiment.toml``; raises :class:`UserError` where it is not valid."""
        path = folder / SETTINGS
        document = read_toml(path)
        table = document.get("experiment", {})
        try:
            name, slug = str(table["name"]), str(table["slug"])
        except (KeyError, TypeError):
            raise UserError(
                "the experiment has no name or slug",
                where=str(path),
                next_step='add [experiment] with name = "…" and slug = "…"',
            ) from None
        defaults = document.get("defaults", {})
        if not isinstance(defaults, dict):
            raise UserError(
                "'defaults' is not a table", where=str(path), next_step="write [defaults]"
            )
        settings = {key: str(value) for key, value in defaults.items()}
        return cls(folder, name, slug, settings, TemplateRecord.read(document, str(path)))


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a file of TOML holds; raises :class:`UserError` where it is not valid."""
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read it: {error}", where=str(path)) from None
    try:
        return dict(toml.loads(text))
    except ValueError as error:
        raise UserError(f"not valid TOML: {error}", where=str(path)) from None


def _slug(name: str) -> str:
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower()).strip("-")
    return kept[:50].strip("-") or "experiment"
