"""``python -m hera_utils VERB [options]``: hands the CLI context to the verbs of the library."""

import sys

import hera_utils
from hera_experiment import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], hera_utils))
