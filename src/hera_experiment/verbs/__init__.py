"""The verbs of ``python -m hera_utils VERB``, one module each.

A verb's module begins with its help, one line; it offers ``add_arguments(parser)`` and
``main(args) -> int``. A dash in the verb is an underscore in the module's name.
"""

import os

_FOLDER = os.path.dirname(__file__)


def table() -> dict[str, str]:
    """Return each verb with its help, in the alphabet's order.

    The files' first lines are read rather than the modules imported: a list of the verbs must not
    wait for what the verbs need.
    """
    verbs = {}
    for name in sorted(os.listdir(_FOLDER)):
        module, extension = os.path.splitext(name)
        if extension == ".py" and not module.startswith("_"):
            with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:
                verbs[module.replace("_", "-")] = file.readline().strip().strip('"').rstrip(".")
    return verbs


def as_text() -> str:
    """Return the table as a person reads it, one verb a line."""
    verbs = table()
    width = max(map(len, verbs))
    return "\n".join(f"  {verb.ljust(width)}  {text}" for verb, text in verbs.items())
