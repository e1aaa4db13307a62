"""Argo's own rules for a Workflow, in Argo's order as far as one can tell, in Argo's words."""

from hera_experiment.local.engine.validation.workflow import validate

__all__ = ["validate"]
