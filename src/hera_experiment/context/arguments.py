"""The arguments of every experiment: their options, their variables, what they mean."""

from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from hera_experiment.context.sources import Origin, Source
from hera_experiment.errors import UserError


class Concern(Enum):
    """What an argument is about, hence whether the platform ``local`` heeds it."""

    CHOICE = "which platform, and how"
    CLUSTER = "how a cluster is reached; 'local' ignores it"
    RESOURCE = "what the experiment uses; 'local' heeds only what is committed"


@dataclass(frozen=True)
class Argument:
    """One value of the context.

    ``variables`` are its environment variables, the first one set wins within one source. One that
    is ``machine_wide`` means something to any program: the environment's holds for each cluster
    whose profile has none.
    """

    name: str
    variables: tuple[str, ...]
    help: str
    concern: Concern = Concern.CLUSTER
    secret: bool = False
    path: bool = False
    boolean: bool = False
    machine_wide: bool = False
    default: str = ""
    choices: tuple[str, ...] = ()


ARGUMENTS = (
    Argument(
        "cluster",
        ("CLUSTER",),
        "the platform: local (this machine), or NAME for the profile clusters/NAME.config",
        Concern.CHOICE,
    ),
    Argument(
        "runtime",
        ("RUNTIME",),
        "how 'local' runs containers",
        Concern.CHOICE,
        default="process",
        choices=("process", "docker", "podman"),
    ),
    Argument(
        "k8s_config_file",
        ("KUBECONFIG",),
        "the kubeconfig file; /dev/null or nothing for no access to Kubernetes",
        path=True,
    ),
    Argument(
        "k8s_configmap_name",
        ("KUBECONFIGMAP",),
        "the ConfigMap with settings of the cluster, such as its proxy",
        Concern.RESOURCE,
    ),
    Argument(
        "k8s_volume_claim_name",
        ("KUBEVOLUMECLAIMNAME",),
        "the persistent volume claim for inputs and results",
        Concern.RESOURCE,
    ),
    Argument(
        "argo_server",
        ("GLOBAL_CONFIG_HOST", "ARGO_SERVER"),
        "Argo's server, host:port",
    ),
    Argument(
        "argo_token",
        ("ARGO_TOKEN",),
        "the bearer token for Argo's server, with or without the word Bearer",
        secret=True,
    ),
    Argument(
        "argo_namespace",
        ("GLOBAL_CONFIG_NAMESPACE", "ARGO_NAMESPACE"),
        "the namespace to submit to",
    ),
    Argument(
        "argo_service_account",
        ("ARGO_SERVICE_ACCOUNT",),
        "the service account that pods run as",
    ),
    Argument(
        "argo_base_href",
        ("ARGO_BASE_HREF",),
        "the path below which Argo's server answers, such as /argo",
    ),
    Argument(
        "argo_secure",
        ("ARGO_SECURE",),
        "false for plain HTTP",
        boolean=True,
        default="true",
    ),
    Argument(
        "argo_http1",
        ("ARGO_HTTP1",),
        "accepted for the argo program's sake; HTTP/1 is always used here",
        boolean=True,
        default="false",
    ),
    Argument(
        "argo_insecure_skip_verify",
        ("ARGO_INSECURE_SKIP_VERIFY",),
        "true to trust any certificate (anyone on the way can then read the token)",
        boolean=True,
        default="false",
    ),
    Argument(
        "ca_bundle",
        ("REQUESTS_CA_BUNDLE",),
        "a file with the certificate authorities of Argo's server",
        path=True,
        machine_wide=True,
    ),
    Argument(
        "registry",
        ("REGISTRY",),
        "the registry of the experiment's images, host[:port][/project]",
        Concern.RESOURCE,
    ),
)

NAMES = {name.lower(): a for a in ARGUMENTS for name in (a.name, *a.variables)}
"""The arguments by each of their names, in lower case."""


def spelt_as_known(name: str) -> str:
    """Return a name that a person wrote as it stands in :data:`NAMES`, if it does."""
    return name.strip("-").replace("-", "_").lower()


def argument_of(name: str) -> Argument | None:
    """Return the argument with this variable's or option's name, in any case."""
    return NAMES.get(spelt_as_known(name))


def take_dashes(parser: argparse.ArgumentParser) -> None:
    """Let each ``--some_name`` of ``parser`` be typed as ``--some-name``, which no help shows."""
    known = parser._option_string_actions
    for option, action in list(known.items()):
        if option.startswith("--"):
            known.setdefault("--" + option[2:].replace("_", "-"), action)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add every argument to ``parser`` as ``--some_name``, which ``--some-name`` equals.

    Abbreviations are switched off: they would change their meaning with each new option. An
    option that ``parser`` already has stays its own.
    """
    parser.allow_abbrev = False
    group = parser.add_argument_group("execution platform")
    for argument in ARGUMENTS:
        option = f"--{argument.name}"
        if {option, option.replace("_", "-")} & set(parser._option_string_actions):
            continue
        choices = f" ({', '.join(argument.choices)})" if argument.choices else ""
        variable = argument.variables[-1]
        default = f", {argument.default} unless given" if argument.default else ""
        text = f"{argument.help}{choices} [{variable}{default}]"
        if argument.boolean:
            group.add_argument(
                option,
                default=argparse.SUPPRESS,
                help=text,
                metavar="true|false",
                nargs="?",
                const="true",
            )
        else:
            group.add_argument(
                option, default=argparse.SUPPRESS, help=text, metavar=variable.upper()
            )
    take_dashes(parser)


def parse(
    parser: argparse.ArgumentParser,
    argv: list[str] | None,
    namespace: argparse.Namespace,
    environ: Mapping[str, str] = os.environ,
) -> dict[str, Source]:
    """Parse into ``namespace``; raises :class:`UserError` that shows no unknown option's value.

    A parser of ConfigArgParse takes a script's own arguments from wherever it was told to: the
    sources of what was not typed are returned, by the names of the arguments. Of those above it
    decides what is typed alone, the context gathers the rest.
    """
    known: Any = parser
    if not hasattr(parser, "get_source_to_settings_dict"):
        _refuse_unknown(parser, known.parse_known_args(argv, namespace)[1], {})
        return {}
    _, unknown = known.parse_known_args(argv, namespace, env_vars=environ)
    elsewhere, unread = _not_typed(known.get_source_to_settings_dict())
    _refuse_unknown(parser, unknown, unread)
    for argument in ARGUMENTS:
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
    parser: argparse.ArgumentParser, words: list[str], unread: Mapping[str, Source]
) -> None:
    options = [word.partition("=")[0] for word in words if word.startswith("-")]
    # A script's own parser may read the files of the context too.
    options = [each for each in options if not (each in unread and argument_of(each))]
    if options and options[0] in unread:
        raise UserError("no argument has this name", str(unread[options[0]]), "correct it")
    if not options:
        if any(not word.startswith("-") for word in words):
            raise UserError("there is an argument too many", "on the command line", "see --help")
        return
    close = difflib.get_close_matches(options[0], list(parser._option_string_actions), n=1)
    raise UserError(
        f"there is no option '{options[0]}'",
        "on the command line",
        f"did you mean '{close[0]}'?" if close else "see --help",
    )
