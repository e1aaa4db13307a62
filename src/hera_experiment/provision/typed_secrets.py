"""Secrets that tasks read: their values are typed by a person, and kept nowhere but there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hera_experiment.errors import UserError
from hera_experiment.provision.desired_objects import DesiredObject, secret_with

_IN_A_TERMINAL = "type make provision{} in a terminal, which asks for its values"
"""What to do where nobody can be asked."""


class Person(Protocol):
    """Who types the values."""

    @property
    def is_interactive(self) -> bool:
        """Whether there is anyone to ask."""

    def say(self, line: str = "") -> None:
        """Show one line."""

    def ask_hidden(self, prompt: str) -> str:
        """Return what is typed, not shown."""


class SecretsOfLaptop(Protocol):
    """Where a laptop keeps Secrets."""

    def missing_keys(self, name: str, keys: Sequence[str]) -> list[str]:
        """Return which of ``keys`` the Secret has not got."""

    def keep_secret(self, name: str, values: Mapping[str, str]) -> None:
        """Add ``values`` to the Secret."""


def missing_keys(wanted: DesiredObject, live: Mapping[str, Any] | None) -> list[str]:
    """Return which of the keys whose values are typed the object ``live`` has not got."""
    found = (live or {}).get("data") or {}
    return [key for key in wanted.typed if key not in found]


def typed_values(name: str, keys: Sequence[str], person: Person) -> dict[str, str]:
    """Return what ``person`` types for each of ``keys``, not shown.

    Raises ``UserError`` when nothing is typed for one of them.
    """
    values = {}
    for key in keys:
        value = person.ask_hidden(f"{key} of the Secret '{name}' (not shown): ")
        if not value:
            raise UserError(
                f"nothing was typed for {key} of the Secret '{name}'",
                next_step="type make provision again; what was applied before stays",
            )
        values[key] = value
    return values


def command(
    wanted: DesiredObject, missing: Sequence[str], namespace: str, cluster: str = ""
) -> str:
    """Return what to do by hand about a Secret that lacks ``missing``; no value is in it.

    ``cluster`` is the profile's name.
    """
    in_a_terminal = _IN_A_TERMINAL.format(f" CLUSTER={cluster}" if cluster else "")
    if len(missing) < len(wanted.typed):
        return in_a_terminal
    files = " ".join(f"--from-file={key}=FILE" for key in missing)
    by_hand = f"kubectl -n {namespace} create secret generic {wanted.name} {files}"
    return f"{in_a_terminal}, or: {by_hand}"


def filled_in(
    wanted: DesiredObject, live: Mapping[str, Any] | None, values: Mapping[str, str]
) -> DesiredObject:
    """Return the Secret to apply: what is there, and ``values``."""
    # What this author applied before and leaves out now, Kubernetes would remove.
    known = (live or {}).get("data") or {}
    kept = {key: known[key] for key in wanted.typed if key in known}
    return secret_with(wanted, kept, values)


def provide_on_laptop(
    needed: Mapping[str, Sequence[str]], laptop: SecretsOfLaptop, folder: str, person: Person
) -> bool:
    """Ask for what the Secrets ``needed`` (keys by name) lack; say whether all is there now.

    ``folder`` is where the laptop keeps its state, as a person would type it.
    """
    complete = True
    for name, keys in needed.items():
        missing = laptop.missing_keys(name, keys)
        if not missing:
            person.say(f"Secret '{name}': is there")
        elif person.is_interactive:
            laptop.keep_secret(name, typed_values(name, missing, person))
            person.say(f"Secret '{name}': kept in {folder}/secrets/{name}, for you alone")
        else:
            complete = False
            files = " ".join(f"{folder}/secrets/{name}/{key}" for key in missing)
            by_asking = _IN_A_TERMINAL.format("")
            person.say(f"Secret '{name}' has no {', '.join(missing)}: {by_asking}, or write")
            person.say(f"each value, without a newline after it, to a file of mode 600: {files}")
    return complete
