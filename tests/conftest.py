"""Puts the template's Python on the path: it is tested where it stands."""

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
TEMPLATE = REPOSITORY / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(TEMPLATE))
