"""``python -m hera_experiment.check.captured_script SCRIPT …`` runs a script for ``capture``.

Its workflows go where the variables lead, and it waits for none of them.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from hera_experiment.environment import interpreter
from hera_experiment.environment.interpreter import ScriptServices


class Capturing:
    """Makes the script submit to the capturing server, whatever server it names."""

    def __init__(self) -> None:
        self._services = ScriptServices.of_laptop(os.environ, lambda sentence: None)
        self.name = self._services.name

    def take_over(self) -> None:
        """Make Hera use it; what is submitted has succeeded when a script looks."""
        from hera.workflows import Workflow

        self._services.take_over()
        own: tuple[Any, ...] = (Workflow.create, Workflow.wait)
        for method in (*own, Workflow.async_create, Workflow.async_wait):
            # The last parameter of each is the pause between two looks.
            method.__defaults__ = (*(method.__defaults__ or ())[:-1], 0)


if __name__ == "__main__":
    sys.exit(interpreter.main(sys.argv[1:], Capturing))
