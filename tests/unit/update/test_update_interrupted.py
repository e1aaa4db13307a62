"""Interrupted at any point an update leaves the project as it was, or is complete."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from made_template import SLUG, Project, Template, lines

from hera_experiment.errors import UserError
from hera_experiment.update.applying import Project as Repository
from hera_experiment.update.merging import Merge, Workshop

STEPS = ("os.rename", "os.link", "os.remove", "os.mkdir", "shutil.rmtree", "subprocess.Popen")
ENDED_BY_ITSELF = 7


def change(template: Template, project: Project) -> None:
    template.write(f"{SLUG}/docs/page.md", "A page\n" * 999)
    template.write(f"{SLUG}/workflow.py", lines("w", line3="theirs"))
    (template.folder / SLUG / "library" / "names.py").unlink()
    template.release("0.3.0")
    project.write("workflow.py", lines("w", line19="mine"))
    project.commit()


def conflict(template: Template, project: Project) -> None:
    change(template, project)
    project.write("workflow.py", lines("w", line3="mine"))
    project.git("mv", "inputs.py", "numbers.py")
    project.commit()
    template.write(f"{SLUG}/more.py", lines("i"))
    (template.folder / SLUG / "inputs.py").unlink()
    template.release("0.4.0")


@pytest.fixture(params=[change, conflict])
def prepared(
    request: pytest.FixtureRequest, template: Template, project: Project, tmp_path: Path
) -> tuple[Workshop, Merge]:
    """A merge that is ready for its last step."""
    request.param(template, project)
    for name in ("base", "new"):
        (tmp_path / name / "out").mkdir(parents=True)
    for name in ("base", "new"):
        version = "v0.2.0" if name == "base" else "main"
        Project(template.folder).git("checkout", "-q", version)
        made = template.generate(tmp_path / name / "out")
        shutil.rmtree(made / ".git")
    (tmp_path / "scratch").mkdir()
    repository = Repository(project.folder)
    tree = repository.begin(may_commit=True)
    workshop = Workshop(repository.git, tmp_path / "scratch")
    base, new = (tmp_path / name / "out" / "lake" for name in ("base", "new"))
    merge = workshop.merge(tree, base, new, ("address", "0" * 40))
    assert bool(merge.conflicts) == (request.param is conflict)
    return workshop, merge


def in_a_child(action: Callable[[], object], number: int, step: int) -> int:
    """Call ``action`` in a child that gets a signal at its n-th step; return how it ended."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = step
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def hook(event: str, _: object) -> None:
        nonlocal left
        if event in STEPS:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), number)

    try:
        sys.addaudithook(hook)
        action()
        os._exit(ENDED_BY_ITSELF)
    except KeyboardInterrupt:
        os._exit(130)
    finally:
        os._exit(1)


def apply(workshop: Workshop, merge: Merge, folder: Path) -> None:
    repository = Repository(folder)
    repository.begin(may_commit=True)
    workshop.hand_over(merge, repository.git)
    repository.apply(merge, "A message\n")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_at_every_step_of_the_last_step(
    prepared: tuple[Workshop, Merge], project: Project, tmp_path: Path, number: signal.Signals
) -> None:
    workshop, merge = prepared
    before = project.state()
    complete = halfway = 0
    for step in range(1, 200):
        folder = tmp_path / f"copy{step}"
        shutil.copytree(project.folder, folder, symlinks=True)
        copy = Project(folder)
        ended = in_a_child(lambda folder=folder: apply(workshop, merge, folder), number, step)
        if ended == ENDED_BY_ITSELF:
            break
        assert ended == (-signal.SIGKILL if number == signal.SIGKILL else 130)
        repository = Repository(folder)
        if number == signal.SIGKILL and repository.is_halfway:
            halfway += 1
            # And once more while it is put back.
            assert in_a_child(Repository(folder).put_back, number, 1 + step % 9) in (
                -signal.SIGKILL,
                ENDED_BY_ITSELF,
            )
            repository.put_back()
        after = copy.state()
        if after["HEAD"] == before["HEAD"] and after["status"] == before["status"]:
            after = {**after, "left": before["left"]} if number == signal.SIGKILL else after
            assert after == before, step
        else:
            complete += 1
            assert not repository.is_halfway
            expected = "" if not merge.conflicts else "U"
            assert expected in after["status"] and "workflow.py" in after
        shutil.rmtree(folder)
    else:
        pytest.fail("it never ended by itself")
    assert step > 20 and complete < 9, (step, complete)
    assert halfway > 8 or number == signal.SIGINT


def test_what_was_changed_after_a_kill_is_not_lost(
    prepared: tuple[Workshop, Merge], project: Project
) -> None:
    workshop, merge = prepared
    before = project.state()
    for step in range(1, 200):
        in_a_child(lambda: apply(workshop, merge, project.folder), signal.SIGKILL, step)
        repository = Repository(project.folder)
        if (project.folder / ".git" / "hera_update" / "marker").exists():
            break
        repository.put_back()
    project.write("workflow.py", "mine\n")
    with pytest.raises(UserError, match=r"workflow\.py was changed since"):
        repository.put_back()
    assert project.read("workflow.py") == "mine\n"
    assert project.update("--dry_run") == 1
    project.git("checkout", "HEAD", "--", "workflow.py")
    assert "files are as they were" in repository.put_back()
    assert project.state() == before


def test_killed_at_any_instant(
    template: Template, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is killed leaves its scratch folder.
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    change(template, project)
    before = project.state()
    began = time.monotonic()
    assert project.start("--dry_run").wait(60) == 0
    whole = time.monotonic() - began
    instants = random.Random(9)
    for turn in range(24):
        number = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)[turn % 3]
        # The end of it, where all is written, more often than the beginning.
        wait = whole * (0.3 + 0.9 * instants.random() ** 0.5)
        process = project.start()
        # It is killed at that instant, unless it has ended.
        with suppress(subprocess.TimeoutExpired):
            process.wait(wait)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        said = process.communicate(timeout=60)[0]
        assert "Traceback" not in said, said
        # Puts back what there is, then refuses.
        assert project.update("--to", "nothing") == 1
        if project.state() != before:
            assert project.git("log", "-1", "--format=%s").startswith("Update the template")
            assert project.git("status", "--porcelain") == ""
            project.git("reset", "-q", "--hard", "HEAD^")
            assert project.state() == before
