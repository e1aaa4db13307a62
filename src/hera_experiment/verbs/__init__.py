"""The verbs of ``python -m hera_utils VERB``, one module each.

A verb's module begins with its help, one line; it offers ``add_arguments(parser)`` and
``main(args) -> int``. A dash in the verb is an underscore in the module's name.
"""

import os
import pkgutil


def table() -> dict[str, str]:
    """Return each verb with its help, in the alphabet's order.

    The files' first lines are read rather than the modules imported: a list of the verbs must not
    wait for what the verbs need.
    """
    verbs = {}
    for _, name, _ in pkgutil.iter_modules(__path__):
        if not name.startswith("_"):
            # The loader reads from a wheel too, which nobody has unpacked yet.
            source = __loader__.get_data(os.path.join(__path__[0], f"{name}.py"))  # type: ignore[name-defined]
            first = source.partition(b"\n")[0].decode()
            verbs[name.replace("_", "-")] = first.strip().strip('"').rstrip(".")
    return dict(sorted(verbs.items()))


def as_text() -> str:
    """Return the table as a person reads it, one verb a line."""
    verbs = table()
    width = max(map(len, verbs))
    return "\n".join(f"  {verb.ljust(width)}  {text}" for verb, text in verbs.items())
