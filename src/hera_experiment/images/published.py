"""The reference by which a cluster pulls an image of the experiment: never yesterday's code."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from hera_experiment.argo.images import image_reference
from hera_experiment.context.context import Context
from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.images.ledger import Ledger
from hera_experiment.images.source import BuildSettings, ImageSource
from hera_experiment.images.sources import Sources
from hera_experiment.platform.registry import Image, ImageLookup, Registry
from hera_experiment.platform.registry_credentials import kept_credentials

BUILT = "built"
"""What IMAGE says when the laptop is to run the images that were pushed."""

_TIMEOUT = 5.0

Finder = Callable[[str], ImageLookup]
"""Asks the registry for a reference; raises ``UserError`` when there is no answer."""


def find_image(
    reference: str,
    environ: Mapping[str, str] = os.environ,
    *,
    where: str = "",
    timeout: float = _TIMEOUT,
) -> ImageLookup:
    """Ask its registry for the image ``reference``, as whoever the engines are signed in as.

    Raises :class:`~hera_experiment.errors.UserError` when there is no answer.
    """
    image = Image.parse(reference)
    credentials = kept_credentials(image.registry, environ, repository=image.repository)
    return Registry(image.registry, credentials, timeout=timeout, where=where).find(image)


class Published:
    """The references of the images of one experiment in ``registry``.

    One that did not answer is not asked again: what is not known is then referred to by its tag.
    """

    def __init__(
        self,
        experiment: Experiment,
        registry: str,
        environ: Mapping[str, str] = os.environ,
        find: Finder | None = None,
    ) -> None:
        self._slug = experiment.slug
        self._registry = registry
        self._ledger = Ledger.of(experiment)
        self._sources = Sources(experiment, BuildSettings.from_environ(environ), self._ledger)
        self._find = find or (lambda reference: find_image(reference, environ))
        self._known: dict[str, str] = {}
        self._answers = bool(registry)

    def source(self, container: str) -> ImageSource:
        """Return what the image of ``container`` has to be made of now."""
        return self._sources.wanted(container)

    def tagged(self, source: ImageSource) -> str:
        """Return the reference of the image of ``source`` by the tag that tells its content."""
        return self._sources.reference(source, self._registry)

    def reference(self, container: str) -> str:
        """Return the reference of the image of ``container`` as its files are now.

        By digest where the ledger or the registry knows it, otherwise by the tag that tells the
        content. Raises :class:`UserError` when the container has no Dockerfile.
        """
        source = self.source(container)
        tagged = self.tagged(source)
        if tagged not in self._known:
            digest = self._ledger.digest(tagged) or self._asked(tagged)
            self._known[tagged] = image_reference(
                self._registry, self._slug, container, digest or source.tag
            )
        return self._known[tagged]

    def built(self, container: str) -> str:
        """Return the reference, by digest, of the image that was pushed of the files as they are.

        In the registry that the experiment names, else where it was pushed last. Raises
        :class:`UserError` when it was not pushed, or the container has no Dockerfile.
        """
        if self._registry and "@" in (reference := self.reference(container)):
            return reference
        source = self.source(container)
        found = self._ledger.pushed_last(source)
        if not found:
            raise UserError(
                f"the image of containers/{container}/ as its files are now was never pushed",
                "IMAGE=built",
                "make build push, or leave out IMAGE",
            )
        return found

    def _asked(self, reference: str) -> str:
        if not self._answers:
            return ""
        try:
            return self._find(reference).digest
        except UserError:
            self._answers = False
            return ""


class ImageReferences:
    """The references of the images of the experiment of ``context``, by the platform.

    On the laptop, which makes what it needs of the Dockerfiles, the tag is ``latest``; there with
    IMAGE=built, and elsewhere, see :class:`Published`.
    """

    def __init__(self, context: Context, registry: str) -> None:
        self._context = context
        self._registry = registry
        self._published: Published | None = None

    def of(self, container: str, tag: str = "") -> str:
        """Return the reference of the image of ``container``; a ``tag`` is taken as it is.

        Raises :class:`UserError` when the container has no Dockerfile.
        """
        experiment = self._context.experiment
        of_dockerfile = self._context.is_local and self._context.image != BUILT
        if tag or of_dockerfile:
            return image_reference(self._registry, experiment.slug, container, tag or "latest")
        if self._published is None:
            self._published = Published(experiment, self._registry)
        if self._context.is_local:
            return self._published.built(container)
        return self._published.reference(container)
