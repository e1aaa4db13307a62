"""What is checked before a workflow is kept, in Argo's order as far as one can tell."""

from hera_experiment.local.engine.validation.workflow import checked

__all__ = ["checked"]
