"""The process of a script that really submits: ``python -m hera_utils _submitting-script SCRIPT``.

Each workflow that the script creates is checked first, then created exactly once; or, in a dry
run, printed. The context is the one that the parent process hands on.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from hera_experiment.context.context import Context
from hera_experiment.environment import interpreter
from hera_experiment.environment.interpreter import ScriptServices
from hera_experiment.errors import tell
from hera_experiment.experiment import Experiment
from hera_experiment.runs.server import Server
from hera_experiment.submit.creating import Creating
from hera_experiment.submit.dry_run import DryRun
from hera_experiment.submit.launch import DRY_RUN_VARIABLE, UNSEEN


@dataclass(frozen=True)
class Prepared:
    """What makes a script submit to the server called ``name``, in this order."""

    name: str
    steps: Sequence[Callable[[], None]]

    def take_over(self) -> None:
        """Take each step."""
        for step in self.steps:
            step()


def prepare(context: Context, environ: Mapping[str, str], out: TextIO) -> Prepared:
    """Return what the script submits with; ``out`` receives what is created or printed.

    Raises
    ------
    UserError
        When the designated server does not answer or accepts no token.
    """
    mode = environ.get(DRY_RUN_VARIABLE, "")
    if mode == UNSEEN:
        # No platform is designated: what stands in for one is where the variables lead.
        services = ScriptServices.of_laptop(environ, lambda sentence: None)
        return Prepared(services.name, [services.take_over, DryRun(None, "", out).take_over])
    cluster = context.open_cluster()
    argo = context.open_argo_server(cluster)
    if not context.is_local:
        argo.assert_accessible()
    stand_in = "the local one" if context.is_local else f"{argo.url}, which is designated,"
    services = ScriptServices(
        argo.url,
        argo.authorization,
        argo.namespace,
        session=argo.session,
        say=tell,
        name="the local server" if context.is_local else "Argo's server",
        stand_in=stand_in,
    )
    server = Server(context.cluster, context, argo.client, argo.namespace, cluster)
    creating = (
        DryRun(argo.client, services.name, out) if mode else Creating(server, out, services.notice)
    )
    # A script that uses nothing of this package has its workflows named and labelled, too.
    define = argo.define_argo_server_part_of_environment
    return Prepared(services.name, [services.take_over, define, creating.take_over])


def main(argv: list[str], kind: type[Context], environ: Mapping[str, str] = os.environ) -> int:
    """Run the script that ``argv`` begins with; return its exit status."""
    out = _own_output() if environ.get(DRY_RUN_VARIABLE) else sys.stdout

    def services() -> Prepared:
        context = kind.resolve(argparse.Namespace(), Experiment.find(Path.cwd()), environ)
        return prepare(context, environ, out)

    return interpreter.main(argv, services)


def _own_output() -> TextIO:
    """Return standard output for us alone: what the script prints goes to standard error."""
    sys.stdout.flush()
    ours = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return ours
