"""The options of the verbs about images."""

from __future__ import annotations

from hera_experiment.context.verb_arguments import VerbParser
from hera_experiment.images.engine import BUILDERS
from hera_experiment.images.source import ARGUMENTS, BASES, OPTIONS


def add_image_arguments(parser: VerbParser) -> None:
    """Declare which containers, which engine, the build arguments and the platform."""
    parser.add_argument(
        "--container", default="", metavar="NAME", help="only this one (NAME,NAME: these)"
    )
    parser.add_argument(
        "--engine",
        metavar="NAME",
        help=f"the container engine ({', '.join(BUILDERS)}); the first that answers unless given",
    )
    for name in BASES:
        parser.add_argument(
            f"--{name.lower()}", metavar="IMAGE", help=f"the build argument {name}, an image"
        )
    parser.add_argument(f"--{ARGUMENTS.lower()}", metavar="'A=1 …'", help="further build arguments")
    parser.add_argument(
        f"--{OPTIONS.lower()}", metavar="'--x …'", help="options for the engine's build"
    )
    parser.add_context_arguments()
