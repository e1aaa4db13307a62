"""The cases that do not agree with Argo, and why: the local server refuses them, or differs.

Whoever lets one agree takes it out here; the test fails until then.
"""

from __future__ import annotations

from dataclasses import dataclass

REFUSED, DIFFERS = "refused", "differs"


@dataclass(frozen=True)
class Known:
    """A case has this ``verdict`` against the releases of Argo that begin with ``version``."""

    verdict: str
    why: str
    version: str = ""


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

_DIFFERS: dict[str, str] = {
    "Argo looks at the hook while the pod is pending, and ends the workflow at once": """
        bad_input/hook_without_an_expression
    """,
    "in Argo the exit handler is in error alone": """
        bad_input/hook_without_a_template
    """,
}
"""By why it ends otherwise on the local server, the cases."""

KNOWN = {
    **{name: Known(REFUSED, why) for why, names in _REFUSED.items() for name in names.split()},
    **{name: Known(DIFFERS, why) for why, names in _DIFFERS.items() for name in names.split()},
}

GENERATED: dict[str, str] = {}
"""What differs in generated workflows, a part of its line, and why."""
