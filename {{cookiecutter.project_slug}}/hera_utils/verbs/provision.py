"""Make on the cluster what the experiment needs; shows the difference and asks first."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hera_utils.context.arguments import add_arguments as add_context_arguments
from hera_utils.context.cli_context import CLIContext, resolve
from hera_utils.errors import UserError
from hera_utils.experiment import Experiment
from hera_utils.verbs._switch import add_switch, is_on

if TYPE_CHECKING:
    from hera_utils.provision.objects import Objects
    from hera_utils.provision.plan import Step


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: consent, and how the cluster is reached."""
    add_switch(parser, "--yes", "apply without asking")
    add_switch(parser, "--force", "take over what another author set to something else")
    add_context_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Show what is missing, apply what is agreed to, print the rest for the administrator.

    Returns 0 when all that the experiment needs is there in the end, as far as it can be seen,
    else 1.
    """
    yes, force = is_on(args.yes, "--yes"), is_on(args.force, "--force")
    context = resolve(args, Experiment.find(Path.cwd()))
    for note in context.notes:
        print(f"hera_utils: {note}", file=sys.stderr)
    if context.is_local:
        print("nothing to do: the laptop makes what environment.py declares when it is needed")
        return 0
    return _provision(context, yes=yes, force=force)


def _provision(context: CLIContext, *, yes: bool, force: bool) -> int:
    from hera_utils.platform.kubernetes_cluster import KubernetesCluster
    from hera_utils.provision.declared import environment_of
    from hera_utils.provision.needs import objects_of
    from hera_utils.provision.objects import Objects
    from hera_utils.provision.plan import Action, plan

    cluster = KubernetesCluster(context)
    if not cluster.has_access:
        raise UserError(
            "without a kubeconfig nothing can be made on the cluster",
            context.where("k8s_config_file"),
            "set KUBECONFIG, or ask the administrator for what environment.py declares",
        )
    environment, recording = environment_of(context)
    objects = Objects(cluster)
    wanted = [
        *objects_of(environment, recording),
        *objects.results_binding(context.argo_service_account),
    ]
    steps = plan(wanted, objects, force=force)
    print(f"namespace '{objects.namespace}' on {cluster.name}")
    _show(steps)
    to_apply = [step for step in steps if step.action is Action.APPLY]
    applied = bool(to_apply) and (yes or _agreed(len(to_apply)))
    if applied:
        _apply(to_apply, objects)
    _show_rest(steps, objects)
    if not any(step.action is not Action.NOTHING for step in steps):
        print("nothing to do")
    blocked = any(step.action in (Action.ASK, Action.BLOCKED) for step in steps)
    return 1 if blocked or (to_apply and not applied) else 0


def _show(steps: list[Step]) -> None:
    for step in steps:
        print(f"{step.wanted} ({step.wanted.reason}): {step.action.value}")
        if step.remark:
            print(f"  {step.remark}")
        if step.difference:
            print(step.difference)


def _agreed(number: int) -> bool:
    if not sys.stdin.isatty():
        print("nothing was applied: YES=1 (--yes 1) applies it")
        return False
    things = "this" if number == 1 else f"these {number}"
    return input(f"Apply {things}? [y/N] ").strip().lower() in ("y", "yes")


def _apply(steps: list[Step], objects: Objects) -> None:
    for step in steps:
        objects.apply(step.wanted, force=step.force)
        print(f"{step.wanted}: applied")


def _show_rest(steps: list[Step], objects: Objects) -> None:
    from hera_utils.provision.plan import for_administrator

    text = for_administrator(steps, objects.namespace)
    if text:
        print(
            "\nTo send to the administrator, who types kubectl apply -f - and pastes it"
            f"\n---\n{text}",
            end="",
        )
