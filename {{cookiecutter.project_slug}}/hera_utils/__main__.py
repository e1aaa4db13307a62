"""``python -m hera_utils VERB [options]``: hands the CLI context to the verbs of the library."""

import sys

from hera_experiment import main
from hera_utils.cli_context import CLIContext

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], CLIContext))
