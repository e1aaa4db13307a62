import sys
from pathlib import Path

# Beside the tests, for all of them.
sys.path.insert(0, str(Path(__file__).resolve().parent))
