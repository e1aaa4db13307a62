"""What an argument of an experiment is, and how command lines know it."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from hera_experiment.context.sources import Origin, Source
from hera_experiment.errors import UserError


class SettingScope(Enum):
    """What an argument is about, hence whether the platform ``local`` heeds it."""

    CHOICE = "which platform, and how"
    CLUSTER = "how a cluster is reached; 'local' ignores it"
    RESOURCE = "what the experiment uses; 'local' uses only what is committed"


@dataclass(frozen=True)
class Argument:
    """One value of the context.

    ``environment`` names its environment variables, apart by blanks; of those that are set in one
    source the first wins. One that is ``machine_wide`` means something to any program: the
    environment's holds for each cluster whose profile has none.
    """

    name: str
    environment: str
    help: str
    concern: SettingScope = SettingScope.CLUSTER
    secret: bool = False
    path: bool = False
    boolean: bool = False
    machine_wide: bool = False
    default: str = ""
    choices: tuple[str, ...] = ()

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of its environment variables."""
        return tuple(self.environment.split())

    @property
    def value_unless_given(self) -> str:
        """The default: of choices the first unless it says so, of what is on or off ``false``."""
        return self.default or (self.choices or (("false",) if self.boolean else ("",)))[0]


class Arguments(tuple[Argument, ...]):
    """The arguments of an experiment, in the order in which they are shown."""

    def __new__(cls, *arguments: Argument) -> Arguments:
        """Take them one by one."""
        return super().__new__(cls, arguments)

    @property
    def names(self) -> dict[str, Argument]:
        """The arguments by each of their names, in lower case."""
        return {name.lower(): each for each in self for name in (each.name, *each.variables)}

    def named(self, name: str) -> Argument | None:
        """Return the argument with this variable's or option's name, in any case."""
        return self.names.get(spelt_as_known(name))

    def about(self, concern: SettingScope) -> list[Argument]:
        """Return the arguments of one concern."""
        return [each for each in self if each.concern is concern]


def spelt_as_known(name: str) -> str:
    """Return a name that a person wrote as it stands in ``Arguments.names``, if it does."""
    return name.strip("-").replace("-", "_").lower()


def take_dashes(parser: argparse.ArgumentParser) -> None:
    """Let each ``--some_name`` of ``parser`` be typed as ``--some-name``, which no help shows."""
    known = parser._option_string_actions
    for option, action in list(known.items()):
        if option.startswith("--"):
            known.setdefault("--" + option[2:].replace("_", "-"), action)


def add_arguments(parser: argparse.ArgumentParser, arguments: Arguments) -> None:
    """Add each of ``arguments`` to ``parser`` as ``--some_name``, which ``--some-name`` equals.

    So does each of its variables in small letters, which no help shows. Abbreviations are switched
    off: they would change their meaning with each new option. An option that ``parser`` already has
    stays its own.
    """
    parser.allow_abbrev = False
    group = parser.add_argument_group("execution platform")
    for argument in arguments:
        option = f"--{argument.name}"
        if {option, option.replace("_", "-")} & set(parser._option_string_actions):
            continue
        choices = f" ({', '.join(argument.choices)})" if argument.choices else ""
        variable = argument.variables[-1]
        value = argument.value_unless_given
        default = f", {value} unless given" if value else ""
        text = f"{argument.help}{choices} [{variable}{default}]"
        if argument.boolean:
            action = group.add_argument(
                option,
                default=argparse.SUPPRESS,
                help=text,
                metavar="true|false",
                nargs="?",
                const="true",
            )
        else:
            action = group.add_argument(
                option, default=argparse.SUPPRESS, help=text, metavar=variable.upper()
            )
        # Messages speak of variables: 'make submit KUBECONFIG=x' is '--kubeconfig=x' here.
        for name in argument.variables:
            parser._option_string_actions.setdefault(f"--{name.lower()}", action)
    take_dashes(parser)


def parse(
    parser: argparse.ArgumentParser,
    argv: list[str] | None,
    namespace: argparse.Namespace,
    environ: Mapping[str, str],
    arguments: Arguments,
) -> dict[str, Source]:
    """Parse into ``namespace``; raises :class:`UserError` that shows no unknown option's value.

    A parser of ConfigArgParse takes a script's own arguments from wherever it was told to: the
    sources of what was not typed are returned, by the names of the arguments. Of ``arguments``
    it decides what is typed alone, the context gathers the rest.
    """
    known: Any = parser
    if not hasattr(parser, "get_source_to_settings_dict"):
        _refuse_unknown(parser, known.parse_known_args(argv, namespace)[1], {}, arguments)
        return {}
    _, unknown = known.parse_known_args(argv, namespace, env_vars=environ)
    elsewhere, unread = _not_typed(known.get_source_to_settings_dict())
    _refuse_unknown(parser, unknown, unread, arguments)
    for argument in arguments:
        if argument.name in elsewhere:
            delattr(namespace, argument.name)
    return elsewhere


def _not_typed(
    origins: Mapping[str, Mapping[str, tuple[argparse.Action | None, Any]]],
) -> tuple[dict[str, Source], dict[str, Source]]:
    """Return the sources of arguments by name, and of options that no argument has."""
    arguments, options = {}, {}
    for origin, settings in origins.items():
        kind, _, file = origin.partition("|")
        for key, (action, _) in settings.items():
            if kind == "environment_variables" and action is not None:
                arguments[action.dest] = Source(Origin.ENVIRONMENT, key)
            elif kind == "config_file":
                source = Source(Origin.FILE, key, Path(file).absolute())
                if action is not None:
                    arguments[action.dest] = source
                else:
                    options[f"--{key.strip('-')}"] = source
    return arguments, options


def _refuse_unknown(
    parser: argparse.ArgumentParser,
    words: list[str],
    unread: Mapping[str, Source],
    arguments: Arguments,
) -> None:
    options = [word.partition("=")[0] for word in words if word.startswith("-")]
    # A script's own parser may read the files of the context too.
    options = [each for each in options if not (each in unread and arguments.named(each))]
    if options and options[0] in unread:
        raise UserError("no argument has this name", str(unread[options[0]]), "correct it")
    if not options:
        if any(not word.startswith("-") for word in words):
            what = "a word on the command line belongs to no option"
            raise UserError(what, "", "see --help; quote a value that has blanks")
        return
    close = difflib.get_close_matches(options[0], list(parser._option_string_actions), n=1)
    raise UserError(
        f"there is no option '{options[0]}'",
        "on the command line",
        f"did you mean '{close[0]}'?" if close else "see --help",
    )
