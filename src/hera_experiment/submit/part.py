"""Which part of a workflow is submitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hera_experiment.context.context import Context

if TYPE_CHECKING:
    from hera_experiment.endpoint.defaults import GoingOn


@dataclass(frozen=True)
class Part:
    """The part of a workflow that is to run: from the task ``begin`` on, or ``only`` that one.

    What finished in ``run``, the newest unless it is named, is kept; all runs if neither is given.
    """

    begin: str = ""
    only: str = ""
    run: str = ""

    def goes_on(self, context: Context) -> GoingOn | None:
        """Return what a workflow goes on with; raises :class:`UserError`."""
        if not (self.begin or self.only):
            return None
        if context.is_local:
            from hera_experiment.runs.resumption import resumption_of

            return resumption_of(context, self.run, self.begin, self.only)
        from hera_experiment.runs.find import find_run
        from hera_experiment.submit.remainder import Remainder

        with find_run(context, self.run) as run:
            return Remainder(run, self.begin, self.only)


WHOLE = Part()
"""All of it."""
