"""Make on the cluster what the experiment needs; shows the difference and asks first."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from hera_experiment.context.context import Context
from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import UserError
from hera_experiment.verbs._options import add_switch, is_on

if TYPE_CHECKING:
    from hera_experiment.provision.objects import Objects
    from hera_experiment.provision.plan import Step


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: consent, and how the cluster is reached."""
    add_switch(parser, "--yes", "apply without asking")
    add_switch(parser, "--force", "take over what another author set to something else")
    parser.add_context_arguments()


def main(args: VerbArguments) -> int:
    """Show what is missing, apply what is agreed to, print the rest for the administrator.

    Returns 0 when all that the experiment needs is there in the end, as far as it can be seen,
    else 1.
    """
    yes, force = is_on(args.yes, "--yes"), is_on(args.force, "--force")
    context = args.context()
    context.tell_notes()
    if context.is_local:
        return _provision_laptop(context)
    return _provision(context, yes=yes, force=force)


def _provision_laptop(context: Context) -> int:
    from hera_experiment.provision.declared import environment_of

    _, recording = environment_of(context)
    configmaps = {name: data for name, data in recording.configmaps.items() if data}
    if not recording.secrets and not configmaps:
        print("nothing to do: the laptop makes what environment.py declares when it is needed")
        return 0
    from hera_experiment.context.sources import display
    from hera_experiment.platform.laptop_access import LaptopAccess
    from hera_experiment.provision.typed_secrets import provide_on_laptop
    from hera_experiment.sign_in.terminal import Terminal

    laptop = LaptopAccess(context)
    try:
        for name, data in configmaps.items():
            changed = laptop.keep_configmap(name, data)
            print(
                f"ConfigMap '{name}': {'now has ' if changed else 'is there'}{', '.join(changed)}"
            )
        folder = display(context.experiment.state)
        complete = provide_on_laptop(recording.secrets, laptop, folder, Terminal())
    finally:
        laptop.close()
    return 0 if complete else 1


def _provision(context: Context, *, yes: bool, force: bool) -> int:
    from hera_experiment.platform.kubernetes_access import KubernetesAccess
    from hera_experiment.provision.declared import environment_of, objects_of
    from hera_experiment.provision.objects import Objects
    from hera_experiment.provision.plan import Action, plan

    cluster = context.open_cluster(asserting=True)
    if not isinstance(cluster, KubernetesAccess) or not cluster.has_access:
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
    complete = _type_values(
        [step for step in steps if step.action is Action.TYPE], objects, context.cluster
    )
    _show_rest(steps, objects)
    if not any(step.action is not Action.NOTHING for step in steps):
        print("nothing to do")
    blocked = any(step.action in (Action.ASK, Action.BLOCKED) for step in steps)
    return 1 if blocked or not complete or (to_apply and not applied) else 0


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


def _type_values(steps: list[Step], objects: Objects, cluster: str) -> bool:
    """Ask for the values of Secrets and keep them on the cluster; say whether all are there."""
    from hera_experiment.provision.typed_secrets import (
        command,
        filled_in,
        missing_keys,
        typed_values,
    )
    from hera_experiment.sign_in.terminal import Terminal

    person = Terminal()
    for step in steps:
        wanted, live = step.wanted, objects.read(step.wanted)
        missing = missing_keys(wanted, live)
        if not person.is_interactive:
            print(f"{wanted}: {command(wanted, missing, objects.namespace, cluster)}")
            continue
        values = typed_values(wanted.name, missing, person)
        objects.apply(filled_in(wanted, live, values), force=True)
        print(f"{wanted}: applied")
    return not steps or person.is_interactive


def _show_rest(steps: list[Step], objects: Objects) -> None:
    from hera_experiment.provision.plan import for_administrator

    text = for_administrator(steps, objects.namespace)
    if text:
        print(
            "\nTo send to the administrator, who types kubectl apply -f - and pastes it"
            f"\n---\n{text}",
            end="",
        )
