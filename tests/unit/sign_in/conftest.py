import sys
from pathlib import Path

# Beside the tests, for all of them, and the server that answers as a test says.
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "platform")]
