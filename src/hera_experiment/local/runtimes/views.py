"""Which images can run as processes, and what a workflow sees of each."""

from __future__ import annotations

import threading
from pathlib import Path

from hera_experiment.argo.images import container_of
from hera_experiment.errors import UserError
from hera_experiment.images.context import DOCKERFILE
from hera_experiment.local.runtimes.image_view import (
    ADVICE,
    ImageView,
    experiment_view,
    is_stock_python,
    stock_view,
)
from hera_experiment.local.runtimes.snapshots import Snapshots


class Views:
    """The images below ``containers``; ``copies`` is where snapshots of them are kept.

    A workflow sees each image as it was when it began, whatever is edited meanwhile.
    """

    def __init__(self, slug: str, containers: Path, copies: Path) -> None:
        self._slug = slug
        self._containers = containers
        self._snapshots = Snapshots(copies)
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str, str], ImageView] = {}
        self._made: dict[str, ImageView] = {}

    def exists(self, image: str) -> bool:
        """Tell whether ``image`` is the experiment's or Python's own."""
        return is_stock_python(image) or self._folder(image) is not None

    def of(self, namespace: str, workflow: str, image: str) -> ImageView:
        """Return what ``workflow`` sees of ``image``.

        Raises
        ------
        UserError
            When it is an image that cannot run as a process, or has no readable Dockerfile.
        OSError
            When a file of its build context cannot be read.
        """
        key = (namespace, workflow, image)
        if key in self._seen:
            return self._seen[key]
        # One thread reads; the others then find what it saw.
        with self._lock:
            if key not in self._seen:
                self._seen[key] = self._view(image)
            return self._seen[key]

    def forget(self, namespace: str, workflow: str) -> None:
        """Let ``workflow`` see its images anew, as they are at its next task."""
        with self._lock:
            for key in [key for key in self._seen if key[:2] == (namespace, workflow)]:
                del self._seen[key]

    def _folder(self, image: str) -> Path | None:
        name = container_of(image, self._slug)
        if name is None or "/" in name or not (self._containers / name / DOCKERFILE).is_file():
            return None
        return self._containers / name

    def _view(self, image: str) -> ImageView:
        if is_stock_python(image):
            return self._made.setdefault(image, stock_view(image))
        folder = self._folder(image)
        if folder is None:
            raise UserError(
                f"the image {image!r} is neither one of this experiment's containers nor"
                " Python's own, and a process cannot be it",
                next_step=ADVICE,
            )
        snapshot = self._snapshots.take(folder)
        key = str(snapshot.folder)
        if key not in self._made:
            label = f"{self._containers.name}/{folder.name}"
            self._made[key] = experiment_view(snapshot, label)
        view = self._made[key]
        for path in view.executables:
            Path(path).chmod(0o555)
        return view
