"""Argo's REST API on the loopback interface, in front of the local engine and store."""

from hera_experiment.local.server.server import Server

__all__ = ["Server"]
