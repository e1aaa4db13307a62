"""How checks word what they found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime

from hera_experiment.check.model import Outcome, Status, failure, ok
from hera_experiment.errors import UserError

APPLY = "send this YAML to the administrator, to be applied with: kubectl apply -f -"
_BARE = re.compile(r"(?!(?:true|false|null|yes|no|on|off|y|n)$)[a-z][a-z0-9.-]*")
_WORST_FIRST = (Status.FAILURE, Status.UNKNOWN, Status.WARNING, Status.OK)


def local_time(moment: datetime) -> str:
    """Return ``moment`` as a clock on the wall here shows it."""
    return f"{moment.astimezone():%Y-%m-%d at %H:%M} (local time)"


def sentence(error: UserError) -> str:
    """Return what is wrong and where it came from, without the next step."""
    return f"{error.what}{in_brackets(error.where)}"


def in_brackets(where: str) -> str:
    """Return where a value came from as the end of a sentence; nothing for nowhere."""
    return f" ({where})" if where else ""


def failed(error: UserError, message: str, advice: str = "") -> Outcome:
    """Return a failure whose cause is ``error``; its next step unless ``advice`` is better."""
    fallback = "ask the administrator, with this sentence"
    return failure(message, sentence(error), advice or error.next_step or fallback)


def worst(outcomes: Iterable[Outcome], nothing: str) -> Outcome:
    """Return the worst of several outcomes; well, with the message ``nothing``, when none.

    When all are well, all their messages are shown.
    """
    found = list(outcomes)
    if not found:
        return ok(nothing)
    first = min(found, key=lambda each: _WORST_FIRST.index(each.status))
    if first.status is Status.OK:
        return ok("; ".join(dict.fromkeys(each.message for each in found)))
    return first


def in_yaml(name: str) -> str:
    """Return ``name`` as YAML reads it back as a string: quoted where a number would come of it."""
    return name if _BARE.fullmatch(name) else json.dumps(name)


def listed(names: Iterable[str]) -> str:
    """Return names in single quotes, separated by commas."""
    return ", ".join(f"'{name}'" for name in names)
