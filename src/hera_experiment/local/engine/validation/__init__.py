"""What is checked before an object is kept: Argo's own verdict first, in Argo's order and words.

``judged`` is that verdict. ``checked`` adds what the engine does not interpret and what Kubernetes
would refuse. ``unknown_fields`` tells what Argo leaves out without a word.
"""

from hera_experiment.local.engine.validation.decoding import unknown_fields
from hera_experiment.local.engine.validation.pods import left_out
from hera_experiment.local.engine.validation.workflow import (
    check_generated_name,
    checked,
    judged,
    not_interpreted,
    refused_later,
)

__all__ = [
    "check_generated_name",
    "checked",
    "judged",
    "left_out",
    "not_interpreted",
    "refused_later",
    "unknown_fields",
]
