"""The fixtures of a real cluster; what does not ask for them needs none."""

from cluster_fixtures import agent, argo, cluster, local, turn

__all__ = ["agent", "argo", "cluster", "local", "turn"]
