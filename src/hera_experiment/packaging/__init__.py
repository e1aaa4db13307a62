"""The library as one file in a project: made, written down, compared.

The template's hook imports ``wheel``, ``vendored`` and ``origin`` where cookiecutter runs: they
need nothing but the standard library.
"""
