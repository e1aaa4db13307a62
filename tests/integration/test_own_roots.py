"""Tasks in roots of their own, as root and as an ordinary user: nothing gets out, nothing stays.

What is done here is done to a copy of the machine: see :func:`own_roots_kills.apart`.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from own_roots_kills import apart

from hera_experiment.local.runtimes.isolation import find_isolation

FOLDER = Path(__file__).parent
SEED = os.environ.get("OWN_ROOTS_SEED") or str(secrets.randbelow(1_000_000))
"""Set OWN_ROOTS_SEED to what a failure printed to have the same again."""
KILLS = os.environ.get("OWN_ROOTS_KILLS", "15")
FUZZ_SECONDS = os.environ.get("OWN_ROOTS_FUZZ_SECONDS", "10")
"""How much is done: a thousand kills and ten minutes of fuzz are for by hand."""
NOBODY = 65534


def _python(user: int) -> str:
    """Return a Python that ``user`` may start: root's own may lie in a folder that is shut."""
    if user == os.getuid():
        return sys.executable
    version = f"python3.{sys.version_info.minor}"
    program = shutil.which(version, path="/usr/bin:/usr/local/bin")
    return program or pytest.skip(f"no {version} here that another user than root may start")


@pytest.fixture(params=["own", "another"])
def user(request: pytest.FixtureRequest) -> int:
    if request.param == "another" and os.getuid() != 0:
        pytest.skip("root alone can be another user")
    return os.getuid() if request.param == "own" else NOBODY


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Path]:
    isolation = find_isolation(tmp_path / "roots")
    if not isolation.program:
        pytest.skip(f"no roots here: {isolation.why}")
    tried = subprocess.run(apart(tmp_path, ["true"]), capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no copy of this machine can be made here: {tried.stderr.strip()[-200:]}")
    # Below it lie folders of another user, and some that their owner cannot enter.
    with tempfile.TemporaryDirectory(dir="/var/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize(
    ("program", "amount", "wrong"),
    [("own_roots_kills.py", KILLS, "left"), ("own_roots_fuzz.py", FUZZ_SECONDS, "wrong")],
)
def test_nothing_gets_out_and_nothing_stays(
    program: str, amount: str, wrong: str, user: int, base: Path
) -> None:
    print(f"OWN_ROOTS_SEED={SEED}")
    command = [_python(user), str(FOLDER / program), amount, "--seed", SEED]
    another = user if user != os.getuid() else None
    done = subprocess.run(
        apart(base, command, another),
        env={
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found, *changed = done.stdout.splitlines()
    answer = json.loads(found)
    print(answer["counts"])
    assert answer[wrong] == []
    assert changed == [], "the machine was changed"
    assert sum(answer["counts"].values()) > 10
