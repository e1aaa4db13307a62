"""Interprets Argo Workflows on this machine: scheduling, variables, loops, nodes."""
