"""The folder of a replay: an experiment of its own, of which nothing of the person's is touched."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from hera_experiment.experiment import SETTINGS, Experiment
from hera_experiment.local.runtimes.scratch import remove_folder
from hera_experiment.platform import state_folder
from hera_experiment.record.code import CodeStore
from hera_experiment.results.claim_files import REPLAYS
from hera_experiment.results.listing import Listing

Folders = Mapping[str, Sequence[str]]
"""The names of folders by claim."""

Listings = Mapping[str, Mapping[str, Listing]]
"""What lies in them."""

_SHARED = ("venvs", "layers", "secrets")
"""What of the laptop's state a replay uses: what takes long to make, and what only a person has."""

_LONGEST = 60
_COMPLETE = "fetched.json"
_LISTED = "listed.json"


class ReplayPlace:
    """The folder ``.hera/replays/RUN.TASK`` of ``experiment``.

    ``fetched/CLAIM/FOLDER`` holds files as they came, ``experiment/`` is what the local server
    serves: its claims are copies of those. ``holes/`` is there while files come when they are
    opened.
    """

    def __init__(self, experiment: Experiment, run: str, task: str) -> None:
        self._own = experiment
        name = re.sub(r"[^-\w.]+", "-", task, flags=re.ASCII).strip("-.")
        if name != task or len(name) > _LONGEST:
            # Names that look alike now are to be told apart.
            name = f"{name[:_LONGEST]}-{sha256(task.encode()).hexdigest()[:6]}"
        self.name = f"{run}.{name}"
        self.folder = experiment.state / REPLAYS / self.name
        self.fetched = self.folder / "fetched"
        self.holes = self.folder / "holes"
        self.experiment = replace(experiment, folder=self.folder / "experiment")

    @property
    def claims(self) -> Path:
        """The folder with the claims that the task sees."""
        return self.experiment.state / "claims"

    def prepare(self, tree: str) -> None:
        """Make the experiment with the code ``tree`` of the code store, today's for none.

        Raises :class:`~hera_experiment.record.code.CodeNotKept`.
        """
        state_folder.prepare(self._own.state)
        folder = self.experiment.folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in folder.iterdir():
            if path != self.experiment.state:
                _remove(path)
        if tree:
            CodeStore(self._own).export(tree, folder)
        elif self._own.containers.is_dir():
            self.experiment.containers.symlink_to(self._own.containers)
        if not (folder / SETTINGS).exists():
            name, slug = json.dumps(self._own.name), json.dumps(self._own.slug)
            (folder / SETTINGS).write_text(f"[experiment]\nname = {name}\nslug = {slug}\n", "utf-8")
        state = state_folder.prepare(self.experiment.state)
        for name in _SHARED:
            (self._own.state / name).mkdir(exist_ok=True, mode=0o700)
            if not (state / name).is_symlink():
                (state / name).symlink_to(self._own.state / name)

    def keeps(self, what: Mapping[str, object]) -> bool:
        """Tell whether ``what`` is what was fetched the last time, whole."""
        try:
            kept = json.loads((self.folder / _COMPLETE).read_text("utf-8"))
        except (OSError, ValueError):
            return False
        return bool(kept == what)

    def begin_to_fetch(self) -> None:
        """Forget what was fetched; what is there still is gone on with."""
        (self.folder / _COMPLETE).unlink(missing_ok=True)

    def forget_fetched(self) -> None:
        """Remove what was fetched."""
        self.begin_to_fetch()
        remove_folder(str(self.fetched))

    def has_fetched(self, what: Mapping[str, object]) -> None:
        """Write down that ``what`` is here now."""
        (self.folder / _COMPLETE).write_text(json.dumps(what), "utf-8")

    def forget_but(self, files: Iterable[Path]) -> None:
        """Remove what was fetched once and is not among ``files``, which are all there are now."""
        kept = set(files)
        for above, _, names in os.walk(self.fetched):
            for name in names:
                path = Path(above, name)
                if path not in kept and ".parts" not in path.parts:
                    path.unlink()

    def listed(self, folders: Folders) -> Listings | None:
        """Return what was listed of ``folders`` the last time, None for not just these."""
        try:
            kept = json.loads((self.folder / _LISTED).read_text("ascii"))
        except (OSError, ValueError):
            return None
        if kept["folders"] != {claim: list(names) for claim, names in folders.items()}:
            return None
        return {
            claim: {name: Listing.of_document(each) for name, each in listings.items()}
            for claim, listings in kept["listed"].items()
        }

    def keep_listed(self, folders: Folders, listed: Listings | None) -> None:
        """Write down what was listed of ``folders``, None for what is to be listed again."""
        path = self.folder / _LISTED
        if listed is None:
            path.unlink(missing_ok=True)
            return
        documents = {
            claim: {name: each.document() for name, each in listings.items()}
            for claim, listings in listed.items()
        }
        path.write_text(json.dumps({"folders": dict(folders), "listed": documents}), "ascii")

    def empty_claims(self, claims: Iterable[str]) -> None:
        """Give the task empty claims."""
        remove_folder(str(self.claims))
        for claim in claims:
            (self.claims / claim).mkdir(parents=True, exist_ok=True)

    def fill_claims(self, claims: list[str]) -> None:
        """Give the task claims as they were fetched, whatever an earlier replay made of them."""
        self.empty_claims(claims)
        for claim in claims:
            source = self.fetched / claim
            if source.is_dir():
                shutil.copytree(source, self.claims / claim, symlinks=True, dirs_exist_ok=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_folder(str(path))
    else:
        path.unlink()
