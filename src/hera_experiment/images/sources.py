"""Which content and which build arguments an image has to have, by the files and the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hera_experiment.argo.images import image_reference
from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.images.context import container_names, no_container
from hera_experiment.images.ledger import Entry, Ledger
from hera_experiment.images.source import ARGUMENTS, BuildSettings, ImageSource, variable_of


class Sources:
    """The images of an experiment as its files are now.

    An argument that this shell says nothing of (its variable is not set) has the value of the
    last build: who submits need not repeat what was said to ``make build``.
    """

    def __init__(self, experiment: Experiment, settings: BuildSettings, ledger: Ledger) -> None:
        self._experiment = experiment
        self._settings = settings
        self._ledger = ledger

    def names(self) -> list[str]:
        """Return the containers that have a Dockerfile."""
        return container_names(self._experiment.containers)

    def chosen(self, names: Sequence[str]) -> list[str]:
        """Return those of ``names``, all for none; raises ``UserError`` for one that is not."""
        known = self.names()
        for name in names:
            if name not in known:
                raise no_container(self._experiment.containers, name)
        return list(dict.fromkeys(names)) or known

    def reference(self, source: ImageSource, registry: str = "") -> str:
        """Return the name of the image of ``source`` in ``registry``, with its content's tag."""
        return image_reference(registry, self._experiment.slug, source.container, source.tag)

    def wanted(self, container: str) -> ImageSource:
        """Return what an image of ``container`` has to be made of now.

        That is the content of the files with the arguments of this shell, or with those of the
        last build where this shell has none. Raises :class:`UserError` when there is no Dockerfile.
        """
        source = self._read(container)
        return self._built_before(source) or source

    def to_build(self, container: str, say: Callable[[str], None]) -> ImageSource:
        """Return what to build; ``say`` hears of arguments that this shell does not have.

        Raises
        ------
        UserError
            When there is no Dockerfile, or the last build had a value that was not kept.
        """
        source = self._read(container)
        if before := self._built_before(source):
            source = before
        elif earlier := self._ledger.of_container(container):
            source = source.with_arguments({**self._kept(earlier[0]), **source.arguments})
            refuse_unknown(replace(source, unknown=self._not_kept(earlier[0], source)))
        for name, value in sorted(source.arguments.items()):
            if self._settings.arguments.get(name) != value:
                say(f"{name}={value}, as in its last build ({variable_of(name)}= forgets it)")
        return source

    def _read(self, container: str) -> ImageSource:
        (container,) = self.chosen([container])
        folder = self._experiment.containers / container
        return ImageSource.read(folder, self._settings.arguments)

    def _built_before(self, source: ImageSource) -> ImageSource | None:
        entries = self._ledger.of_container(source.container)
        same = (self._as_in(entry, source) for entry in entries if entry.context == source.context)
        return next((found for found in same if found), None)

    def _as_in(self, entry: Entry, source: ImageSource) -> ImageSource | None:
        """Return ``source`` with the arguments of ``entry`` where this shell has nothing else."""
        kept = self._kept(entry)
        merged = source.with_arguments({**kept, **source.arguments})
        unknown = self._not_kept(entry, merged)
        if not unknown:
            return merged if merged.tag == entry.tag else None
        known = {name: value for name, value in entry.arguments.items() if value is not None}
        if merged.arguments != known:
            return None
        return replace(merged, tag=entry.tag, unknown=unknown)

    def _kept(self, entry: Entry) -> dict[str, str]:
        """Return the arguments of ``entry`` that this shell says nothing of."""
        given = self._settings.given
        return {
            name: value
            for name, value in entry.arguments.items()
            if value is not None and variable_of(name) not in given
        }

    def _not_kept(self, entry: Entry, source: ImageSource) -> tuple[str, ...]:
        """Return the arguments of ``entry`` whose values nobody has any more."""
        declared = source.dockerfile.declared_arguments()
        return tuple(
            name
            for name, value in entry.arguments.items()
            if value is None and name in declared and variable_of(name) not in self._settings.given
        )


def refuse_unknown(source: ImageSource) -> None:
    """Raise :class:`UserError` when ``source`` has arguments whose values were not kept."""
    if source.unknown:
        names = ", ".join(source.unknown)
        raise UserError(
            f"containers/{source.container} was last built with values for {names}, which are "
            "not kept",
            next_step=f"give them again ({ARGUMENTS}='{source.unknown[0]}=…'), or build without "
            f"them: {ARGUMENTS}=",
        )
