"""What is checked before a workflow is kept, in Argo's order as far as one can tell."""

from hera_experiment.local.engine.validation.pods import left_out
from hera_experiment.local.engine.validation.workflow import check_generated_name, checked

__all__ = ["check_generated_name", "checked", "left_out"]
