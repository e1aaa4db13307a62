"""The code that each run was made of, kept whatever happens to the experiment's files.

It is a git repository of its own below ``.hera``: what two runs share is kept once, and the
person's repository, where there is one, is only read.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hera_experiment.context.masking import shown
from hera_experiment.errors import UserError
from hera_experiment.experiment import SETTINGS, Experiment
from hera_experiment.git import Git, GitError
from hera_experiment.platform import state_folder

FOLDER = "code.git"
LARGEST = 10 << 20
"""Bytes of the largest file that is kept: what is larger is data."""

MOST = 20_000
"""Files of the largest experiment whose code is kept."""

_KEPT = "refs/kept"
_YOUNG = "1.hour.ago"
_MOST_NAMED = 500
"""So many paths are words of a command."""
_PLAIN = ("core.autocrlf=false", "user.name=hera_experiment", "user.email=none", "gc.auto=0")
_PATIENCE = 10.0


class CodeNotKept(UserError):
    """The code of a run is not kept, or cannot be read any more."""


@dataclass(frozen=True)
class CodeRecord:
    """The code of one run.

    ``tree`` names the files in the :class:`CodeStore`; equal trees are equal code; it is empty
    where ``why`` says why nothing was kept. ``left_out`` are files too large to be kept.
    ``commit``, ``branch`` and ``remote`` (without passwords) are those of the person's own
    repository, empty where there is none, and ``changed`` the files that its commit has not so.
    """

    tree: str = ""
    why: str = ""
    left_out: tuple[str, ...] = ()
    commit: str = ""
    branch: str = ""
    remote: str = ""
    changed: tuple[str, ...] = ()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> CodeRecord:
        """Return what :meth:`document` wrote."""
        known = {name: document[name] for name in cls.__dataclass_fields__ if name in document}
        for name in ("left_out", "changed"):
            known[name] = tuple(known.get(name) or ())
        return cls(**known)

    def document(self) -> dict[str, Any]:
        """Return it as an object of JSON."""
        return {name: value for name, value in asdict(self).items() if value}


@dataclass(frozen=True)
class Change:
    """One file that differs between two trees: ``added``, ``removed`` or ``changed``."""

    path: str
    kind: str


@dataclass
class CodeStore:
    """The code of an experiment's runs, each a tree of git."""

    experiment: Experiment
    _git: Git = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._folder = self.experiment.state / FOLDER
        self._git = Git(
            self.experiment.folder,
            *_PLAIN,
            GIT_DIR=str(self._folder),
            GIT_WORK_TREE=str(self.experiment.folder),
        )

    def keep(self) -> CodeRecord:
        """Keep the experiment's files as they are now, but for those that git ignores."""
        if shutil.which("git") is None:
            return CodeRecord(why="there is no git on this machine")
        own = _own_repository(self.experiment.folder)
        if not own and not (self.experiment.folder / SETTINGS).is_file():
            return CodeRecord(why=f"the folder has neither {SETTINGS} nor a git repository")
        try:
            tree, left_out = self._kept()
        except (GitError, OSError, UserError) as error:
            return CodeRecord(why=str(error), **own)
        return CodeRecord(tree, "", tuple(left_out), **own)

    def collect(self, trees: Iterable[str]) -> None:
        """Let all code go but ``trees`` and what was kept within the last hour."""
        if not self._folder.is_dir():
            return
        refs = []
        for tree in set(trees):
            refs.append(f"{_KEPT}/{tree}")
            self._ask("update-ref", refs[-1], self._ask("commit-tree", tree, "-m", "a run"))
        self._ask("gc", "--quiet", f"--prune={_YOUNG}")
        for ref in refs:
            self._ask("update-ref", "-d", ref)

    def files(self, tree: str) -> Iterator[tuple[str, str]]:
        """Yield path and git's hash of each file of ``tree``, links among them, sorted.

        Raises :class:`CodeNotKept` where it is not there, as everything else here does.
        """
        for line in self._ask("ls-tree", "-r", "-z", "--full-tree", tree).split("\0"):
            if line:
                about, _, path = line.partition("\t")
                yield path, about.split()[2]

    def read(self, tree: str, path: str) -> str:
        """Return the text of a file of ``tree``."""
        return self._ask("show", f"{tree}:{path}")

    def changes(self, one: str, other: str) -> list[Change]:
        """Return the files that differ from the tree ``one`` to the ``other``, sorted."""
        words = self._ask("diff-tree", "-r", "-z", "--no-renames", "--name-status", one, other)
        parts = words.split("\0")[:-1]
        kinds = {"A": "added", "D": "removed"}
        pairs = zip(parts[1::2], parts[::2], strict=True)
        return [Change(path, kinds.get(kind, "changed")) for path, kind in pairs]

    def difference(self, one: str, other: str, *paths: str) -> str:
        """Return the changes from the tree ``one`` to the ``other`` as a patch."""
        return self._ask("diff-tree", "-r", "-p", "--no-renames", one, other, "--", *paths)

    def uncommitted(self, code: CodeRecord) -> str:
        """Return what the kept files have other than the person's commit, as a patch.

        Empty where there is no commit, or nothing differs.
        """
        if not (code.commit and code.tree and code.changed):
            return ""
        own = Git(self.experiment.folder)
        try:
            prefix = own.line("rev-parse", "--show-prefix")
            objects = self.experiment.folder / own.line("rev-parse", "--git-path", "objects")
            before = own.line("rev-parse", "--verify", f"{code.commit}:{prefix}")
        except (GitError, OSError) as error:
            raise self._lost(error) from None
        # One repository that has the objects of both.
        both = Git(
            self.experiment.folder,
            *_PLAIN,
            GIT_DIR=str(self._folder),
            GIT_ALTERNATE_OBJECT_DIRECTORIES=str(objects),
            GIT_LITERAL_PATHSPECS="1",
        )
        paths = [path.removeprefix(prefix) for path in code.changed]
        paths = [path for path in paths if path not in code.left_out]
        few = paths if len(paths) <= _MOST_NAMED else []
        words = ("diff-tree", "-r", "-p", "--no-renames", before, code.tree, "--", *few)
        try:
            return both(*words).removesuffix("\n") if paths else ""
        except (GitError, OSError) as error:
            raise self._lost(error) from None

    def export(self, tree: str, folder: Path) -> None:
        """Write the files of ``tree`` to the empty ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        git = Git(folder, *_PLAIN, GIT_DIR=str(self._folder), GIT_WORK_TREE=str(folder)).with_index(
            folder / ".index"
        )
        try:
            git("read-tree", tree)
            git("checkout-index", "--all", "--force")
        except GitError as error:
            raise self._lost(error) from None
        finally:
            (folder / ".index").unlink(missing_ok=True)

    def _ask(self, *words: str) -> str:
        try:
            return self._git(*words).removesuffix("\n")
        except (GitError, OSError) as error:
            raise self._lost(error) from None

    def _lost(self, error: Exception) -> CodeNotKept:
        return CodeNotKept(f"the code of a run cannot be read: {error}", str(self._folder))

    def _kept(self) -> tuple[str, list[str]]:
        state = state_folder.prepare(self.experiment.state)
        with state_folder.held(state / "code.lock", time.monotonic() + _PATIENCE):
            if not (self._folder / "HEAD").exists():
                Git(state, *_PLAIN)("init", "--quiet", "--bare", "--template=", FOLDER)
            listed = self._git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
            names: list[str] = []
            large: list[str] = []
            # What runs left is no code, though git may not ignore it.
            results = f"{self.experiment.results.name}/"
            left: list[str] = []
            for name in dict.fromkeys(listed.split("\0")[:-1]):
                if name.startswith(results):
                    left.append(name)
                    continue
                # A repository within is listed as a folder.
                is_left = name.endswith("/") or _size(self.experiment.folder / name) > LARGEST
                (large if is_left else names).append(name)
            if len(names) > MOST:
                raise UserError(f"there are more than {MOST} files that git does not ignore")
            # What was removed, or has grown, leaves the index.
            gone = "\0".join([*large, *left])
            self._git("update-index", "--force-remove", "-z", "--stdin", text=gone)
            self._git("update-index", "--add", "--remove", "-z", "--stdin", text="\0".join(names))
            return self._git.line("write-tree"), large


def _own_repository(folder: Path) -> dict[str, Any]:
    """Return what the repository of ``folder`` says of itself; nothing where there is none."""
    git = Git(folder)
    try:
        asked = ("--porcelain=v2", "--branch", "-z", "--untracked-files=all")
        words = git("status", *asked, "--", ".")
        remote = git("config", "--get", "remote.origin.url", status=(0, 1)).strip()
    except (GitError, OSError):
        return {}
    about: dict[str, str] = {}
    changed = []
    parts = iter(words.split("\0"))
    for part in parts:
        if part.startswith("# "):
            name, _, value = part[2:].partition(" ")
            about[name] = value
        elif part:
            changed.append(part.split(" ", _FIELDS[part[0]])[-1])
            if part[0] == "2":
                next(parts, None)
    commit = about.get("branch.oid", "")
    return {
        "commit": commit if commit != "(initial)" else "",
        "branch": about.get("branch.head", ""),
        "remote": shown(remote),
        "changed": tuple(sorted(changed)),
    }


_FIELDS = {"1": 8, "2": 9, "u": 10, "?": 1, "!": 1}
"""Fields before the path in a line of ``git status --porcelain=v2``, by how the line begins."""


def _size(path: Path) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0
