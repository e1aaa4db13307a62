"""Ask for the way into a cluster, try it, and keep it as clusters/NAME.config."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment.context.arguments import SettingScope
from hera_experiment.context.context import Context
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
    from hera_experiment.sign_in.dialogue import Choice, choose_preset, correct, gather
    from hera_experiment.sign_in.profile import Profile, path_for
    from hera_experiment.sign_in.terminal import Terminal
    from hera_experiment.sign_in.values import normalized

    experiment = Experiment.find(Path.cwd())
    path = path_for(experiment.folder, getattr(args, "cluster", ""))
    arguments = args.kind.ARGUMENTS
    profile = Profile.read(path, arguments)
    person = Terminal()
    given = _given(args, person)
    preset = choose_preset(args.preset, person)
    values = gather(preset, given, lambda key: _known(key, profile, os.environ), person, arguments)
    while True:
        values = normalized(values, Path.cwd(), arguments)
        if _works(path, profile.merged(values), args.kind, experiment, preset, person):
            break
        if not person.is_interactive:
            if force:
                break
            person.say("nothing was written; FORCE=1 (--force 1) writes it all the same")
            return 1
        choice, values = correct(values, person, arguments)
        if choice is Choice.LEAVE:
            person.say("nothing was written")
            return 1
        if choice is Choice.WRITE:
            values = normalized(values, Path.cwd(), arguments)
            break
    return _write(profile, values, preset, person, yes=yes)


def _works(
    path: Path,
    values: Mapping[str, str],
    kind: type[Context],
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
            kind,
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
    from hera_experiment.sign_in.values import from_block

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
        if argument.concern is SettingScope.CLUSTER and isinstance(typed, str):
            values[variable(argument)] = typed
    return values


def _known(key: str, profile: Profile, environ: Mapping[str, str]) -> str:
    return profile.value(key) or environ.get(key, "")
