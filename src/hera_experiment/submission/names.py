"""Names of workflows, chosen here instead of on the server: a request can be made again."""

from __future__ import annotations

from random import Random

from hera_experiment.argo.names import generated_name

LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""What Kubernetes takes for the end of a generated name: no vowels, so no words."""
_LENGTH = 5


def chosen_name(generate_name: str, random: Random) -> str:
    """Return what the server would make of ``generate_name``: at most 63 characters."""
    return generated_name(generate_name, "".join(random.choices(LETTERS, k=_LENGTH)))
