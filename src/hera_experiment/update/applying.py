"""The last step of an update, on the project itself: all of it, or nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hera_experiment.errors import UserError
from hera_experiment.git import Git, GitError
from hera_experiment.platform.state_folder import EXCLUSIVE, open_lock, try_lock
from hera_experiment.signals import undisturbed
from hera_experiment.update.merging import Merge

_Entry = tuple[str, str] | None
_OLDEST_GIT = (2, 38)


class Project:
    """The git repository that ``folder``, an experiment, is or is a part of.

    Raises
    ------
    UserError
        When there is none, or git is missing or too old.
    """

    def __init__(self, folder: Path) -> None:
        git = Git(folder)
        try:
            words = git("version").split()
        except FileNotFoundError:
            raise UserError(
                "git is not installed", "", "install it: make update needs it"
            ) from None
        version = tuple(int(number) for number in re.findall(r"\d+", words[2])[:2])
        if version < _OLDEST_GIT:
            raise UserError(f"git {words[2]} is too old", "", "install git 2.38 or newer")
        try:
            top = git.line("rev-parse", "--show-toplevel")
            self._prefix = git.line("rev-parse", "--show-prefix")
        except GitError as error:
            raise UserError(
                f"the project has no git repository: git said: {error}",
                str(folder),
                "make one: git init && git add --all && git commit -m 'My experiment'",
            ) from None
        self._folder = folder
        self.git = Git(Path(top))
        self._work = self._git_path("hera_update")
        self._marker = self._work / "marker"
        self._index, self._lock = self._git_path("index"), self._git_path("index.lock")
        # Beside the lock, which is a link to it: some file systems have links within a folder only.
        self._new_index = self._git_path("hera_update.index")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other updates of this project away while the block runs."""
        path = self._git_path("hera_update.lock")
        lock = open_lock(path)
        try:
            if not try_lock(lock, EXCLUSIVE):
                raise UserError(
                    "another 'make update' is at work here", str(path), "wait for its end"
                )
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
        finally:
            os.close(lock)

    def begin(self, *, may_commit: bool) -> str:
        """Return the tree of the project, which has nothing that is not committed.

        Raises
        ------
        UserError
            When it has, or git cannot make a commit.
        """
        try:
            self._head = self.git.line("rev-parse", "--verify", "HEAD^{commit}")
            tree = self.git.line("rev-parse", "--verify", f"HEAD:{self._prefix}")
        except GitError:
            raise UserError(
                "the project has no commit yet",
                str(self._folder),
                "type: git add --all && git commit -m 'My experiment'",
            ) from None
        self._require_clean()
        if may_commit:
            try:
                self.git("-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT")
            except GitError:
                raise UserError(
                    "git does not know you",
                    "",
                    "git config --global user.name NAME, then user.email ADDRESS",
                ) from None
        return tree

    def _require_clean(self) -> None:
        status = self.git("status", "--porcelain", "-z", "--untracked-files=normal").split("\0")
        if status[0]:
            raise UserError(
                f"the work tree has changes that are not committed, such as {status[0][3:]}",
                str(self.git.folder),
                "commit them (git add --all && git commit) or put them aside (git stash"
                " --include-untracked), then type the same again",
            )

    def apply(self, merge: Merge, message: str) -> str:
        """Make the files and the index what ``merge`` says, and commit; return the commit.

        With conflicts there is no commit: they are left as after ``git merge``, and ``git commit``
        will find the message.
        """
        paths = sorted({*merge.before, *merge.after, *merge.conflicts})
        both = {path: (merge.before.get(path), merge.after.get(path)) for path in paths}
        changed = {
            self._prefix + path: (old, new)
            for path, (old, new) in both.items()
            if old != new or path in merge.conflicts
        }
        for path, (old, _) in changed.items():
            if old is None and os.path.lexists(self.git.folder / path):
                raise UserError(
                    f"{path} is in the way of a file of the template",
                    "git ignores it",
                    "move it elsewhere, then type the same again",
                )
        try:
            return self._exchange(changed, merge, message)
        except BaseException as error:
            with undisturbed():
                self.put_back()
            if isinstance(error, (OSError, GitError)):
                raise UserError(
                    f"the files could not be changed, and are as they were: {error}",
                    str(self._folder),
                    "correct that, then type the same again",
                ) from None
            raise

    def _exchange(
        self, changed: dict[str, tuple[_Entry, _Entry]], merge: Merge, message: str
    ) -> str:
        new = {path: new for path, (_, new) in changed.items()}
        self._stage(new)
        shutil.copyfile(self._index, self._new_index)
        index = self.git.with_index(self._new_index)
        index("update-index", "-z", "--index-info", text=self._lines(new, merge.unmerged))
        commit = ""
        if not merge.unmerged:
            tree = index.line("write-tree")
            commit = index.line("commit-tree", "-p", self._head, "-m", message, tree)
        state = {"head": self._head, "commit": commit, "changed": changed}
        (self._work / "state").write_text(json.dumps(state))
        # As git does: the new index is the lock until it takes the place of the old one.
        os.link(self._new_index, self._lock)
        if self.git.line("rev-parse", "HEAD") != self._head:
            raise UserError("somebody has committed meanwhile", "", "type the same again")
        self._require_clean()
        # From here on a kill leaves something to put back.
        os.replace(self._work / "state", self._marker)
        self._swap(new)
        if not commit:
            self._git_path("MERGE_MSG").write_text(message)
        os.replace(self._lock, self._index)
        with undisturbed():
            if commit:
                reason = message.partition("\n")[0]
                self.git("update-ref", "-m", reason, "HEAD", commit, self._head)
            self._finish()
        self.git("update-index", "-q", "--refresh", status=(0, 1))
        return commit

    @property
    def is_halfway(self) -> bool:
        """Whether the last step of an update was killed."""
        return self._marker.exists() or self._new_index.exists()

    def put_back(self) -> str:
        """Put the files back that a last step has changed which was cut off; return what was done.

        Raises
        ------
        UserError
            When somebody has changed one of them since.
        """
        with suppress(FileNotFoundError):
            if self._lock.samefile(self._new_index):
                self._lock.unlink()
        if not self._marker.exists():
            self._finish()
            return ""
        state = json.loads(self._marker.read_text())
        head = self.git.line("rev-parse", "HEAD")
        if head != state["head"]:
            self._finish()
            return "an update that was killed had been completed" if head == state["commit"] else ""
        self._head = head
        changed: dict[str, tuple[_Entry, _Entry]] = state["changed"]
        for path, entries in changed.items():
            place = self.git.folder / path
            known = [entry[1] for entry in entries if entry]
            if place.is_file() and not place.is_symlink():
                found = self.git.line("hash-object", "--", path)
                if found not in known:
                    raise UserError(
                        f"an update was killed halfway, and {path} was changed since",
                        str(self._marker),
                        f"copy it elsewhere, type 'git checkout HEAD -- {path}' (rm {path}, where"
                        " git does not know it), then the same again",
                    )
        old = {path: entries[0] for path, entries in changed.items()}
        self._stage(old)
        self._swap(old)
        self.git("update-index", "-z", "--index-info", text=self._lines(old, []))
        if not state["commit"]:
            self._git_path("MERGE_MSG").unlink(missing_ok=True)
        self.git("update-index", "-q", "--refresh", status=(0, 1))
        self._finish()
        return "an update was killed halfway: the files are as they were before it"

    def _git_path(self, name: str) -> Path:
        return Path(self.git.folder, self.git.line("rev-parse", "--git-path", name))

    def _lines(self, entries: dict[str, _Entry], unmerged: list[tuple[str, str, str, str]]) -> str:
        """Return what ``update-index`` is told, so that each path is its entry and no other."""
        none = "0" * len(self._head)
        lines = [f"0 {none}\t{path}" for path in entries]
        in_conflict = {self._prefix + path for path, *_ in unmerged}
        for path, entry in entries.items():
            if entry and path not in in_conflict:
                lines.append(f"{entry[0]} {entry[1]}\t{path}")
        for path, stage, mode, object_ in unmerged:
            lines.append(f"{mode} {object_} {stage}\t{self._prefix}{path}")
        return "".join(f"{line}\0" for line in lines)

    def _stage(self, entries: dict[str, _Entry]) -> None:
        """Write the files to be beside the marker, as git would write them at their place."""
        self._work.mkdir(exist_ok=True)
        shutil.rmtree(self._work / "files", ignore_errors=True)
        (self._work / "files-index").unlink(missing_ok=True)
        index = self.git.with_index(self._work / "files-index")
        lines = [f"{each[0]} {each[1]}\t{path}\0" for path, each in entries.items() if each]
        index("update-index", "-z", "--index-info", text="".join(lines))
        index("checkout-index", "--all", f"--prefix={self._work / 'files'}/")

    def _swap(self, entries: dict[str, _Entry]) -> None:
        """Put the files of :meth:`_stage` into their places, each at once."""
        for path in [path for path, entry in entries.items() if entry is None]:
            place = self.git.folder / path
            place.unlink(missing_ok=True)
            for parent in place.parents:
                if parent == self._folder or not parent.is_dir():
                    break
                if set(os.listdir(parent)) - {"__pycache__"}:
                    break
                shutil.rmtree(parent)
        for path in [path for path, entry in entries.items() if entry]:
            place = self.git.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(self._work / "files" / path, place)

    def _finish(self) -> None:
        self._marker.unlink(missing_ok=True)
        self._new_index.unlink(missing_ok=True)
        shutil.rmtree(self._work, ignore_errors=True)
