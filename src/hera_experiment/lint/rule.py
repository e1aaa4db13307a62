"""What a rule is, and what it finds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from inspect import cleandoc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hera_experiment.lint.subject import Subject

Path = tuple[str | int, ...]
"""Keys and indices from the root of a manifest to what is meant."""

ERROR, WARNING = "error", "warning"
"""An error is refused by Argo or Kubernetes, or fails wherever it runs; a warning may go well."""

_EXAMPLES = re.compile(r"\n\nFails::\n\n(.*?)\n\nPasses::\n\n(.*)\Z", re.DOTALL)


@dataclass(frozen=True)
class Finding:
    """One place where a rule is broken; ``message`` holds no secret, ``advice`` is what to do."""

    message: str
    path: Path = ()
    advice: str = ""


@dataclass(frozen=True)
class Rule:
    """One thing that is judged.

    ``find`` yields what is wrong. Its docstring explains the rule and ends in two examples of YAML:
    one gives exactly this rule's finding, the other none. ``says`` is a pattern of those messages
    of Argo's verdict that tell the same, which is then told once, by this rule.
    """

    code: str
    name: str
    severity: str
    summary: str
    find: Callable[[Subject], Iterable[Finding]]
    says: str = ""

    @property
    def family(self) -> str:
        """What the rules of one file share: the first line of its docstring."""
        import sys

        return str(sys.modules[self.find.__module__].__doc__).partition("\n")[0].rstrip(".")

    @cached_property
    def explanation(self) -> str:
        """The docstring without its examples."""
        return _EXAMPLES.sub("", self._documentation)

    @property
    def fails(self) -> str:
        """The example that breaks this rule and no other, as YAML."""
        return self._example(1)

    @property
    def passes(self) -> str:
        """The example that breaks no rule, as YAML."""
        return self._example(2)

    @property
    def _documentation(self) -> str:
        return cleandoc(self.find.__doc__ or "")

    def _example(self, number: int) -> str:
        found = _EXAMPLES.search(self._documentation)
        if found is None:
            raise LookupError(f"the docstring of {self.code} has no examples")
        return cleandoc(f"\n{found[number]}")
