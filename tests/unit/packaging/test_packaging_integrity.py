"""What differs from what was shipped is named: the wheel, its locks, the installed, hera_utils."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from hera_experiment import __version__
from hera_experiment.experiment import Experiment
from hera_experiment.packaging import vendored, wheel
from hera_experiment.packaging.integrity import compare, tell
from hera_experiment.template_record import TemplateRecord

WHEEL = f"vendor/hera_experiment-{__version__}-py3-none-any.whl"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LIBRARY = f"hera_experiment {__version__} (commit 0123456)"
HERA_UTILS = ("__init__.py", "cluster.py")


class Place:
    """A project with a small library, which is installed beside it."""

    def __init__(self, folder: Path) -> None:
        sources = folder / "template" / "src" / "hera_experiment"
        (sources / "packaging").mkdir(parents=True)
        (sources / "__init__.py").write_text(f'__version__ = "{__version__}"\n')
        (sources / "errors.py").touch()
        (sources / "packaging" / "METADATA").write_text("Name: hera-experiment\nVersion: VERSION\n")
        (folder / "template" / "LICENSE").touch()
        self.project = folder / "project"
        (self.project / "requirements").mkdir(parents=True)
        (self.project / "hera_utils").mkdir()
        for name in HERA_UTILS:
            (self.project / "hera_utils" / name).touch()
        name, data = wheel.build(str(folder / "template"))
        vendored.write(str(self.project), name, data)
        self.package = folder / "site-packages" / "hera_experiment"
        zipfile.ZipFile(io.BytesIO(data)).extractall(self.package.parent)
        # As Python leaves them.
        for used in (self.package, self.project / "hera_utils"):
            (used / "__pycache__").mkdir()
            (used / "__pycache__" / "x.cpython-311.pyc").touch()

    def differences(self) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
        found = compare(self.project, self.package)
        return found.library, found.utilities

    def experiment(self, template: TemplateRecord | None) -> Experiment:
        return Experiment(self.project, "Lyon", "lyon", template=template)


RECORD = TemplateRecord("gh:org/t", __version__, COMMIT, {})


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_all_as_shipped(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.differences() == ((), ())
    assert tell(place.experiment(RECORD), place.package)
    assert capsys.readouterr().out == f"{LIBRARY}, as shipped; hera_utils as shipped\n"


def test_a_changed_hera_utils_is_the_laboratorys_right(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = place.project / "hera_utils"
    (folder / "cluster.py").write_text("ours = True\n")
    (folder / "__init__.py").rename(folder / "more.py")
    assert tell(place.experiment(RECORD), place.package)
    changes = "__init__.py (missing), cluster.py, more.py (added)"
    assert capsys.readouterr().out == f"{LIBRARY}, as shipped; hera_utils changed: {changes}\n"


def test_a_changed_library_is_no_ones(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    (place.package / "errors.py").write_text("raise SystemExit\n")
    (place.package / "more.py").touch()
    (place.package / "packaging" / "METADATA").unlink()
    assert not tell(place.experiment(RECORD), place.package)
    assert capsys.readouterr().err.splitlines()[:-1] == [
        f"{LIBRARY} is not as shipped; hera_utils as shipped",
        "  installed hera_experiment/errors.py",
        "  installed hera_experiment/more.py (added)",
        "  installed hera_experiment/packaging/METADATA (missing)",
    ]


def test_the_wheel_is_compared_with_both_locks(place: Place) -> None:
    path = place.project / WHEEL
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b"x")
    assert place.differences()[0] == (
        f"{WHEEL} does not have the hash in requirements/library.txt",
    )
    path.unlink()
    assert place.differences()[0] == (f"{WHEEL} is missing",)
    path.write_bytes(data)
    sums = place.project / "vendor" / "SHA256SUMS"
    text = sums.read_text()
    sums.write_text("0" * 64 + text[64:])
    wrong = f"vendor/SHA256SUMS says another hash of {WHEEL} than requirements/library.txt"
    assert place.differences()[0] == (wrong,)


@pytest.mark.parametrize("name", ["requirements/library.txt", "vendor/SHA256SUMS"])
def test_what_names_the_hashes_must_be_there(place: Place, name: str) -> None:
    (place.project / name).unlink()
    assert place.differences() == ((f"{name} is missing",), None)
    assert not tell(place.experiment(RECORD), place.package)


def test_another_library_that_agrees_with_its_own_record_is_found_out(place: Place) -> None:
    (place.package / "errors.py").write_text("other = True\n")
    record = next(place.package.parent.glob("*.dist-info/RECORD"))
    lines = record.read_text().splitlines()
    digest = wheel.digest(b"other = True\n")
    changed = [f"{x.split(',')[0]},sha256={digest},13" if "errors.py" in x else x for x in lines]
    record.write_text("\n".join(changed) + "\n")
    assert place.differences()[0] == ("installed hera_experiment/errors.py",)

    # One from an index has no wheel here: its own record is all there is.
    lock = place.project / "requirements" / "library.txt"
    lock.write_text(f"hera-experiment=={__version__} --hash=sha256:{'0' * 64}\n")
    assert place.differences()[0] == ()
    (place.package / "errors.py").write_text("")
    assert place.differences()[0] == ("installed hera_experiment/errors.py",)


def test_where_nothing_was_shipped_that_is_what_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tell(Experiment(tmp_path, "Lyon", "lyon"))
    assert "nothing to compare with: no requirements/library.txt here" in capsys.readouterr().out
