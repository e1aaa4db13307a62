"""Puts the template's Python on the path: it is tested where it stands. Orders files for xdist."""

import itertools
import os
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
TEMPLATE = REPOSITORY / "{{cookiecutter.project_slug}}"
sys.path.insert(0, str(TEMPLATE))

# Most programs that tests start are Python with this library. Where the environment forbids it to
# write bytecode, each would compile the whole anew; and none may be left between the sources.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["PYTHONPYCACHEPREFIX"] = str(REPOSITORY / ".pytest_cache" / "bytecode")

# A runner started by nohup, or in the background of a shell, hands its ignored signals on to every
# program that a test starts and then interrupts.
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(
            number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        )

# What takes minutes begins early, or it would be what the others wait for in the end.
LONGEST = (
    "test_whole_experiment.py",
    "test_fidelity_cases.py",
    "test_fidelity_generated.py",
    "test_results.py",
    "test_same_when_stopped.py",
    "test_follow.py",
)
APART = 3

# What waits for real programs beside much else is tried once more, and the summary says so: a
# cluster, an engine or a browser races now and then.
AGAIN = tuple(Path(__file__).parent / name for name in ("cluster", "fidelity", "integration"))
AGAIN += (Path(__file__).parent / "unit" / "runtimes",)
ONCE = ("test_exactly_once.py", "test_own_roots.py")
"""What fails here one time in many is a fault of ours."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let files that wait for pods run beside files that compute, where there are workers.

    What kills parts of the cluster comes first, and beside it nothing that needs the cluster.
    """
    for item in items:
        if item.path.name not in ONCE and any(folder in item.path.parents for folder in AGAIN):
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=5))
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    files = [list(group) for _, group in itertools.groupby(items, key=lambda item: item.path)]
    alone = [file for file in files if file[0].get_closest_marker("disruptive")]
    waiting = [file for file in files if file[0].get_closest_marker("cluster")]
    waiting = [file for file in waiting if file not in alone]
    waiting.sort(key=lambda file: file[0].path.name not in LONGEST)
    computing = [file for file in files if file not in alone and file not in waiting]
    # The last third of the short ones levels out who is ready when.
    stride = max(1, len(computing) * 2 // 3 // max(1, len(waiting)))
    ordered = alone + computing[:APART]
    rest = iter(computing[APART:])
    for file in waiting:
        ordered += [file, *itertools.islice(rest, stride)]
    items[:] = itertools.chain.from_iterable([*ordered, *rest])


@pytest.fixture(scope="session", autouse=True)
def _garbage_is_looked_for() -> Iterator[None]:
    """Let verbs that tests call here leave Python's collector alone: this process lives on."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("look_seldom", "keep_what_is", "give_back_large"):
            patch.setattr(f"hera_experiment.garbage.{name}", lambda: None)
        yield


@pytest.fixture(scope="session")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python that has ``cffconvert``, ``runcrate`` and the validator of crates."""
    folder = tmp_path_factory.mktemp("judges")
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    lock = REPOSITORY / "requirements" / "records.txt"
    command = [str(python), "-m", "pip", "install", "-q", "--require-hashes", "-r", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return python
