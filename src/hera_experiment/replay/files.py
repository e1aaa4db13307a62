"""The files of a claim that a task run again sees: which, and when they come."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hera_experiment.argo.tasks import Task, is_finished, parsed
from hera_experiment.images.engine import RUNNERS
from hera_experiment.local.cache.notifications import why_unheard
from hera_experiment.replay.one_task import mounts_of, template_of
from hera_experiment.replay.opened_files import OpenedFiles
from hera_experiment.replay.place import Listings, ReplayPlace
from hera_experiment.replay.placeholders import Placeholders
from hera_experiment.replay.wish import Wish
from hera_experiment.results.claim_files import bring_folders
from hera_experiment.results.claims import NoClaim
from hera_experiment.results.data_files import FOLDER as DATA
from hera_experiment.results.listing import Listing, is_safe
from hera_experiment.results.outcome import files as counted
from hera_experiment.results.pod_transport import HeldClaims, PodTransport
from hera_experiment.results.transport import TransferRequest, TransportUnavailable
from hera_experiment.runs.find import Run

CLAIM = "persistentVolumeClaim"


@dataclass
class TaskFiles:
    """The files of ``folders``, by claim, in the claims of ``place``, as ``wish`` says.

    They come from where ``run`` was; ``label`` marks what is made there. ``remarks`` say what is
    not as it was for ``task``.
    """

    run: Run
    task: Task
    place: ReplayPlace
    folders: Mapping[str, list[str]]
    wish: Wish
    say: Callable[[str], None]
    label: str
    remarks: list[str] = field(default_factory=list)

    @contextmanager
    def brought(self, runtime: str) -> Iterator[OpenedFiles | None]:
        """Bring them, before the block; yields what lets them come when they are opened instead.

        That is possible for a run on a cluster, where ``runtime`` and kernel allow it.
        """
        if self.run.server.is_local or not self.folders or not self.wish.most:
            changed = self._fetch()
            yield None
            self.remarks += self._changed_since(changed)
            return
        why = f"RUNTIME={runtime}" if runtime in RUNNERS else why_unheard()
        request = TransferRequest(
            self.run.server, self.run.workflow, self.say, self.wish.image, self.label
        )
        with ExitStack() as stack:
            try:
                if not why:
                    claims = stack.enter_context(PodTransport(request).held())
                    files = self._placeholders(claims)
            except TransportUnavailable as error:
                why = str(error)
            except OSError as error:
                why = f"{error.strerror} in {self.place.folder}"
            if why:
                self.say(f"its files are fetched before it begins, not when it opens them: {why}")
                changed = self._fetch()
                yield None
                self.remarks += self._changed_since(changed)
                return
            opened = OpenedFiles(files)
            try:
                yield opened
            finally:
                claims.close()
                if not opened.close():
                    self.remarks.append("what it began has not ended: its files come no more")
                files.forget()
            self._tell(opened, files)

    def _placeholders(self, claims: HeldClaims) -> Placeholders:
        place, folders = self.place, self.folders
        listed = None
        if self.wish.fetch:
            place.forget_fetched()
        elif is_finished(self.run.workflow):
            listed = place.listed(folders)
        if listed is None:
            listed = self._list(claims)
            place.keep_listed(folders, listed)
        place.empty_claims(folders)
        files = Placeholders(
            listed,
            place.claims,
            place.fetched,
            place.holes,
            claims.folder,
            self.wish.most,
            self.say,
        )
        files.make()
        return files

    def _list(self, claims: HeldClaims) -> Listings:
        found: dict[str, dict[str, Listing]] = {}
        for claim, names in self.folders.items():
            found[claim] = {}
            for name in names:
                try:
                    folder = claims.folder(claim, name)
                except NoClaim as error:
                    self.remarks.append(f"{error.what}: it is empty here")
                    break
                listing = None if folder is None else folder.list_unread()
                if listing is not None:
                    found[claim][name] = listing
        return found

    def _tell(self, opened: OpenedFiles, files: Placeholders) -> None:
        """Say what came, once nothing is opened any more."""
        if files.is_outdated:
            self.place.keep_listed({}, None)
        self.remarks += files.remarks()
        self.remarks += [f"{each} may have found files empty" for each in opened.unseen]
        self.remarks += self._changed_since(
            {
                Path(each.claim, each.folder, os.fsdecode(each.entry.path)): each.changed
                for each in files.opened
            }
        )
        self.say(files.summary())

    def _fetch(self) -> dict[Path, int]:
        """Fetch them before the task begins; return when each that came was changed.

        Their paths are those below the folder of all claims, the times whole seconds.
        """
        changed: dict[Path, int] = {}
        place, most, folders = self.place, self.wish.most, self.folders
        if not folders:
            place.fill_claims([])
            return changed
        what = {"folders": dict(folders), "most": most}
        is_fresh = self.run.server.is_local or not is_finished(self.run.workflow)
        if not most:
            self.remarks.append(f"LIMIT=0: {', '.join(folders)} is empty here")
        elif place.keeps(what) and not (self.wish.fetch or is_fresh):
            self.say("its files are here from an earlier replay; FETCH=1 brings them anew")
        else:
            place.begin_to_fetch()
            results = bring_folders(
                self.run, folders, place.fetched, most, self.say, image=self.wish.image
            )
            place.forget_but(results.files)
            self.remarks += results.remarks
            changed = {
                path.relative_to(place.fetched): int(path.lstat().st_mtime)
                for path in results.files
                if os.path.lexists(path)
            }
            if not results.remarks:
                place.has_fetched(what)
        place.fill_claims(list(folders))
        return changed

    def _changed_since(self, changed: Mapping[Path, int]) -> Iterator[str]:
        """Yield that files were written after the task had begun, which it did not find so.

        What it has written here, it wrote there.
        """
        began = parsed((self.task.pod or self.task.node).get("startedAt"))
        if began is None:
            return
        later = sum(
            time > began.timestamp() and self._is_left(path, time) for path, time in changed.items()
        )
        if later:
            yield f"{counted(later)} changed after it had begun there: it may have found others"

    def _is_left(self, path: Path, changed: int) -> bool:
        """Tell whether the task has left a file as it was."""
        with suppress(OSError):
            return int((self.place.claims / path).lstat().st_mtime) == changed
        return False


def folders_of(run: Run, manifest: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return which folders of which claims the task may read: the run's own, and the data."""
    found: dict[str, list[str]] = {}
    own = {
        str(volume["name"])
        for volume in (run.workflow.get("status") or {}).get("persistentVolumeClaims") or ()
    }
    mounts = mounts_of(template_of(manifest))
    for volume in manifest["spec"]["volumes"]:
        claim = str((volume.get(CLAIM) or {}).get("claimName") or "")
        if not claim:
            continue
        wanted = ["."] if volume["name"] in own else [run.name, DATA]
        for mount in mounts[volume["name"]]:
            inner = str(mount.get("subPath") or "").strip("/").partition("/")[0]
            if is_safe(os.fsencode(inner)) and wanted != ["."]:
                wanted.append(inner)
        known = found.setdefault(claim, [])
        known += [each for each in dict.fromkeys(wanted) if each not in known]
    return found
