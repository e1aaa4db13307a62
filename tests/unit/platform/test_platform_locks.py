"""Locks on file systems of every kind, and on machines with other users."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import time
from pathlib import Path

import pytest

from hera_experiment.errors import UserError
from hera_experiment.local.runtimes import virtualenvs
from hera_experiment.platform import state_folder
from hera_experiment.record import records
from hera_experiment.update.applying import Project


@pytest.fixture
def nfs(monkeypatch):
    """Grant locks as NFS does, to whom may write; note the modes of the files."""
    granted = []
    real = fcntl.flock

    def flock(descriptor, kind):
        number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
        may_write = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
        if kind & fcntl.LOCK_EX and not may_write:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        granted.append(stat.S_IMODE(os.fstat(number).st_mode))
        real(number, kind)

    monkeypatch.setattr(fcntl, "flock", flock)
    return granted


def of_the_state(folder: Path) -> None:
    with state_folder.held(folder / "a.lock", time.monotonic() + 5):
        pass


def of_a_record(folder: Path) -> None:
    descriptor = records._locked(folder / "b.lock")
    assert descriptor is not None
    os.close(descriptor)


def of_an_environment(folder: Path) -> None:
    with virtualenvs._locked(folder / "c.lock", None):  # type: ignore[arg-type]
        pass


def of_an_update(folder: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    with Project(folder).alone():
        pass


@pytest.mark.parametrize("lock", [of_the_state, of_a_record, of_an_environment, of_an_update])
def test_locks_are_for_writing_and_for_their_owner_alone(tmp_path, nfs, lock):
    before = os.umask(0)
    try:
        lock(tmp_path)
    finally:
        os.umask(before)
    assert nfs == [0o600]


def test_a_lock_that_others_could_hold_is_closed_to_them(tmp_path):
    path = tmp_path / "old.lock"
    path.touch()
    path.chmod(0o664)
    os.close(state_folder.open_lock(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EACCES])
def test_a_lock_that_is_held_is_no_failure(tmp_path, monkeypatch, number):
    def flock(descriptor, kind):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    descriptor = state_folder.open_lock(tmp_path / "lock")
    assert not state_folder.try_lock(descriptor, state_folder.EXCLUSIVE)
    os.close(descriptor)


def test_a_file_system_without_locks_is_one_sentence(tmp_path, monkeypatch):
    def flock(descriptor, kind):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with (
        pytest.raises(UserError, match="has no locks"),
        state_folder.held(tmp_path / "lock", time.monotonic() + 5),
    ):
        pass
