"""The root folders of tasks: an image's files, the mounts, a HOME and a TMPDIR of its own."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar, cast

from hera_experiment.contained_files import NotReadable, contained_path
from hera_experiment.errors import UserError
from hera_experiment.local.runtimes.children import RUNNING, STARTING, write_all
from hera_experiment.local.runtimes.tree import Layout
from hera_experiment.local.runtimes.volumes import CLAIM, Mount, mount_of

SCRATCH = "scratch"
"""Where the folders of tasks lie, below the state."""

_PLAIN = re.compile(r"[\w./+@-]+", re.ASCII)
_NAME_ENDS = r"(?![\w.-])"
_MOST_FREE = 64
# A process that starts when its parent is killed may miss it: the few whose variables or mounts
# name the folder are ended before it goes. A line tells that nothing runs.
_REMOVE = """read -r _ || for _ in 1 2 3 4 5; do
  for file in $(grep -lsF -- "${1##*/}" /proc/[0-9]*/environ /proc/[0-9]*/mountinfo); do
    file=${file#/proc/}
    kill -KILL "${file%%/*}" 2>/dev/null
  done
  sleep 0.1
done
rm -rf -- "$1" 2>/dev/null || { chmod -R u+rwX -- "$1"; rm -rf -- "$1"; }
"""


class Reusable(Protocol):
    """A folder that tasks write to, one at a time."""

    path: str

    def restore(self) -> bool:
        """Tell whether the next task can have it: it is as it was when it was made."""


Made = TypeVar("Made", bound=Reusable)


class Scratch:
    """Folders for tasks, in one of this process's own below ``folder``.

    It goes with the process, even a killed one: a shell waits for its end, ends the tasks that
    are left and removes the folder. A folder that a task left untouched is used again: making and
    removing some ten folders and links would cost a tiny task more than its process. ``path`` is
    its name; with ``plain`` one that no shell and no quoted text trips over. ``mark`` is to stand
    in a variable of whatever starts the process of a task.
    """

    def __init__(self, folder: Path, *, plain: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        own = Path(tempfile.mkdtemp(prefix="hera-", dir=folder))
        with STARTING:
            shell = subprocess.Popen(
                ["/bin/sh", "-c", _REMOVE, "sh", str(own)],
                stdin=subprocess.PIPE,
                cwd="/",
                env={"PATH": os.defpath},
                start_new_session=True,
            )
            # Or whoever looks for what tasks have left would look at it after each task.
            RUNNING.add(shell.pid)
        weakref.finalize(self, _end, shell, own)
        self.path = self._plain(own) if plain else str(own)
        self.mark = own.name
        self.names = (os.fsencode(own), os.fsencode(self.path))
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._free: list[tuple[Hashable, Reusable]] = []

    def take(self, key: Hashable, make: Callable[[str], Made]) -> Made:
        """Return a folder for one task; all that ``make(path)`` makes for one ``key`` are alike."""
        with self._lock:
            for at, (other, free) in enumerate(self._free):
                if other == key:
                    del self._free[at]
                    return cast(Made, free)
            path = f"{self.path}/{next(self._numbers)}"
        return make(path)

    def give_back(self, key: Hashable, used: Reusable) -> None:
        """Take a folder back from its task, whatever the task did to it."""
        if used.restore():
            with self._lock:
                if len(self._free) < _MOST_FREE:
                    self._free.append((key, used))
                    return
        remove_folder(used.path)

    def _plain(self, folder: Path) -> str:
        """Return a name for ``folder`` that no shell and no quoted text trips over.

        Paths are put into commands and scripts where they stand, and a blank or a quote in them
        would change the text around: such a folder gets a symbolic link elsewhere.
        """
        if _PLAIN.fullmatch(str(folder)):
            return str(folder)
        links = tempfile.mkdtemp(prefix="hera-")
        weakref.finalize(self, shutil.rmtree, links, ignore_errors=True)
        os.symlink(folder, f"{links}/s")
        return f"{links}/s"


def _end(shell: subprocess.Popen[bytes], folder: Path) -> None:
    remove_folder(str(folder))
    shell.communicate(b"\n")
    RUNNING.discard(shell.pid)


def remove_folder(folder: str) -> None:
    """Remove ``folder`` with all that is in it, also what its owner may not enter."""
    if not os.path.lexists(folder):
        return
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.exists(folder):
        for above, names, _ in os.walk(folder):
            for name in names:
                if not os.path.islink(path := f"{above}/{name}"):
                    os.chmod(path, 0o700)
        shutil.rmtree(folder, ignore_errors=True)


def write_file(path: str, data: bytes, mode: int) -> None:
    """Write a file with this mode, in the place of one that is there.

    To write over it is ten times as fast as to make one where one was just removed: ext4 looks
    through what it has removed in the last seconds.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, mode)
    try:
        before = os.fstat(descriptor)
        if before.st_mode & 0o7777 != mode:
            os.fchmod(descriptor, mode)
        write_all(descriptor, data)
        if before.st_size > len(data):
            # Emptied first, the file would be written to the disk at once.
            os.ftruncate(descriptor, len(data))
    finally:
        os.close(descriptor)


class Root:
    """The root folder of one task at a time, at ``path``: folders and links, nothing else.

    ``real`` is that path without links.
    ``mounts`` are linked; ``workdir`` is made where it does not exist, below a mount too, as a
    container engine does.
    """

    def __init__(self, path: str, layout: Layout, mounts: Sequence[Mount], workdir: str) -> None:
        self.path = path
        self._files: list[str] = []
        self._volatile = any(mount.kind != CLAIM for mount in mounts)
        links = [*layout.links, *((mount.path, str(mount.source)) for mount in mounts)]
        # What each folder holds: None for a folder, the target for a link, nothing for a program
        # that every task has.
        self._expected: dict[str, dict[str, str | None]] = {"": {}}
        os.mkdir(path, 0o700)
        self.real = os.path.realpath(path)
        for folder in layout.folders:
            self._add(folder, None)
            self._expected[folder] = {}
            os.mkdir(path + folder)
        for link, target in links:
            self._add(link, target)
            os.symlink(target, path + link)
        if mount := mount_of(workdir, mounts):
            try:
                contained_path(mount.source, workdir[len(mount.path) :])
            except NotReadable as error:
                raise UserError(f"the working folder {workdir} {error}") from None
        else:
            os.makedirs(path + workdir, exist_ok=True)

    def _add(self, path: str, target: str | None) -> None:
        parent, _, name = path.rpartition("/")
        if parent in self._expected:
            self._expected[parent][name] = target

    def write_program(self, path: str, text: str, *, every: bool = False) -> None:
        """Write an executable file that only its owner can read.

        One that every task has is written over the one before.
        """
        if every:
            self._add(path, "")
        else:
            self._files.append(path)
        write_file(self.path + path, text.encode("utf-8", "surrogatepass"), 0o700)

    def restore(self) -> bool:
        """Tell whether the next task can have this folder: it is as it was when it was made."""
        if self._volatile:
            return False
        try:
            while self._files:
                os.unlink(self.path + self._files.pop())
            return all(map(self._untouched, self._expected))
        except OSError:
            return False

    def _untouched(self, folder: str) -> bool:
        names = self._expected[folder]
        found = 0
        with os.scandir(self.path + folder) as entries:
            for entry in entries:
                if entry.name not in names:
                    return False
                target = names[entry.name]
                if target is None:
                    if not entry.is_dir(follow_symlinks=False):
                        return False
                elif not target:
                    # Of a second name the next task's program would be seen elsewhere.
                    if not entry.is_file(follow_symlinks=False) or os.lstat(entry).st_nlink > 1:
                        return False
                elif not entry.is_symlink() or os.readlink(entry.path) != target:
                    return False
                found += 1
        return found == len(names)


def shown_as_inside(text: str, roots: Sequence[str], elsewhere: Mapping[str, str]) -> str:
    """Return ``text`` with this machine's paths turned back into the container's.

    ``roots`` are the names of the task's folder, ``elsewhere`` gives the container's path of
    folders outside it. What a task prints about its own paths then reads as from a container.
    """
    if "/" not in text:
        return text
    for outside, inside in elsewhere.items():
        if outside in text:
            text = re.sub(re.escape(outside) + _NAME_ENDS, inside.replace("\\", r"\\"), text)
    for root in roots:
        if root in text:
            text = re.sub(f"{re.escape(root)}(?:/|{_NAME_ENDS})", "/", text)
    return text
