"""Ask for the way into a cluster, try it, and keep it as clusters/NAME.config."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment.context.arguments import Argument, SettingScope
from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.verbs._options import add_switch, is_on

if TYPE_CHECKING:
    from hera_experiment.sign_in.presets import Preset
    from hera_experiment.sign_in.profile import Profile
    from hera_experiment.sign_in.terminal import Terminal


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: the way in, where its values are, consent, and the values."""
    parser.add_argument(
        "--preset",
        default="",
        metavar="NAME",
        help="the way in: kubeconfig (PaGoDA), argo-ui (Nebari), token or port-forward",
    )
    parser.add_argument(
        "--from",
        dest="source",
        default="",
        metavar="FILE",
        help="read the values from a file, or from standard input (-), as NAME=value lines",
    )
    add_switch(parser, "--yes", "replace a profile that says something else, without asking")
    add_switch(parser, "--force", "write the profile even if it does not work")
    parser.add_context_arguments()


def main(args: VerbArguments) -> int:
    """Sign in; return 0 when the profile is written, or is as it should be already."""
    yes, force = is_on(args.yes, "--yes"), is_on(args.force, "--force")
    from hera_experiment.platform.state_folder import prepare
    from hera_experiment.sign_in.dialogue import Choice, choose_preset, correct, gather
    from hera_experiment.sign_in.presets import USES
    from hera_experiment.sign_in.profile import (
        Profile,
        draft_of,
        normalized,
        path_for,
        whole_address,
    )
    from hera_experiment.sign_in.terminal import Terminal

    experiment = Experiment.find(Path.cwd())
    path = path_for(experiment.folder, getattr(args, "cluster", ""))
    arguments = args.kind.ARGUMENTS
    profile, draft = Profile.read(path, arguments), draft_of(experiment.state, path.stem, arguments)
    person = Terminal()
    given = _given(args, person)
    preset = choose_preset(args.preset, person)

    def known(key: str) -> str:
        def environ(name: str) -> str:
            return os.environ.get(name, "")

        drafts = [draft.value] if person.is_interactive else []
        places = [value for value in (*drafts, profile.value, environ) if value(key)]
        if not places:
            return ""
        return whole_address(places[0]) if key == "ARGO_SERVER" else places[0](key)

    def check(argument: Argument, value: str, others: Mapping[str, str]) -> str:
        from hera_experiment.sign_in.answers import doubt

        key = argument.variables[-1]
        new = normalized({key: value}, Path.cwd(), arguments).get(key, value)
        reach = preset.name != "port-forward" or argument.name != "argo_server"
        return doubt(argument, new, normalized(others, Path.cwd(), arguments), reach=reach)

    def keep(values: Mapping[str, str]) -> None:
        if person.is_interactive:
            prepare(experiment.state)
            draft.keep(values)

    values = gather(preset, given, known, person, arguments, check, keep)
    works = False
    while not works:
        values = normalized(values, Path.cwd(), arguments)
        works = _works(path, profile.merged(values), args, experiment, preset, person)
        if not works and not person.is_interactive:
            if force:
                break
            person.say("nothing was written; FORCE=1 (--force 1) writes it all the same")
            return 1
        if not works:
            choice, values = correct(values, person, arguments, check)
            keep(values)
            if choice is Choice.LEAVE:
                person.say("nothing was written; the next sign-in offers your answers again")
                return 1
            if choice is Choice.WRITE:
                break
    if works and person.is_interactive:
        named = ((arguments.named(key), value) for key, value in experiment.defaults.items())
        defaults = {each.variables[-1]: value for each, value in named if each}
        found = gather(
            USES, values, lambda key: known(key) or defaults.get(key, ""), person, arguments, check
        )
        # What is committed holds here too, and a profile would hide a change of it.
        values = {
            key: value
            for key, value in found.items()
            if key in values or profile.value(key) or defaults.get(key) != value
        }
    status = _write(profile, normalized(values, Path.cwd(), arguments), preset, person, yes=yes)
    if status == 0:
        draft.forget()
    return status


def _works(
    path: Path,
    values: Mapping[str, str],
    args: VerbArguments,
    experiment: Experiment,
    preset: Preset,
    person: Terminal,
) -> bool:
    from hera_experiment.sign_in.trial import attempt

    person.say("trying …")
    try:
        success = attempt(
            path,
            values,
            args.kind,
            experiment,
            os.environ,
            forward=preset.name == "port-forward",
            say=person.say,
        )
    except UserError as error:
        person.say(f"× {error}")
        return False
    person.say(f"√ {success.line}")
    for remark in success.remarks:
        person.say(f"‼ {remark}")
    for argument in args.kind.ARGUMENTS:
        if argument.secret and vars(args).get(argument.name):
            person.say(
                f"‼ whoever uses this machine can see the {argument.variables[-1]} that you typed "
                "(ps shows it): leave it out, and sign-in asks for it"
            )
    return True


def _write(
    profile: Profile, values: Mapping[str, str], preset: Preset, person: Terminal, *, yes: bool
) -> int:
    from hera_experiment.context.sources import display
    from hera_experiment.sign_in.dialogue import agrees
    from hera_experiment.sign_in.profile import in_order

    new, name = in_order(profile.merged(values), profile.arguments), profile.path.stem
    changes = profile.changes(new)
    if not changes:
        profile.protect()
        person.say(f"{display(profile.path)} says so already")
    else:
        if profile.values:
            person.say(f"{display(profile.path)} would change:")
            for line in changes:
                person.say(f"  {line}")
            if not yes and not person.is_interactive:
                person.say("nothing was written; YES=1 (--yes 1) writes it")
                return 1
            if not yes and not agrees("Write it?", person):
                person.say("nothing was written")
                return 1
        profile.write(new, f"How to reach the cluster '{name}': {preset.title}.")
        person.say(f"wrote {display(profile.path)}")
        if profile.values:
            person.say(f"what it said before is in {display(profile.previous)}")
    if preset.name == "port-forward":
        port = new["ARGO_SERVER"].rpartition(":")[2]
        person.say(f"in another terminal: make port-forward CLUSTER={name} PORT={port}")
    person.say(f"next: make check-cluster CLUSTER={name}")
    return 0


def _given(args: VerbArguments, person: Terminal) -> dict[str, str]:
    """Return the values by variable of ``--from`` and of the options, which win."""
    from hera_experiment.sign_in.presets import variable
    from hera_experiment.sign_in.profile import from_block

    values: dict[str, str] = {}
    if args.source == "-":
        values = from_block(
            person.ask_block("NAME=value lines:"), "standard input", args.kind.ARGUMENTS
        )
    elif args.source:
        try:
            text = Path(args.source).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
            raise UserError(f"cannot read {args.source}: {reason}", "--from") from None
        values = from_block(text, args.source, args.kind.ARGUMENTS)
    for argument in args.kind.ARGUMENTS:
        typed = getattr(args, argument.name, None)
        if argument.concern is not SettingScope.CHOICE and isinstance(typed, str):
            values[variable(argument)] = typed
    return values
