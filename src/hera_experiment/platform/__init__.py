"""What is out there: clusters, the laptop, Argo's server."""
