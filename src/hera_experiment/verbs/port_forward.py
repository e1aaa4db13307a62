"""Make Argo's server in the cluster answer on a port of this machine, until Ctrl-C."""

from __future__ import annotations

import socket
import ssl

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import UserError, tell
from hera_experiment.signals import Ending

PORT = 2746


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: the port, the service, and how the cluster is reached."""
    parser.add_argument(
        "--port", default=str(PORT), metavar="PORT", help=f"the port to listen on ({PORT})"
    )
    parser.add_argument(
        "--namespace",
        default="",
        metavar="NAME",
        help="where Argo's server runs (the namespace of the workflows, or argo)",
    )
    parser.add_argument(
        "--service",
        default="argo-server",
        metavar="NAME",
        help="the service of Argo's server (argo-server)",
    )
    parser.add_context_arguments()


def main(args: VerbArguments) -> int:
    """Forward until Ctrl-C or SIGTERM, then return 0."""
    if not str(args.port).isdigit() or int(args.port) > 65535:
        raise UserError(f"'{args.port}' is not a port", "--port", "make port-forward PORT=2746")
    from hera_experiment.port_forward.forward import open_port_forward

    context = args.context()
    context.tell_notes()
    if context.is_local:
        raise UserError(
            "the laptop's server needs no port-forward",
            str(context.source("cluster")),
            "make serve",
        )
    with (
        Ending() as ending,
        open_port_forward(
            context, int(args.port), tell, namespace=args.namespace, service=args.service
        ) as forward,
    ):
        for line in _export_lines(forward.port):
            print(line, flush=True)
        tell("forwarding until Ctrl-C")
        ending.wait()
    tell("the port-forward has ended")
    return 0


def _export_lines(port: int) -> list[str]:
    """Return what to type elsewhere, having asked the server whether it speaks TLS."""
    lines = [f"export ARGO_SERVER=127.0.0.1:{port}"]
    if _speaks_tls(port):
        # Argo's own certificate names no host, least of all this one.
        return [*lines, "export ARGO_SECURE=true", "export ARGO_INSECURE_SKIP_VERIFY=true"]
    return [*lines, "export ARGO_SECURE=false"]


def _speaks_tls(port: int) -> bool:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
            context.wrap_socket(connection),
        ):
            return True
    except OSError:
        return False
