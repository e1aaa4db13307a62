"""What the local platform keeps on disk: workflows with their logs, claims, ConfigMaps, Secrets."""

from hera_experiment.local.store.objects import Objects
from hera_experiment.local.store.run import Run, container_log
from hera_experiment.local.store.store import Store

__all__ = ["Objects", "Run", "Store", "container_log"]
