"""Trying the values of a profile, as every later command will use them."""

from __future__ import annotations

import argparse
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hera_experiment.context.context import Context
from hera_experiment.context.sources import Origin, display
from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.sign_in.profile import Profile

_TRIAL = ".trial"


@dataclass(frozen=True)
class Success:
    """What was found out: one line, and remarks on values that are set elsewhere."""

    line: str
    remarks: tuple[str, ...] = ()


def attempt(
    path: Path,
    values: Mapping[str, str],
    kind: type[Context],
    experiment: Experiment,
    environ: Mapping[str, str],
    *,
    forward: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Success:
    """Sign in with ``values`` as if they were the profile ``path``, through its Argo server.

    They are written beside it for as long as that takes, readable by their owner alone. With
    ``forward`` a port-forward is opened meanwhile, unless something listens there already.

    Raises
    ------
    UserError
        When Argo's server does not let the account list workflows.
    """
    trial = Profile(path.with_name(f"{path.stem}{_TRIAL}{path.suffix}"), {}, kind.ARGUMENTS)
    try:
        trial.write(values, "A sign-in that is being tried; remove it if you find it.")
        typed = argparse.Namespace(cluster=trial.path.stem)
        with _named_rightly(trial.path, path):
            context = kind.resolve(typed, experiment, environ)
            line = _sign_in(context, environ, forward, say)
            return Success(line, tuple(_remarks(context, trial.path, path)))
    finally:
        trial.path.unlink(missing_ok=True)


def _sign_in(
    context: Context,
    environ: Mapping[str, str],
    forward: bool,
    say: Callable[[str], None],
) -> str:
    from hera_experiment.port_forward.forward import open_port_forward

    port = urlsplit(f"//{context.argo_server}").port or 0
    needed = forward and not _listens(port)
    opened = open_port_forward(context, port, say, environ=environ) if needed else nullcontext()
    with opened:
        server = context.open_argo_server(context.open_cluster(asserting=True))
        server.assert_accessible()
        account = "the token" if context.argo_token else server.account
        return f"{server.url} lets {account} list the workflows of namespace '{server.namespace}'"


def _remarks(context: Context, trial: Path, path: Path) -> Iterator[str]:
    """Tell which values about a cluster are set elsewhere, and what that means for this one."""
    for argument in context.ARGUMENTS:
        source = context.source(argument.name)
        if source.unused:
            yield source.unused.replace(display(trial), display(path))
        elif argument.machine_wide and source.origin is Origin.ENVIRONMENT:
            yield f"{source} holds for this cluster too, since the profile does not name it"


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


@contextmanager
def _named_rightly(trial: Path, path: Path) -> Iterator[None]:
    """Make an error say nothing of the file of the trial, whose values were just typed."""
    try:
        yield
    except UserError as error:
        what, next_step = (
            text.replace(f"'{trial.stem}'", f"'{path.stem}'")
            for text in (error.what, error.next_step)
        )
        where = "" if trial.name in error.where else error.where
        raise UserError(what, where, next_step) from None
