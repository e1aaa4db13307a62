"""Other inputs in the place of ``inputs.py``, as ``INPUTS=`` names them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import hera_utils

TEMPLATE = Path(hera_utils.__file__).parents[1]

USUAL = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Inputs:
    vintages: tuple[int, ...] = (1999, 2006)

inputs = Inputs()
"""
# The annotations are strings: dataclass looks the module up by its name.
SMALL = """
from __future__ import annotations

from dataclasses import dataclass

import inputs as usual

@dataclass(frozen=True)
class More:
    note: str = "small"

inputs = usual.Inputs(vintages=(2016,))
"""
SCRIPT = """
from hera_experiment.environment.inputs import take_inputs
from hera_experiment.errors import UserError
try:
    take_inputs()
except UserError as error:
    raise SystemExit(str(error))
from inputs import Inputs, inputs
import inputs as module
print(inputs.vintages, Inputs.__name__, getattr(module, "More", None) is not None)
"""


@pytest.fixture
def take(tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Run a script with these inputs, in a folder with ``inputs.py`` and some others."""
    files = {
        "inputs.py": USUAL,
        "small.py": SMALL,
        "variants/__init__.py": "",
        "variants/small.py": SMALL,
        "variants/inputs.py": SMALL,
        "empty.py": "",
        "broken.py": "import not_there_at_all",
        "script.py": SCRIPT,
        "notes.txt": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def take(named: str) -> subprocess.CompletedProcess[str]:
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(TEMPLATE),
            "HERA_UTILS_INPUTS": named,
        }
        return subprocess.run(
            [sys.executable, "script.py"], cwd=tmp_path, env=environ, capture_output=True, text=True
        )

    return take


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("", "(1999, 2006) Inputs False"),
        ("inputs", "(1999, 2006) Inputs False"),
        ("small", "(2016,) Inputs True"),
        ("small.py", "(2016,) Inputs True"),
        ("variants.small", "(2016,) Inputs True"),
        ("variants/small.py", "(2016,) Inputs True"),
        ("./variants/inputs.py", "(2016,) Inputs True"),
    ],
)
def test_the_script_imports_what_was_named(take, named, says):
    done = take(named)
    assert (done.stdout.strip(), done.stderr) == (says, "")


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("smal", "there is no module 'smal' (--inputs)"),
        ("variants.smal", "there is no module 'variants.smal' (--inputs)"),
        ("nowhere.small", "there is no module 'nowhere.small' (--inputs)"),
        (".small", "there is no module '.small' (--inputs)"),
        ("absent.py", "there is no file 'absent.py' (--inputs)"),
        ("variants/", "there is no file 'variants/' (--inputs)"),
        ("./notes.txt", "the file './notes.txt' is not a Python file (--inputs)"),
        ("empty", "'empty' defines no 'inputs' (--inputs): define it there as inputs.py does"),
        ("empty.py", "'empty.py' defines no 'inputs' (--inputs)"),
    ],
)
def test_what_cannot_be_taken_is_one_sentence(take, named, says):
    done = take(named)
    assert done.returncode == 1
    assert done.stderr.startswith(says) and done.stderr.count("\n") == 1, done.stderr


def test_a_fault_inside_the_inputs_is_its_own(take):
    done = take("broken")
    assert done.returncode == 1
    assert done.stderr.endswith("ModuleNotFoundError: No module named 'not_there_at_all'\n")
