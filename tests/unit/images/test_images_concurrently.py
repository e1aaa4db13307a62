"""Several containers at the same time: all are tried, an interruption ends all."""

from __future__ import annotations

import io
import sys
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest

from hera_experiment.errors import UserError
from hera_experiment.images.build_session import run_concurrently
from hera_experiment.images.engine import Ended, Programs
from hera_experiment.images.progress import PlainProgress, progress_of
from hera_experiment.verbs.images import age_of


def test_one_that_fails_does_not_keep_the_others():
    done: list[str] = []

    def work(name: str) -> None:
        if name == "b":
            raise UserError("no")
        if name == "c":
            raise PermissionError("not yours")
        done.append(name)

    errors = run_concurrently(work, ["a", "b", "c", "d"], 2, lambda: None)
    assert sorted(done) == ["a", "d"]
    assert [str(errors[name]) for name in ("b", "c")] == ["no", "containers/c: not yours"]


def test_a_mistake_of_ours_is_no_sentence():
    def work(name: str) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_concurrently(work, ["a"], 4, lambda: None)


def test_no_more_than_the_limit_at_once():
    running, most, lock = 0, 0, threading.Lock()
    # Three are there at once, or none goes on.
    meeting = threading.Barrier(3, timeout=10)

    def work(name: str) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        meeting.wait()
        with lock:
            running -= 1

    run_concurrently(work, [str(number) for number in range(9)], 3, lambda: None)
    assert most == 3


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_program_is_heard_as_it_goes():
    heard: list[str] = []
    code = "import sys\nprint('one')\nprint('two\\rthree', file=sys.stderr)\nsys.exit(3)"
    done = Programs({}).runner(heard.append)(python(code))
    assert done.exit_code == 3 and sorted(heard) == ["one", "three", "two"]
    assert "one" in done.output and "three" in done.output


def test_stopping_ends_every_program_and_starts_none():
    programs = Programs({})
    code = "import time\nprint('up', flush=True)\ntime.sleep(60)"
    up = threading.Semaphore(0)
    ended: list[str] = []

    def work(name: str) -> None:
        try:
            programs.runner(lambda line: up.release())(python(code))
        except Ended:
            ended.append(name)
            raise

    def interrupt() -> None:
        up.acquire()
        up.acquire()
        programs.stop()

    watcher = threading.Thread(target=interrupt)
    watcher.start()
    begun = time.monotonic()
    assert run_concurrently(work, ["a", "b", "c"], 2, programs.stop) == {}
    watcher.join()
    assert sorted(ended) == ["a", "b"] and time.monotonic() - begun < 30
    with pytest.raises(Ended):
        programs.runner()(python(""))


def test_a_log_has_a_line_for_each_step():
    stream = io.StringIO()
    progress = progress_of(5, stream)
    assert isinstance(progress, PlainProgress)
    progress.step("a", "1/2 FROM x")
    progress.detail("a", "downloading")
    progress.say("chart", "was built", "green")
    progress.end("a")
    progress.close()
    assert stream.getvalue() == "a      1/2 FROM x\nchart  was built\n"


@pytest.mark.parametrize(
    ("age", "text"),
    [({"seconds": 5}, "5 s"), ({"seconds": 119}, "1 min"), ({"hours": 3}, "3 h"),
     ({"days": 40}, "40 d"), ({"seconds": -9}, "0 s")],
)  # fmt: skip
def test_an_age_in_its_greatest_unit(age: dict[str, int], text: str):
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert age_of(now - timedelta(**age), now) == text
