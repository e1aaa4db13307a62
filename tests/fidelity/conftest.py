"""The fixtures of a real cluster; what does not ask for them needs none."""

from cluster_fixtures import argo, cluster, local, turn

__all__ = ["argo", "cluster", "local", "turn"]
