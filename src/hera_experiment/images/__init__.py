"""The images of an experiment: what their Dockerfiles say, and building them.

One folder ``containers/<name>/`` is one image: its build context, with a ``Dockerfile``.
"""
