"""Merges two versions of the template and a project, in a scratch repository."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from hera_experiment.experiment import SETTINGS
from hera_experiment.git import PLAIN, Git

Entries = dict[str, tuple[str, str]]
"""Mode and object of each path, as in a tree of git."""

_SUBMODULE = "160000"
_BASE, _YOURS, _TEMPLATE = "1", "2", "3"
# Ends with its last key: a comment behind it is the researcher's.
_TABLE = re.compile(
    r"""^\[template\][ \t\r]*\n((([ \t\r]*|\#.*)\n)*([\w"'].*=.*|\[template\..*)(\n|\Z))*""",
    re.MULTILINE,
)
_WORDS = {
    frozenset(_BASE + _YOURS + _TEMPLATE): "changed here and in the template",
    frozenset(_BASE + _YOURS): "changed here, removed from the template",
    frozenset(_YOURS + _TEMPLATE): "added here and in the template",
}


@dataclass(frozen=True)
class Merge:
    """What becomes of a project: its files ``before`` and ``after``.

    ``unmerged`` are the versions of the files in conflict (path, stage, mode, object),
    ``conflicts`` says why each of them is one; their text ``after`` has markers. ``deleted`` are
    the files that the template has changed and that stay deleted.
    """

    before: Entries
    after: Entries
    unmerged: list[tuple[str, str, str, str]]
    conflicts: dict[str, str]
    deleted: list[str]


class Workshop:
    """A scratch repository below ``scratch`` that sees the objects of ``project``."""

    def __init__(self, project: Git, scratch: Path) -> None:
        self._git = Git(scratch / "merge.git", *PLAIN)
        kind = project.line("rev-parse", "--show-object-format")
        Git(scratch)("init", "--quiet", "--bare", "--template=", f"--object-format={kind}",
                     "merge.git")  # fmt: skip
        objects = Path(project.folder, project.line("rev-parse", "--git-path", "objects")).resolve()
        self._objects = self._git.folder / "objects"
        (self._objects / "info").mkdir(exist_ok=True)
        (self._objects / "info" / "alternates").write_text(f"{objects}\n")

    def merge(self, tree: str, base: Path, new: Path, keep: tuple[str, str]) -> Merge:
        """Merge what changed from the rendered ``base`` to ``new`` into the project's ``tree``.

        ``keep`` is the address that the record of the template keeps, and the commit that it gets.
        """
        ours, theirs = self._entries(tree), self._entries(self._add(new))
        ancestor = self._entries(self._add(base))
        before = dict(ours)
        self._agree_on_made_files(ours, ancestor, theirs)
        self._agree_on_record(ours, ancestor, theirs, keep)
        origin = self._commit(ancestor, "base")
        for name, entries in (("yours", ours), ("template", theirs)):
            self._commit(entries, name, "-p", origin)
        # Older than its option --merge-base, hence the commits.
        words = "merge-tree", "--write-tree", "-z", "--no-messages", "yours", "template"
        merged, *lines = self._git(*words, status=(0, 1)).rstrip("\0").split("\0")
        after = self._entries(merged)
        stages: dict[str, list[tuple[str, str, str, str]]] = {}
        for mode, object_, stage, path in (re.split("[ \t]", line, maxsplit=3) for line in lines):
            stages.setdefault(path, []).append((path, stage, mode, object_))
        deleted, conflicts = [], {}
        for path, versions in list(stages.items()):
            seen = frozenset(stage for _, stage, _, _ in versions)
            if seen == {_BASE, _TEMPLATE}:
                deleted.append(path)
                after.pop(path, None)
                del stages[path]
            else:
                conflicts[path] = _WORDS.get(seen, "renamed in two ways")
        unmerged = [version for versions in stages.values() for version in versions]
        return Merge(before, after, unmerged, conflicts, deleted)

    def hand_over(self, merge: Merge, project: Git) -> None:
        """Give the project the files that were made here."""
        entries = [*merge.after.values(), *(each[2:] for each in merge.unmerged)]
        wanted = {object_ for mode, object_ in entries if mode != _SUBMODULE}
        found = project("cat-file", "--batch-check", text="\n".join(wanted)).splitlines()
        names = [line.split()[0] for line in found if line.endswith(" missing")]
        pack = self._git("pack-objects", "-q", "--stdout", text="\n".join(names))
        project("unpack-objects", "-q", text=pack)

    def _add(self, folder: Path) -> str:
        index = self._git.with_index(self._git.folder / f"index-{folder.parent.parent.name}")
        index(f"--work-tree={folder}", "add", "--all")
        return index.line("write-tree")

    def _entries(self, tree: str) -> Entries:
        entries = {}
        for line in self._git("ls-tree", "-r", "-z", "--full-tree", tree).split("\0")[:-1]:
            words, _, path = line.partition("\t")
            mode, _, object_ = words.split(" ")
            entries[path] = (mode, object_)
        return entries

    def _commit(self, entries: Entries, name: str, *parent: str) -> str:
        index = self._git.with_index(self._git.folder / f"index-{name}")
        lines = "".join(f"{mode} {object_}\t{path}\0" for path, (mode, object_) in entries.items())
        index("update-index", "-z", "--index-info", text=lines)
        made = index.line("commit-tree", "-m", name, *parent, index.line("write-tree"))
        self._git("update-ref", f"refs/heads/{name}", made)
        return made

    @staticmethod
    def _agree_on_made_files(ours: Entries, base: Entries, theirs: Entries) -> None:
        """What the hook makes is nobody's work: it follows, or stays away where it was removed.

        The same wheel may have other bytes where another zlib has packed it.
        """
        made = [path for path in base if _is_made(path)]
        for path in made:
            base[path] = ours.get(path, base[path])
        if made and not any(path in ours for path in made):
            for entries in (base, theirs):
                for path in [path for path in entries if _is_made(path)]:
                    del entries[path]

    def _agree_on_record(
        self, ours: Entries, base: Entries, theirs: Entries, keep: tuple[str, str]
    ) -> None:
        """Put the new record of the template on all sides: it is never in conflict."""
        if SETTINGS not in theirs:
            return
        found = _TABLE.search(self._text(theirs[SETTINGS]))
        table = found.group() if found else ""
        for key, value in zip(("address", "commit"), keep, strict=True):
            line = f"{key} = {json.dumps(value, ensure_ascii=False)}\n"
            before, key_, rest = table.partition(f"\n{key} = ")
            table = f"{before}\n{line}{rest.partition(chr(10))[2]}" if key_ else table
        for entries in (ours, base, theirs):
            if SETTINGS in entries:
                text = self._text(entries[SETTINGS])
                without = _TABLE.search(text)
                if without:
                    text = text[: without.start()] + table + text[without.end() :]
                elif table:
                    text = f"{text.rstrip()}\n\n{table}"
                made = self._git("hash-object", "-w", "--stdin", text=text).strip()
                entries[SETTINGS] = (entries[SETTINGS][0], made)

    def _text(self, entry: tuple[str, str]) -> str:
        return self._git("cat-file", "blob", entry[1])


def _is_made(path: str) -> bool:
    return path.startswith("vendor/") or path == "requirements/library.txt"
