"""Artifacts: where they lie, how they are packed, fetched and kept.

An artifact is Argo's JSON mapping: ``name``, ``path``, one key that says where it is (``s3``,
``raw``, ``http``, ``git``, …), and how it is packed. Nothing here knows of the engine.
"""
