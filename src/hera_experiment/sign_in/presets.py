"""The ways into a cluster: which values each takes, and where a person finds them."""

from __future__ import annotations

from dataclasses import dataclass

from hera_experiment.context.arguments import Argument, Arguments
from hera_experiment.errors import UserError


@dataclass(frozen=True)
class Question:
    """One value to ask for: the name of an argument, and where its value is found."""

    argument: str
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


_KUBECONFIG = Question(
    "k8s_config_file",
    "a file you download from the cluster's web page (Rancher: Download KubeConfig), "
    "or get from the administrator",
)
_SERVER = Question(
    "argo_server",
    "the administrator, or the address of Argo's user interface in your browser",
)
_NAMESPACE = Question(
    "argo_namespace", "where your workflows run; the administrator, or Argo's user interface > User"
)
_ACCOUNT = Question("argo_service_account", "what your workflows' pods run as; the administrator")

USES = Preset(
    "uses",
    "what the experiment uses there",
    (
        Question(
            "k8s_volume_claim_name",
            "the administrator; make provision can have it made",
            optional=True,
        ),
        Question(
            "registry",
            "the administrator; the cluster must be able to pull from it what you push",
            optional=True,
        ),
    ),
)
"""Asked once the way in works, since it can then be said what is there."""

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
            Question("argo_token", "Argo's user interface > User"),
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
            Question("argo_token", "the administrator, or Argo's user interface > User"),
            _NAMESPACE,
            Question(
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
            Question("argo_server", "where make port-forward listens", "127.0.0.1:2746"),
            _NAMESPACE,
            _ACCOUNT,
        ),
    ),
)


def asked_for(question: Question, arguments: Arguments) -> Argument:
    """Return the argument that ``question`` asks for.

    Raises ``UserError`` when the context module has none of this name any more.
    """
    for argument in arguments:
        if argument.name == question.argument:
            return argument
    raise UserError(
        f"there is no argument '{question.argument}'",
        "ARGUMENTS in hera_utils/cli_context.py",
        "put it back: a sign-in asks for it",
    )


def variable(argument: Argument) -> str:
    """Return the variable that a profile sets ``argument`` by."""
    return argument.variables[-1]
