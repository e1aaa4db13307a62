"""Runs numerical experiments written with Hera, on this machine or on any Argo cluster.

What is public is named in ``__all__`` and imported from here; every folder below is private.
"""

__version__ = "0.2.0"
