"""Show the inputs of the experiment: names, types and values, as a run would find them."""

from __future__ import annotations

import sys

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import UserError
from hera_experiment.verbs._options import add_output


def add_arguments(parser: VerbParser) -> None:
    """Declare which inputs, and how they are shown."""
    parser.add_argument(
        "--inputs", default="", metavar="MODULE", help="those of a module, or of a file x.py"
    )
    parser.add_argument(
        "--set", default="", metavar="VALUES", help='with other values: "vintages=[2016]"'
    )
    add_output(parser)


def main(args: VerbArguments) -> int:
    """Print one line per value; as JSON also the schema of the inputs."""
    import json
    from importlib import import_module
    from pathlib import Path

    from hera_experiment.environment.input_changes import name_of, schema_of, values_of
    from hera_experiment.environment.inputs import NAME, InputChoice, take_inputs
    from hera_experiment.experiment import Experiment

    folder = Experiment.find(Path.cwd()).folder
    sys.path.insert(0, str(folder))
    take_inputs(InputChoice(args.inputs, args.set).variables())
    try:
        inputs = import_module(NAME).inputs
    except (ModuleNotFoundError, AttributeError) as error:
        raise UserError(
            f"the experiment has no inputs: {error}", str(folder / "inputs.py")
        ) from None
    values = list(values_of(inputs))
    if args.output == "json":
        shown = {value.name: value.value for value in values}
        document = {"inputs": shown, "schema": schema_of(inputs)}
        print(json.dumps(document, indent=2, default=str))
        return 0
    width = max((len(value.name) for value in values), default=0)
    for value in values:
        print(f"{value.name:{width}}  {value.value!r}  ({name_of(value.type)})")
    print('\nchange them for one run: make run SET="NAME=VALUE …"')
    return 0
