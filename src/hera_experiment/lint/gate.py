"""What is judged before it is submitted: errors stand in the way, warnings are told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment.endpoint.messages import Refused

if TYPE_CHECKING:
    from hera_experiment.argo.objects import Submitted
    from hera_experiment.lint.rule import Rule

_OF_THE_SERVER = ("HE103", "HE104")
"""Rules that the server answers itself, which knows what it interprets and keeps."""


class Gate:
    """Judges each object of one script by the rules of the experiment in ``folder``.

    ``version`` says which Argo it goes to. Each warning is told once.
    """

    def __init__(self, folder: Path, version: Callable[[], str] = lambda: "") -> None:
        self._folder = folder
        self._version = version
        self._told: set[str] = set()
        self._rules: Sequence[Rule] | None = None
        self._lock = threading.Lock()
        # While the script imports Hera there is nothing else to do here.
        threading.Thread(target=_prepare, daemon=True).start()

    def __call__(self, submitted: Submitted) -> Sequence[str]:
        """Return a line for each warning; raises :class:`Refused`, with all lines, for an error."""
        from hera_experiment.lint.judge import errors, judge
        from hera_experiment.lint.origins import locator
        from hera_experiment.lint.report import lines
        from hera_experiment.lint.subject import Subject, version_of

        with self._lock:
            version = version_of(self._version())
            subject = Subject(submitted.manifest, submitted.kind, version)
            where = locator(subject, submitted.origins)
            found = judge(self._chosen(), subject, submitted.name, where)
            said = lines(found)
            fresh = [each for each in said if each not in self._told]
            self._told.update(said)
        if failed := errors(found):
            count = "1 error" if len(failed) == 1 else f"{len(failed)} errors"
            code = failed[0].rule.code
            raise Refused(
                f"nothing was submitted: {submitted.name} has {count}",
                f"make lint EXPLAIN={code} explains {code}",
                fresh or said,
            )
        return fresh

    def _chosen(self) -> Sequence[Rule]:
        if self._rules is None:
            from hera_experiment.lint.catalogue import selected
            from hera_experiment.lint.settings import choice_of

            choice = choice_of(self._folder)
            ignored = (*choice.ignore, *_OF_THE_SERVER)
            self._rules = selected(choice.select, ignored, choice.where)
        return self._rules


def _prepare() -> None:
    import hera_experiment.lint.catalogue
    import hera_experiment.lint.report
    import hera_experiment.local.engine.validation  # noqa: F401
