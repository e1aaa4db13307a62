"""SCRIPT."""

from __future__ import annotations

from hera_utils.check.model import Outcome, check, ok
from hera_utils.check.subject import Subject
from hera_utils.check.words import failed
from hera_utils.errors import UserError


@check(
    code="SCRIPT",
    category="experiment",
    title="its script makes a workflow",
    essential=True,
)
def script(subject: Subject) -> Outcome:
    """Check that ``workflow.py`` runs up to its submission, which is sent nowhere.

    All that is checked of "the workflow" is read from what it would have sent. While it runs it has
    no access to a cluster, and no token.
    """
    try:
        manifest = subject.manifest
    except UserError as error:
        return failed(error, "fails")
    metadata = manifest.get("metadata") or {}
    return ok(str(metadata.get("name") or f"{metadata.get('generateName', '')}…"))
