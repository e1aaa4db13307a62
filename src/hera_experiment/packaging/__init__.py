"""The library as one file in a project, and where both came from.

The template's hook imports this folder where cookiecutter runs: nothing but the standard library.
"""
