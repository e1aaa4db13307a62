"""Brings home what a run left on its claims, and takes ``data/`` there."""
