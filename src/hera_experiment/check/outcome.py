"""What may come of a check, and how it is worded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from hera_experiment.errors import UserError


class Status(Enum):
    """How a check came out; the value is the word that machines read."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    UNKNOWN = "unknown"

    @property
    def symbol(self) -> str:
        """The sign that people read."""
        return {"ok": "√", "warning": "‼", "failure": "×", "unknown": "?"}[self.value]


_WORST_FIRST = (Status.FAILURE, Status.UNKNOWN, Status.WARNING, Status.OK)


class CannotTell(Exception):
    """A check cannot be decided here; the text says why, and neither passes nor fails.

    ``because`` is the code of the check that is about the reason, where there is one.
    """

    def __init__(self, reason: str, because: str = "") -> None:
        super().__init__(reason)
        self.because = because


@dataclass(frozen=True)
class Outcome:
    """What came of a check.

    ``message`` is what was seen, in a few words ("bound, ReadWriteMany"); ``cause`` one sentence
    of what is wrong; ``advice`` one line of what to type or whom to ask; ``paste`` a block of YAML
    that the advice speaks of, ready to be applied. None holds a secret.
    """

    status: Status
    message: str
    cause: str = ""
    advice: str = ""
    paste: str = ""


def ok(message: str) -> Outcome:
    """Say that all is well."""
    return Outcome(Status.OK, message)


def warning(message: str, cause: str, advice: str = "") -> Outcome:
    """Say that it may work, but that a person should know something.

    Where there is no advice, it is the check's hint.
    """
    return Outcome(Status.WARNING, message, cause, advice)


def failure(message: str, cause: str, advice: str = "", paste: str = "") -> Outcome:
    """Say that the next submission cannot work.

    Where there is no advice, it is the check's hint.
    """
    return Outcome(Status.FAILURE, message, cause, advice, paste)


def unknown(message: str, advice: str = "") -> Outcome:
    """Say that it could not be found out."""
    return Outcome(Status.UNKNOWN, message, "", advice)


def failed(error: UserError, message: str, advice: str = "") -> Outcome:
    """Return a failure whose cause is ``error``; its next step unless ``advice`` is better."""
    fallback = "ask the administrator, with this sentence"
    return failure(
        message, f"{error.what}{in_brackets(error.where)}", advice or error.next_step or fallback
    )


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


APPLY = "send this YAML to the administrator, to be applied with: kubectl apply -f -"
_BARE = re.compile(r"(?!(?:true|false|null|yes|no|on|off|y|n)$)[a-z][a-z0-9.-]*")


def local_time(moment: datetime) -> str:
    """Return ``moment`` as a clock on the wall here shows it."""
    return f"{moment.astimezone():%Y-%m-%d at %H:%M} (local time)"


def in_brackets(where: str) -> str:
    """Return where a value came from as the end of a sentence; nothing for nowhere."""
    return f" ({where})" if where else ""


def in_yaml(name: str) -> str:
    """Return ``name`` as YAML reads it back as a string: quoted where a number would come of it."""
    return name if _BARE.fullmatch(name) else json.dumps(name)


def listed(names: Iterable[str]) -> str:
    """Return names in single quotes, separated by commas."""
    return ", ".join(f"'{name}'" for name in names)
