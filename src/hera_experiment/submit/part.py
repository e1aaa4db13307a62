"""Which part of a workflow is submitted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hera_experiment.context.context import Context
from hera_experiment.errors import UserError, tell

if TYPE_CHECKING:
    from hera_experiment.endpoint.defaults import GoingOn
    from hera_experiment.submit.data import Data
    from hera_experiment.submit.identity import Identities


@dataclass(frozen=True)
class Part:
    """The part of a workflow that is to run: from the task ``begin`` on, or ``only`` that one.

    With ``cache`` it is what is not proven to do the same as before. What else finished in ``run``,
    the newest unless it is named, is kept; all runs if none of the three is given.
    """

    begin: str = ""
    only: str = ""
    run: str = ""
    cache: bool = False

    def goes_on(self, context: Context, data: Data) -> GoingOn | None:
        """Return what a workflow goes on with; raises :class:`UserError`.

        On a cluster what its tasks are made of, ``data`` among that, is taken down in any case.
        """
        named = self.begin or self.only
        if context.is_local:
            from hera_experiment.runs.resumption import resumption_of

            return resumption_of(context, self.run, self.begin, self.only) if named else None
        from hera_experiment.runs.find import find_run
        from hera_experiment.submit.choices import NamedTask, Unchanged
        from hera_experiment.submit.identity import Identities
        from hera_experiment.submit.remainder import Remainder

        identities = Identities(data, ImageDigests())
        if not (named or self.cache):
            return Identified(identities)
        try:
            run = find_run(context, self.run)
        except UserError as error:
            if named or self.run:
                raise
            tell(f"nothing is kept: {error.what}")
            return Identified(identities)
        with run:
            choice = NamedTask(self.begin, self.only) if named else Unchanged()
            return Remainder(run, choice, identities)


WHOLE = Part()
"""All of it."""


class Identified:
    """A workflow that begins anew, and says what its tasks are made of."""

    def __init__(self, identities: Identities) -> None:
        self._identities = identities

    def of(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``manifest`` with its annotation; raises :class:`UserError`."""
        from hera_experiment.submit.identity import identified

        return identified(manifest, self._identities.of(manifest))


class ImageDigests:
    """Asks registries for the digests of images; one that does not answer is asked no more."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._silent: set[str] = set()

    def __call__(self, image: str) -> str:
        """Return the digest, empty where it cannot be known."""
        from hera_experiment.images.published import find_image
        from hera_experiment.platform.registry import Image

        registry = Image.parse(image).registry
        if registry in self._silent:
            return ""
        try:
            return find_image(image, self._environ).digest
        except UserError:
            self._silent.add(registry)
            return ""
