"""Interprets Argo Workflows on this machine: scheduling, variables, loops, nodes."""

from hera_experiment.local.engine.controller import Engine

__all__ = ["Engine"]
