"""The cases that do not agree with Argo, and why: the local server refuses them, or differs.

Whoever lets one agree takes it out here; the test fails until then.
"""

from __future__ import annotations

from dataclasses import dataclass

REFUSED, DIFFERS = "refused", "differs"


@dataclass(frozen=True)
class Known:
    """A case has this ``verdict`` against the releases of Argo that begin with ``version``.

    One that is a ``race`` there agrees at times.
    """

    verdict: str
    why: str
    version: str = ""
    race: bool = False


def known_to(name: str, version: str) -> Known | None:
    """Return what is known of a case against a release of Argo, if anything is."""
    known = KNOWN.get(name)
    return known if known and version.startswith(known.version) else None


_REFUSED: dict[str, str] = {
    "a field that Argo drops in silence is refused": """
        bad_input/unknown_field
    """,
}
"""By what the local server does not interpret, the cases."""

_ONE_RELEASE = {
    "bad_input/hook_without_a_template": Known(
        DIFFERS, "Argo 4.0 ends in the error of the exit handler; 4.1 does not, as 3.7.18", "v4.0"
    ),
    "dag/skipped_outputs": Known(
        DIFFERS,
        "Argo 4.0 runs a task whose argument is an absent output; 4.1 errs, as 3.7.18",
        "v4.0",
    ),
    "expressions/expression_errors": Known(
        DIFFERS, "Argo 4.0 leaves an expression that fails and goes on; 4.1 errs, as 3.7.18", "v4.0"
    ),
    "expressions/expression_values": Known(
        DIFFERS, "Argo 4.0 has no parameters of a skipped task there; 4.1 has, as 3.7.18", "v4.0"
    ),
    "hooks/hooks_of_tasks": Known(
        DIFFERS, "Argo 4.0 runs the exit handlers of a loop as neither 3.7 nor 4.1 do", "v4.0", True
    ),
    "memoization/chain": Known(
        DIFFERS, "in Argo 4.0 a task that is retried has no outputs of its hit", "v4.0", True
    ),
    "pods/daemon_of_an_inner_dag": Known(
        DIFFERS, "whether a daemon's exit code is seen before it is forgotten", "v4.0", True
    ),
}
"""What one release of Argo does."""

KNOWN = {
    **_ONE_RELEASE,
    **{name: Known(REFUSED, why) for why, names in _REFUSED.items() for name in names.split()},
}

GENERATED: dict[str, str] = {}
"""What differs in generated workflows, a part of its line, and why."""
