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
    "container sets": """
        pods/container_set
        pods/container_set_fails
    """,
    "daemons": """
        pods/daemon
    """,
    "init containers": """
        pods/init_container
        pods/init_container_fails
    """,
    "memoization": """
        bad_input/memoize_without_a_cache
        memoization/hit
    """,
    "mutexes and semaphores": """
        locks/mutex_of_a_template
        locks/mutex_of_the_workflow
        locks/no_semaphore
        locks/semaphore
    """,
    "patches of pods": """
        pods/patch_that_is_no_json
        pods/patched
    """,
    "sidecars": """
        pods/sidecar
    """,
    "terminals": """
        pods/terminal
    """,
}
"""By what the local server does not interpret, the cases."""

KNOWN = {
    **{name: Known(REFUSED, why) for why, names in _REFUSED.items() for name in names.split()},
}

GENERATED: dict[str, str] = {}
"""What differs in generated workflows, a part of its line, and why."""
