"""A local port that leads to Argo's server in the cluster, for as long as it is wanted."""
