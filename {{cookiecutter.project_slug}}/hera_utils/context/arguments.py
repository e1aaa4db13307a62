"""The arguments of every experiment: their options, their variables, what they mean."""

from __future__ import annotations

import argparse
import difflib
from dataclasses import dataclass
from enum import Enum

from hera_utils.errors import UserError


class Concern(Enum):
    """What an argument is about, hence whether the platform ``local`` heeds it."""

    CHOICE = "which platform, and how"
    CLUSTER = "how a cluster is reached; 'local' ignores it"
    RESOURCE = "what the experiment uses; 'local' heeds only what is committed"


@dataclass(frozen=True)
class Argument:
    """One value of the context.

    ``variables`` are its environment variables, the first one set wins within one source.
    """

    name: str
    variables: tuple[str, ...]
    help: str
    concern: Concern = Concern.CLUSTER
    secret: bool = False
    path: bool = False
    boolean: bool = False
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
    ),
    Argument(
        "registry",
        ("REGISTRY",),
        "the registry of the experiment's images, host[:port][/project]",
        Concern.RESOURCE,
    ),
)

_SAME_OPTION = {option.replace("_", "-"): option for option in (a.name for a in ARGUMENTS)}


class Formatter(argparse.HelpFormatter):
    """Shows an option once, though it may be typed with dashes as well as underscores."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        shown = [o for o in action.option_strings if o.lstrip("-") not in _TWINS]
        twin = argparse.Action(shown, action.dest, action.nargs, metavar=action.metavar)
        return super()._format_action_invocation(twin if shown else action)


_TWINS = {dashed for dashed, option in _SAME_OPTION.items() if dashed != option}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add every argument to ``parser`` as ``--some_name``, which ``--some-name`` equals.

    Abbreviations are switched off: they would change their meaning with each new option. An
    option that ``parser`` already has stays its own.
    """
    parser.allow_abbrev = False
    if parser.formatter_class is argparse.HelpFormatter:
        parser.formatter_class = Formatter
    group = parser.add_argument_group("execution platform")
    for argument in ARGUMENTS:
        options = dict.fromkeys([f"--{argument.name}", f"--{argument.name.replace('_', '-')}"])
        known = set(parser._option_string_actions)
        if known & set(options):
            continue
        choices = f" ({', '.join(argument.choices)})" if argument.choices else ""
        variable = argument.variables[-1]
        default = f", {argument.default} unless given" if argument.default else ""
        text = f"{argument.help}{choices} [{variable}{default}]"
        if argument.boolean:
            group.add_argument(
                *options,
                default=argparse.SUPPRESS,
                help=text,
                metavar="true|false",
                nargs="?",
                const="true",
            )
        else:
            group.add_argument(
                *options, default=argparse.SUPPRESS, help=text, metavar=variable.upper()
            )


def parse(
    parser: argparse.ArgumentParser, argv: list[str] | None, namespace: argparse.Namespace
) -> None:
    """Parse into ``namespace``; raises :class:`UserError` that shows no unknown option's value."""
    _, unknown = parser.parse_known_args(argv, namespace)
    if not unknown:
        return
    options = [word.partition("=")[0] for word in unknown if word.startswith("-")]
    if not options:
        raise UserError("there is an argument too many", "on the command line", "see --help")
    close = difflib.get_close_matches(options[0], list(parser._option_string_actions), n=1)
    raise UserError(
        f"there is no option '{options[0]}'",
        "on the command line",
        f"did you mean '{close[0]}'?" if close else "see --help",
    )
