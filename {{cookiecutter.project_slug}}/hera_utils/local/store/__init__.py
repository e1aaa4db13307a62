"""What the local platform keeps on disk: workflows with their logs, claims, ConfigMaps, Secrets."""

from hera_utils.local.store.objects import Objects
from hera_utils.local.store.run import Run
from hera_utils.local.store.store import Store

__all__ = ["Objects", "Run", "Store"]
