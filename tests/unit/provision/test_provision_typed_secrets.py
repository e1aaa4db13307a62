"""Values of Secrets: typed by a person, asked for once, written into no plan."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from hera_experiment.errors import UserError
from hera_experiment.provision import desired_objects
from hera_experiment.provision.typed_secrets import (
    command,
    filled_in,
    provide_on_laptop,
    typed_values,
)

NEEDED = {"archive": ("USER", "TOKEN"), "other": ("KEY",)}


class Person:
    """Types the answers in turn; ``is_interactive`` while there are any."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.is_interactive = bool(answers)
        self.prompts: list[str] = []
        self.said: list[str] = []

    def say(self, line: str = "") -> None:
        self.said.append(line)

    def ask_hidden(self, prompt: str) -> str:
        self.prompts.append(prompt)
        return self.answers.pop(0)


class Laptop:
    def __init__(self, **secrets: dict[str, str]) -> None:
        self.secrets = secrets

    def missing_keys(self, name: str, keys: Sequence[str]) -> list[str]:
        return [key for key in keys if key not in self.secrets.get(name, {})]

    def keep_secret(self, name: str, values: Mapping[str, str]) -> None:
        self.secrets.setdefault(name, {}).update(values)


def test_what_is_missing_is_asked_for() -> None:
    laptop, person = Laptop(archive={"USER": "me"}), Person("t0ken", "k3y")
    assert provide_on_laptop(NEEDED, laptop, ".hera", person)
    assert laptop.secrets == {"archive": {"USER": "me", "TOKEN": "t0ken"}, "other": {"KEY": "k3y"}}
    assert [prompt.split()[0] for prompt in person.prompts] == ["TOKEN", "KEY"]
    again = Person("never asked")
    assert provide_on_laptop(NEEDED, laptop, ".hera", again)
    assert again.said == ["Secret 'archive': is there", "Secret 'other': is there"]
    assert not any("t0ken" in line or "k3y" in line for line in person.said)


def test_where_nobody_can_be_asked_the_files_are_named() -> None:
    laptop, person = Laptop(), Person()
    assert not provide_on_laptop({"archive": ("USER", "TOKEN")}, laptop, "./.hera", person)
    said = "\n".join(person.said)
    assert "./.hera/secrets/archive/USER ./.hera/secrets/archive/TOKEN" in said
    assert "make provision in a terminal" in said
    assert laptop.secrets == {}


def test_an_empty_answer_is_none() -> None:
    with pytest.raises(UserError, match="nothing was typed for TOKEN of the Secret 'archive'"):
        typed_values("archive", ["USER", "TOKEN"], Person("me", ""))


def test_what_is_there_is_kept_on_the_cluster() -> None:
    needed = desired_objects.secret("archive", ("USER", "TOKEN"))
    live: dict[str, Any] = {"data": {"USER": "bWU=", "ELSE": "eA=="}}
    filled = filled_in(needed, live, {"TOKEN": "å"})
    assert filled.manifest["data"] == {
        "USER": "bWU=",
        "TOKEN": base64.b64encode("å".encode()).decode(),
    }
    assert "data" not in needed.manifest


def test_the_command_to_type_instead_holds_no_value() -> None:
    needed = desired_objects.secret("archive", ("USER", "TOKEN"))
    assert command(needed, ["USER", "TOKEN"], "argo").endswith(
        "kubectl -n argo create secret generic archive --from-file=USER=FILE --from-file=TOKEN=FILE"
    )
    # One that is there cannot be created again.
    assert "kubectl" not in command(needed, ["TOKEN"], "argo")
