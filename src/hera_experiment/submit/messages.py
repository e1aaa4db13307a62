"""What a person is told about a submission."""

from __future__ import annotations


def link(url: str, namespace: str, name: str, *, is_local: bool) -> str:
    """Return the address of a workflow in Argo's user interface; the laptop has none.

    ``url`` is Argo's server, with its base path and a slash at the end.
    """
    return "" if is_local else f"{url}workflows/{namespace}/{name}"


def created(url: str, namespace: str, name: str, *, is_local: bool) -> str:
    """Return the line for a workflow that exists now."""
    address = link(url, namespace, name, is_local=is_local)
    return f"created {name}" + (f": {address}" if address else "")
