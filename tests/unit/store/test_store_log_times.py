"""How old a line of a log is."""

from __future__ import annotations

import errno
import os

import pytest

from hera_experiment.local.store.log_times import LogSampler, LogTimes


def test_growth_is_noted_from_the_second_sight_on(store, manifest):
    run = store.create(manifest())
    run.update(nodes={"w-1": {"id": "w-1", "type": "Pod", "phase": "Running"}})
    log, clock = run.log_path("w-1"), iter([100.0, 200.0, 300.0])
    sampler = LogSampler(lambda: next(clock))
    sampler.sample(store.live())
    log.write_bytes(b"one\n")
    sampler.sample(store.live())
    assert not log.with_suffix(".times").exists()
    log.write_bytes(b"one\ntwo\n")
    sampler.sample(store.live())
    sampler.sample(store.live())
    log.write_bytes(b"one\ntwo\nthree\n")
    sampler.sample(store.live())
    with log.open("ab") as file:
        file.write(b"four\n")
    os.utime(log, (900, 900))
    assert list(LogTimes(log).parts(0, log.read_bytes())) == [
        (100, b"one\ntwo\n"),
        (200, b"three\n"),
        (900, b"four\n"),
    ]
    assert [time for time, _ in LogTimes(log).parts(8, b"three\nfour\n")] == [200, 900]
    # A line that a note covers in part is as old as the note that covers its end.
    assert list(LogTimes(log).parts(4, b"two, and more\n")) == [(900, b"two, and more\n")]


def test_tasks_that_do_not_run_are_not_looked_at(store, manifest):
    run = store.create(manifest())
    run.update(nodes={"w-1": {"id": "w-1", "type": "Pod", "phase": "Pending"}})
    log = run.log_path("w-1")
    sampler = LogSampler(lambda: 1.0)
    for text in (b"a\n", b"a\nb\n", b"a\nb\nc\n"):
        log.write_bytes(text)
        sampler.sample(store.live())
    assert not log.with_suffix(".times").exists()
    run.update(status={"finishedAt": "2026-11-05T08:00:09Z"})
    assert store.live() == []


def test_a_log_without_notes_is_as_old_as_its_file(tmp_path):
    log = tmp_path / "w-1.log"
    assert list(LogTimes(log).parts(0, b"one")) == [(0.0, b"one")]
    log.write_bytes(b"one\n")
    os.utime(log, (500, 500))
    assert list(LogTimes(log).parts(0, b"one\n")) == [(500, b"one\n")]


def test_a_removed_log_leaves_no_times(store, manifest):
    run = store.create(manifest())
    log = run.log_path("w-1")
    for path in (log, log.with_suffix(".times")):
        path.write_text("4 100.000\n")
    run.remove_logs(["w-1"])
    run.remove_logs(["w-1"])
    assert list(log.parent.iterdir()) == []


@pytest.mark.parametrize(
    "notes",
    [
        b"\0" * 40,
        b"x y\n",
        b"4\n",
        b"9 1.000\n4 2.000\n",
        b"-4 1.000\n",
        b"\xff 1\n4 1",
        b"4 1e9\n",
    ],
)
def test_damaged_notes_lose_no_line(tmp_path, notes):
    log = tmp_path / "w-1.log"
    log.write_bytes(b"one\ntwo\n")
    log.with_suffix(".times").write_bytes(notes)
    parts = list(LogTimes(log).parts(0, log.read_bytes()))
    assert b"".join(part for _, part in parts) == b"one\ntwo\n"


def test_a_full_disk_does_not_end_the_sampling(store, manifest, monkeypatch):
    run = store.create(manifest())
    run.update(nodes={"w-1": {"id": "w-1", "type": "Pod", "phase": "Running"}})
    log = run.log_path("w-1")
    sampler = LogSampler(lambda: 1.0)
    log.write_bytes(b"a\n")
    sampler.sample(store.live())
    log.write_bytes(b"a\nb\n")

    def full(descriptor, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        sampler.sample(store.live())
    log.write_bytes(b"a\nb\nc\n")
    sampler.sample(store.live())
    assert list(LogTimes(log).parts(0, b"a\nb\nc\n")) == [(1.0, b"a\nb\nc\n")]
