"""Which files hold objects, and no script: each script is asked, so it imports nothing."""

from __future__ import annotations

import os

SUFFIXES = (".yaml", ".yml", ".json")
"""How the name of a file ends that holds objects, and no script."""


def is_document(path: str | os.PathLike[str]) -> bool:
    """Tell a file of objects from a script, by its name."""
    return str(path).lower().endswith(SUFFIXES)
