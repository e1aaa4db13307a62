"""An image as a process sees it: files, variables, command and packages, from its Dockerfile.

Its files are copies of build contexts, one per content: what an image is to a container. A task
sees the program as it was when its workflow began, and what it writes never reaches the
experiment's own files.
"""

from __future__ import annotations

import difflib
import fnmatch
import os
import posixpath
import re
import shutil
import stat
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hera_experiment.argo.images import container_of
from hera_experiment.errors import UserError
from hera_experiment.images.context import DOCKERFILE, content_hash, context_entries, no_container
from hera_experiment.images.dockerfile import Dockerfile
from hera_experiment.images.recipe import Copy, Recipe, read_recipe
from hera_experiment.local.runtimes.paths import SYSTEM
from hera_experiment.local.runtimes.run_instructions import PipInstall, effect_of
from hera_experiment.local.runtimes.tree import Tree

ADVICE = "run it with RUNTIME=docker (or podman)"

_STOCK_PYTHON = re.compile(r"(?:.*/)?python(?::[\w.-]+)?(?:@[\w:]+)?", re.ASCII)
# Bases with a shell and nothing else that a task could count on.
_PLAIN = frozenset(("alpine", "busybox", "debian", "ubuntu"))
_KEPT = 3


@dataclass(frozen=True)
class Snapshot:
    """A copy of a build context: its folder, and the ``entries`` that COPY can see."""

    folder: Path
    entries: tuple[str, ...]


class Snapshots:
    """The copies below ``root``, named ``<container>@<hash>``; the newest few are kept.

    With ``modes`` their files keep their modes; else they can only be read, since tasks share
    them, and one must not change them under another.
    """

    def __init__(self, root: Path, *, modes: bool = False) -> None:
        self._root = root
        self._modes = modes
        self._lock = threading.Lock()
        self._pruned: set[str] = set()

    def take(self, folder: Path) -> Snapshot:
        """Return a copy of the build context ``folder`` as it is now.

        Raises :class:`OSError` when a file cannot be read.
        """
        with self._lock:
            visible = tuple(context_entries(folder))
            entries = [*visible, *(() if DOCKERFILE in visible else (DOCKERFILE,))]
            digest = content_hash(folder, entries, {})
            target = self._root / f"{folder.name}@{digest[:32]}"
            snapshot = Snapshot(target, visible)
            if target.is_dir():
                if _same(folder, target, entries):
                    os.utime(target)
                    return snapshot
                shutil.rmtree(target)
            self._prune(folder.name)
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            unfinished = self._root / f".{target.name}.unfinished"
            if unfinished.exists():
                shutil.rmtree(unfinished)
            _copy_context(folder, entries, unfinished, self._modes)
            unfinished.rename(target)
            return snapshot

    def _prune(self, container: str) -> None:
        # Once in the life of a server: later its workflows may still use older copies.
        if container in self._pruned:
            return
        self._pruned.add(container)
        if not self._root.is_dir():
            return
        copies = [p for p in self._root.iterdir() if p.name.startswith(f"{container}@")]
        copies.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for old in copies[_KEPT:]:
            shutil.rmtree(old, ignore_errors=True)


def _same(folder: Path, copy: Path, entries: list[str]) -> bool:
    """Tell whether ``copy`` still holds what ``folder`` does; RUN chmod may have changed modes."""
    try:
        one, two = (content_hash(f, entries, {}, execute_bits=False) for f in (folder, copy))
    except OSError:
        return False
    return one == two


def _copy_context(folder: Path, entries: list[str], target: Path, modes: bool) -> None:
    target.mkdir()
    for entry in entries:
        source, copy = folder / entry, target / entry
        copy.parent.mkdir(parents=True, exist_ok=True)
        mode = source.lstat().st_mode
        if stat.S_ISLNK(mode):
            copy.symlink_to(os.readlink(source))
        elif stat.S_ISDIR(mode):
            copy.mkdir(exist_ok=True)
        elif stat.S_ISREG(mode):
            shutil.copyfile(source, copy)
            read_only = 0o555 if mode & stat.S_IXUSR else 0o444
            copy.chmod(stat.S_IMODE(mode) if modes else read_only)


@dataclass
class ImageView:
    """What a process needs of an image; ``refused`` are sentences on what it cannot honour of it.

    ``folders`` are absolute container paths that the image makes, ``label`` names it to people,
    ``executables`` are the files of its snapshot that RUN chmod makes executable.
    """

    label: str
    tree: Tree = field(default_factory=Tree)
    folders: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    installs: list[PipInstall] = field(default_factory=list)
    executables: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def prefixes(self) -> list[str]:
        """Return the container paths that the image itself brings."""
        folders = (folder for folder in self.folders if folder not in SYSTEM)
        return [*self.tree.own(_is_shared), *folders]


def _is_shared(path: str) -> bool:
    """Tell whether a folder of an image has files of this machine too: its system's own."""
    return path in SYSTEM or (path.startswith(("/usr/", "/etc/")) and os.path.isdir(path))


def is_stock_python(image: str) -> bool:
    """Tell whether ``image`` is Python's own: a standard library and a shell."""
    return _STOCK_PYTHON.fullmatch(image) is not None


def stock_view(image: str) -> ImageView:
    """Return the view of a stock Python image."""
    return ImageView(label=image, command=("python3",))


def experiment_view(snapshot: Snapshot, label: str, origin: Path) -> ImageView:
    """Return the view of the image built from ``snapshot`` of ``origin``; ``label`` names it.

    Build arguments keep their defaults: the one that is commonly given, a mirror of the base
    image, is of no concern to a process.

    Raises
    ------
    UserError
        When the Dockerfile cannot be read.
    """
    folder, entries = snapshot.folder, snapshot.entries
    recipe = read_recipe(Dockerfile.read(folder / DOCKERFILE), {})
    view = ImageView(
        label, environment=recipe.environment, workdir=recipe.workdir, user=recipe.user
    )
    view.entrypoint = recipe.entrypoint or ()
    stock = is_stock_python(recipe.base)
    view.command = ("python3",) if recipe.command is None and stock else recipe.command or ()
    if not stock and _base_name(recipe.base) not in _PLAIN:
        _refuse(view, recipe.base_line, f"FROM {recipe.base} (no Python image)")
    for line, text in recipe.unreadable:
        _refuse(view, line, text)
    for made in recipe.folders:
        view.tree.add_folder(made)
        view.folders.append(made)
    missing = list(missing_files(recipe, entries, label, origin))
    view.refused += missing
    for step in recipe.steps:
        if isinstance(step, Copy):
            _copy(view, step, folder, entries)
            continue
        effect = effect_of(step, recipe.environment, view.tree)
        view.installs += effect.installs
        view.executables += effect.executables
        for made in effect.folders:
            view.tree.add_folder(made)
            view.folders.append(made)
        if effect.lacking and missing:
            continue  # of one cause, which is told already
        if effect.lacking:
            view.refused.append(f"{_line(label, step.line)}: {effect.lacking}")
        elif effect.refused:
            _refuse(view, step.line, f"RUN {effect.refused}")
    _home(view, recipe)
    return view


def _refuse(view: ImageView, line: int, text: str) -> None:
    shown = text if len(text) <= 100 else f"{text[:100]}…"
    view.refused.append(f"{_line(view.label, line)}: a process cannot honour {shown}: {ADVICE}")


def _line(label: str, line: int) -> str:
    return f"{label}/{DOCKERFILE}, line {line}"


def missing_files(
    recipe: Recipe, entries: Sequence[str], label: str, origin: Path
) -> Iterator[str]:
    """Yield what a COPY names that is not in the build context, which no engine can make up for.

    ``entries`` are those of the context at ``origin``, ``label`` names it to people.
    """
    for step in recipe.steps:
        for pattern in step.sources if isinstance(step, Copy) else ():
            if _matching(pattern, entries):
                continue
            if (origin / pattern).exists():
                why = f"{label}/.dockerignore keeps {pattern} out of the image"
            else:
                why = f"there is no {label}/{pattern}"
                names = [entry.rstrip("/") for entry in entries]
                if close := difflib.get_close_matches(pattern, names, n=1):
                    why += f": did you mean '{close[0]}'?"
            yield f"{_line(label, step.line)}: COPY {pattern}: {why}"


def _home(view: ImageView, recipe: Recipe) -> None:
    home = recipe.environment.get("HOME", "")
    if home.startswith("/") and home != "/":
        view.folders.append(posixpath.normpath(home))


def _base_name(image: str) -> str:
    return image.rsplit("/", 1)[-1].partition("@")[0].partition(":")[0]


def _copy(view: ImageView, copy: Copy, folder: Path, entries: Sequence[str]) -> None:
    """Add to the tree what ``copy`` brings, by the rules of Docker's COPY."""
    for pattern in copy.sources:
        for source in _matching(pattern, entries):
            below = [e for e in entries if source == "." or e.startswith(f"{source}/")]
            if below or f"{source}/" in entries:
                view.tree.add_folder(copy.destination)
                _copy_folder(view, source, copy.destination, folder, below)
            else:
                target = copy.destination
                if copy.into_folder or view.tree.is_folder(target):
                    target = posixpath.join(target, posixpath.basename(source))
                view.tree.add_file(target, str(folder / source))


def _copy_folder(
    view: ImageView, source: str, destination: str, folder: Path, below: list[str]
) -> None:
    for entry in below:
        relative = entry if source == "." else entry[len(source) + 1 :]
        path = posixpath.join(destination, relative)
        if entry.endswith("/"):
            view.tree.add_folder(path)
        else:
            view.tree.add_file(path, str(folder / entry))


def _matching(pattern: str, entries: Sequence[str]) -> list[str]:
    """Return the files and folders of the context that a source of COPY names."""
    if pattern == ".":
        return ["."]
    depth = pattern.count("/") + 1
    candidates = {"/".join(entry.rstrip("/").split("/")[:depth]) for entry in entries}
    if not any(character in pattern for character in "*?["):
        return [pattern] if pattern in candidates else []
    return sorted(
        path
        for path in candidates
        if path.count("/") == depth - 1
        and all(map(fnmatch.fnmatchcase, path.split("/"), pattern.split("/")))
    )


class ImageViews:
    """The images below ``containers``; ``copies`` is where snapshots of them are kept.

    A workflow sees each image as it was when it began, whatever is edited meanwhile. ``modes``
    are kept as :class:`Snapshots` says.
    """

    def __init__(self, slug: str, containers: Path, copies: Path, *, modes: bool = False) -> None:
        self._slug = slug
        self._containers = containers
        self._snapshots = Snapshots(copies, modes=modes)
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str, str], ImageView] = {}
        self._made: dict[str, ImageView] = {}

    def exists(self, image: str) -> bool:
        """Tell whether ``image`` is the experiment's or Python's own."""
        return is_stock_python(image) or container_of(image, self._slug) is not None

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

    def _view(self, image: str) -> ImageView:
        if is_stock_python(image):
            return self._made.setdefault(image, stock_view(image))
        name = container_of(image, self._slug)
        if name is None:
            raise UserError(
                f"the image {image!r} is neither one of this experiment's containers nor"
                " Python's own, and a process cannot be it",
                next_step=ADVICE,
            )
        folder = self._containers / name
        if "/" in name or not (folder / DOCKERFILE).is_file():
            raise no_container(self._containers, name)
        snapshot = self._snapshots.take(folder)
        key = str(snapshot.folder)
        if key not in self._made:
            label = f"{self._containers.name}/{folder.name}"
            self._made[key] = experiment_view(snapshot, label, folder)
        view = self._made[key]
        for path in view.executables:
            # What a link leads to is not the image's.
            if not os.path.islink(path):
                os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | 0o111)
        return view
