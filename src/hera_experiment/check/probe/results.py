"""What the probe adds to the results of the checks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from hera_experiment.check.outcome import CannotTell, Outcome, Status, listed, ok, unknown
from hera_experiment.check.probe.attempt import Attempt, Findings
from hera_experiment.check.probe.faults import PROBE
from hera_experiment.check.runner import Check, Result, outcome_of
from hera_experiment.check.target import CheckTarget
from hera_experiment.errors import UserError


def probe(target: CheckTarget) -> Outcome:
    """Check that one small workflow does on the cluster what the experiment needs.

    Made for ``PROBE=1`` alone. It has a pod for each image, as the account, on the nodes and with
    the resources of the experiment's own pods: the image is pulled, each claim is mounted and a
    file is written to it and removed, ConfigMaps and Secrets are read, and an output parameter is
    handed to one more pod. So who has no kubeconfig learns what else only Kubernetes can tell. What
    it shows becomes the outcome of the check that is about it. In the end the workflow is removed;
    images stay on the nodes that pulled them, and its record in Argo's archive where there is one.
    """
    return findings(target).own or ok("")


def findings(target: CheckTarget) -> Findings:
    """Send the probe, once, and return what it showed; see :class:`Attempt`."""
    return target.once("probe", lambda: Attempt(target).run())


CHECK = Check(
    code=PROBE,
    category="probe",
    title="a small workflow does what it needs",
    function=probe,
    hint="ask the administrator, with the sentence that is shown",
    needs=("ARGO-TOKEN", "SCRIPT", "WORKFLOW"),
)


def planned(target: CheckTarget) -> str:
    """Return a sentence about what the probe would do; raises ``CannotTell`` where it cannot."""
    attempt = Attempt(target)
    pods = attempt.workflow.pods
    parts = [f"pulls {listed(pod.image for pod in pods)}"]
    if attempt.workflow.claims:
        parts.append(f"writes a file to {listed(attempt.workflow.claims)} and removes it")
    if used := [*attempt.workflow.config_maps, *attempt.workflow.secrets]:
        parts.append(f"reads {listed(used)}")
    number = len(pods) + 1
    return (
        f"the probe sends one workflow of {number} pods to {target.argo.url}, into the namespace "
        f"'{attempt.namespace}': it {', '.join(parts)}, hands on an output parameter, and is "
        "removed; its pods ask for as much as the experiment's own, for seconds"
    )


def with_probe(
    results: Sequence[Result], target: CheckTarget, consent: Callable[[str], str]
) -> list[Result]:
    """Return ``results`` with what the probe shows, and with the probe's own at the end.

    It is not sent when what it needs is not well, or when ``consent``, which is told what it does,
    returns why not. To be called in the main thread, where Ctrl-C removes the workflow.
    """
    by_code = {each.check.code: each for each in results}
    for code in CHECK.needs:
        cause = by_code.get(code)
        if cause and cause.outcome.status not in (Status.OK, Status.WARNING):
            first = cause.because or code
            return [*results, Result(CHECK, unknown(f"not sent: {first} comes first"), 0, 0, first)]
    try:
        refused = consent(planned(target))
    except (CannotTell, UserError) as reason:
        refused = str(reason)
    if refused:
        return [*results, Result(CHECK, unknown(f"not sent: {refused}"))]
    begin = time.monotonic()
    outcome = outcome_of(CHECK, target)
    seconds = time.monotonic() - begin
    try:
        found = findings(target)
    except (CannotTell, UserError):
        return [*results, Result(CHECK, outcome, 0, seconds)]
    because = ""
    for code, each in found.outcomes.items():
        if each.status is Status.FAILURE and code not in by_code:
            outcome = each
        elif each.status is Status.FAILURE and outcome.status is not Status.FAILURE:
            because = because or code
            outcome = unknown(f"not all of it: {because} failed; {found.left}")
    probed = [_seen(each, found.outcomes.get(each.check.code)) for each in results]
    return [*probed, Result(CHECK, outcome, 0, seconds, because)]


def _seen(result: Result, found: Outcome | None) -> Result:
    if found is None or result.outcome.status is Status.FAILURE:
        return result
    supposed = (Status.UNKNOWN, Status.WARNING)
    is_settled = result.check.code == "ACCOUNT-RESULTS" and result.outcome.status in supposed
    if found.status is Status.OK and result.outcome.status is not Status.UNKNOWN and not is_settled:
        return result
    return replace(result, outcome=found, because="")
