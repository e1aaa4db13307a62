"""The verbs of ``python -m hera_utils VERB``, one module each.

A verb's module begins with its help, one line; it offers ``add_arguments(parser)`` and
``main(args) -> int``. A dash in the verb is an underscore in the module's name.
"""

import os


def table() -> dict[str, str]:
    """Return each verb with its help, in the alphabet's order.

    The files' first lines are read rather than the modules imported: a list of the verbs must not
    wait for what the verbs need.
    """
    verbs = {}
    for name in sorted(_modules()):
        if not name.startswith("_"):
            # The loader reads from a wheel too, which nobody has unpacked yet.
            source = __loader__.get_data(os.path.join(__path__[0], f"{name}.py"))  # type: ignore[name-defined]
            first = source.partition(b"\n")[0].decode()
            verbs[name.replace("_", "-")] = first.strip().strip('"').rstrip(".")
    return verbs


def _modules() -> list[str]:
    if os.path.isdir(__path__[0]):
        return [name[:-3] for name in os.listdir(__path__[0]) if name.endswith(".py")]
    import pkgutil

    return [name for _, name, _ in pkgutil.iter_modules(__path__)]


def as_text() -> str:
    """Return the table as a person reads it, one verb a line."""
    verbs = table()
    width = max(map(len, verbs))
    return "\n".join(f"  {verb.ljust(width)}  {text}" for verb, text in verbs.items())
