"""The conversation of a sign-in: which way in, its values, what to do when they do not work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Protocol

from hera_experiment.context.arguments import Argument, Arguments
from hera_experiment.context.masking import MASK, shown
from hera_experiment.errors import UserError
from hera_experiment.sign_in.presets import PRESETS, Preset, Question, asked_for, variable
from hera_experiment.sign_in.profile import from_block


class Person(Protocol):
    """Who answers."""

    @property
    def is_interactive(self) -> bool:
        """Whether there is anyone to ask."""

    def say(self, line: str = "") -> None:
        """Show one line."""

    def ask(self, prompt: str) -> str:
        """Return what is typed."""

    def ask_hidden(self, prompt: str) -> str:
        """Return what is typed, not shown."""

    def ask_block(self, prompt: str) -> str:
        """Return a pasted text, not shown."""


Check = Callable[[Argument, str, Mapping[str, str]], str]
"""Returns what may be wrong with an answer, given the values so far; empty for nothing.

Raises ``UserError`` for an answer that cannot work.
"""


def choose_preset(name: str, person: Person) -> Preset:
    """Return the preset ``name``, or ask for one; raises ``UserError`` for an unknown one."""
    by_name = {preset.name: preset for preset in PRESETS}
    advice = f"choose one of {', '.join(by_name)}"
    if name:
        if name not in by_name:
            raise UserError(f"no way to sign in is named '{name}'", "--preset", advice)
        return by_name[name]
    if not person.is_interactive:
        raise UserError(
            "there is nobody to ask for the way to sign in",
            next_step=f"add PRESET=… (--preset …), {advice}",
        )
    person.say("How do you reach this cluster?")
    for number, preset in enumerate(PRESETS, start=1):
        person.say(f"  {number}  {preset.title}")
    while True:
        answer = person.ask(f"1 to {len(PRESETS)}: ")
        if answer in by_name:
            return by_name[answer]
        if answer.isdigit() and 1 <= int(answer) <= len(PRESETS):
            return PRESETS[int(answer) - 1]
        person.say(advice)


def gather(
    preset: Preset,
    given: Mapping[str, str],
    known: Callable[[str], str],
    person: Person,
    arguments: Arguments,
    check: Check = lambda argument, value, others: "",
    keep: Callable[[Mapping[str, str]], None] = lambda values: None,
) -> dict[str, str]:
    """Return the values by variable: ``given`` ones, and for the rest what the person answers.

    ``known`` returns the value a variable has at present, empty for none: Enter keeps it, and
    without a person it is taken. What ``check`` finds wrong is asked again at once; ``keep`` gets
    the values after each answer. Raises ``UserError`` naming what is missing.
    """
    values = dict(given)
    if preset.block and person.is_interactive and "ARGO_TOKEN" not in given:
        values.update(from_block(person.ask_block(preset.block), "the pasted text", arguments))
        read = ", ".join(values) or "nothing"
        person.say(f"read: {read}")
    for question in preset.questions:
        key = variable(asked_for(question, arguments))
        if values.get(key) or (question.optional and key in given):
            continue
        values[key] = _answer(question, known(key), person, arguments, values, check)
        keep(values)
    return {key: value for key, value in values.items() if value}


class Choice(Enum):
    """What a person wants with values that do not work."""

    AGAIN = "try the corrected values"
    WRITE = "write them all the same"
    LEAVE = "write nothing"


def correct(
    values: Mapping[str, str],
    person: Person,
    arguments: Arguments,
    check: Check = lambda argument, value, others: "",
) -> tuple[Choice, dict[str, str]]:
    """Ask what to do with values that do not work; return the choice and the values it is for."""
    person.say(
        "Correct one (NAME=value, or NAME alone for a secret), type 'write' to write it all "
        "the same, or Enter to leave."
    )
    while True:
        answer = person.ask("> ")
        if not answer:
            return Choice.LEAVE, dict(values)
        if answer.lower() == "write":
            return Choice.WRITE, dict(values)
        name, separator, value = answer.partition("=")
        argument = arguments.named(name.strip().removeprefix("export "))
        if argument is None:
            person.say(f"no value is named '{name.strip()}'" if separator else "NAME=value, please")
            continue
        key = variable(argument)
        if not separator:
            value = person.ask_hidden(f"{key} (not shown): ")
        value = value.strip().strip("'\"")
        try:
            check(argument, value, values)
        except UserError as error:
            person.say(f"× {key}: {error}")
            continue
        return Choice.AGAIN, {**values, key: value}


def agrees(question: str, person: Person) -> bool:
    """Return whether the person types yes."""
    return person.ask(f"{question} [y/N] ").lower() in ("y", "yes")


def _answer(
    question: Question,
    present: str,
    person: Person,
    arguments: Arguments,
    others: Mapping[str, str],
    check: Check,
) -> str:
    argument = asked_for(question, arguments)
    key = variable(argument)
    default = present or question.default
    if not person.is_interactive:
        if default or question.optional:
            return default
        raise UserError(
            f"{key} is missing",
            next_step=f"add {key}=… (--{argument.name} …), or give it in the text of FROM=file "
            f"({question.found})",
        )
    optional = "; Enter for none" if question.optional and not default else ""
    person.say(f"{key}: {argument.help}. Where: {question.found}{optional}")
    doubted = ""
    while True:
        if argument.secret:
            keep = f" [{MASK}, Enter keeps it]" if default else ""
            answer = person.ask_hidden(f"{key} (not shown){keep}: ") or default
        else:
            answer = person.ask(f"{key}{f' [{shown(default)}]' if default else ''}: ") or default
        if not answer:
            if question.optional:
                return ""
            person.say(f"{key} is needed")
            continue
        try:
            doubt = check(argument, answer, others)
        except UserError as error:
            person.say(f"× {error}")
            default = "" if answer == default else default
            continue
        if not doubt or answer == doubted:
            return answer
        person.say(f"‼ {doubt}; Enter keeps it")
        default = doubted = answer
