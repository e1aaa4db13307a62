"""What is typed after a verb, and the context that it becomes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hera_experiment.context.context import Context
from hera_experiment.experiment import Experiment


class VerbArguments(argparse.Namespace):
    """The options of one verb; ``kind`` is the context module's class of contexts."""

    def __init__(self, kind: type[Context], **values: Any) -> None:
        super().__init__(**values)
        self.kind = kind

    def context(self, environ: Mapping[str, str] = os.environ) -> Context:
        """Return the context of the experiment at hand; raises ``UserError`` for a wrong value."""
        values = {name: value for name, value in vars(self).items() if name != "kind"}
        return self.kind.resolve(argparse.Namespace(**values), Experiment.find(Path.cwd()), environ)

    def context_told(self) -> Context:
        """Return the context, having told of what a person should know about it."""
        context = self.context()
        context.tell_notes()
        return context


class VerbParser(argparse.ArgumentParser):
    """The parser of one verb, which knows the arguments of the context module, too."""

    def __init__(self, kind: type[Context], **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)
        self.kind = kind

    def add_context_arguments(self) -> None:
        """Add every argument of the context."""
        self.kind.add_arguments(self)
