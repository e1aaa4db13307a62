from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from hera_experiment.signals import Ending, discard_output, ended_in_order, undisturbed


def test_a_signal_ends_in_order_and_waits_for_what_may_not_be_disturbed() -> None:
    done = []
    with pytest.raises(SystemExit) as left, ended_in_order():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            with undisturbed():
                signal.raise_signal(signal.SIGHUP)
                done.append("removed")
    assert done == ["removed"] and left.value.code in (128 + signal.SIGTERM, 128 + signal.SIGHUP)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    with pytest.raises(KeyboardInterrupt), undisturbed():
        signal.raise_signal(signal.SIGINT)
        done.append("again")
    assert done == ["removed", "again"]


def test_output_may_go_nowhere() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    discard_output(writer)
    assert os.write(writer, b"nobody reads it") == 15
    os.close(writer)


STOPS = """
import os, random, select, signal, sys, time
from hera_experiment.signals import Ending
source, hung = random.Random(11), 0
for number in range(1000):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        with Ending() as ending:
            os.write(writer, b"0")
            while not ending.wait(None if number % 2 else 0.0001):
                pass
            os._exit(7)
    os.read(reader, 1)
    time.sleep(source.random() / 2000)
    os.kill(child, source.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP]))
    end = time.monotonic() + 20
    while not (found := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < end:
        time.sleep(0.0005)
    if not found[0]:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    hung += os.waitstatus_to_exitcode(found[1]) != 7
    os.close(reader)
    os.close(writer)
print(hung)
"""


def test_a_thousand_stops_never_hang() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPS], capture_output=True, text=True, timeout=120
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_waiting_ends_with_the_time_or_with_the_signal() -> None:
    with Ending() as ending:
        assert not ending.wait(0) and not ending.wait(0.01)
        began = time.monotonic()
        timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM))
        timer.start()
        assert ending.wait(30)
        assert time.monotonic() - began < 10
        timer.join()
        assert ending.wait()
        signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


def test_a_signal_that_another_thread_gets_ends_the_waiting() -> None:
    with Ending() as ending:
        target = threading.Thread(
            target=lambda: (time.sleep(0.05), signal.pthread_kill(threading.get_ident(), 15))
        )
        target.start()
        assert ending.wait(30)
        target.join()
