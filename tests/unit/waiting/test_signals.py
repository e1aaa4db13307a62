from __future__ import annotations

import os
import signal

import pytest

from hera_experiment.signals import discard_output, ended_in_order, undisturbed


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
