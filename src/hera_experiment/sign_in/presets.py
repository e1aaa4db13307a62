"""The ways into a cluster: which values each takes, and where a person finds them."""

from __future__ import annotations

from dataclasses import dataclass

from hera_experiment.context.arguments import ARGUMENTS, Argument, Concern

_BY_NAME = {argument.name: argument for argument in ARGUMENTS}


@dataclass(frozen=True)
class Question:
    """One value to ask for: an argument of the context, and where its value is found."""

    argument: Argument
    found: str
    default: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Preset:
    """One way in.

    ``block`` tells that all values come as one text to paste, described by it; the questions are
    then those whose values the text may lack.
    """

    name: str
    title: str
    questions: tuple[Question, ...]
    block: str = ""


def _ask(argument: str, found: str, default: str = "", *, optional: bool = False) -> Question:
    return Question(_BY_NAME[argument], found, default, optional)


_KUBECONFIG = _ask(
    "k8s_config_file",
    "a file you download from the cluster's web page (Rancher: Download KubeConfig), "
    "or get from the administrator",
)
_SERVER = _ask(
    "argo_server",
    "the administrator, or the address of Argo's user interface in your browser",
)
_NAMESPACE = _ask(
    "argo_namespace", "where your workflows run; the administrator, or Argo's user interface > User"
)
_ACCOUNT = _ask("argo_service_account", "what your workflows' pods run as; the administrator")

PRESETS = (
    Preset(
        "kubeconfig",
        "a kubeconfig and a service account (as on PaGoDA)",
        (_KUBECONFIG, _SERVER, _NAMESPACE, _ACCOUNT),
    ),
    Preset(
        "argo-ui",
        "the text that Argo's user interface copies (as on Nebari)",
        (
            _SERVER,
            _ask("argo_token", "Argo's user interface > User"),
            _NAMESPACE,
        ),
        block="In Argo's user interface: User, then the button that copies the variables. "
        "Paste the whole text here (it is not shown), then press Enter and Ctrl-D.",
    ),
    Preset(
        "token",
        "a server that wants a token",
        (
            _SERVER,
            _ask("argo_token", "the administrator, or Argo's user interface > User"),
            _NAMESPACE,
            _ask(
                "ca_bundle",
                "a file of the administrator's, only for a certificate of their own",
                optional=True,
            ),
        ),
    ),
    Preset(
        "port-forward",
        "a server without an address of its own, reached by make port-forward",
        (
            _KUBECONFIG,
            _ask("argo_server", "where make port-forward listens", "127.0.0.1:2746"),
            _NAMESPACE,
            _ACCOUNT,
        ),
    ),
)

CLUSTER_ARGUMENTS = tuple(each for each in ARGUMENTS if each.concern is Concern.CLUSTER)
"""What a sign-in decides as a whole: of an older profile, none of these is kept."""


def variable(argument: Argument) -> str:
    """Return the variable that a profile sets ``argument`` by."""
    return argument.variables[-1]
