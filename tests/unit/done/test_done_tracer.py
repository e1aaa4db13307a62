"""Real programs, and what the kernel shows of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hera_experiment.local.cache.accesses import Accesses, Trace
from hera_experiment.local.cache.notifications import NotTraced
from hera_experiment.local.cache.states import Area, Areas, Digests
from hera_experiment.local.cache.system_calls import processor
from hera_experiment.local.cache.tracer import Tracer


def traced(folder: Path, *argv: str, cwd: Path | None = None) -> tuple[Trace, int]:
    """Run a program to its end; return what it touched below ``folder``, and its status."""
    accesses = Accesses(Areas([Area("it", str(folder), folder)]), Digests())
    tracer = Tracer(accesses)
    process = subprocess.Popen(
        tracer.notifications.command(argv),
        pass_fds=[tracer.notifications.descriptor],
        cwd=cwd or folder,
    )
    tracer.begin()
    status = process.wait(60)
    tracer.close()
    return accesses.finish(), status


def keys(trace: Trace) -> set[str]:
    return set(trace.reads)


def test_what_a_shell_reads_and_writes(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("1\n")
    words = "cat in > out; test -e nothing; mkdir -p a/b; mv out a/b/out; rm -f gone; exit 3"
    trace, status = traced(tmp_path, "/bin/sh", "-c", words)
    assert status == 3
    assert trace.problems == ()
    assert "content it:in" in keys(trace)
    assert trace.reads["kind it:nothing"].value == "absent"
    assert {name: state.split()[0] for name, state in trace.writes.items()} == {
        "it:a": "folder",
        "it:a/b": "folder",
        "it:a/b/out": "file",
    }


def test_what_python_reads_and_writes(tmp_path: Path) -> None:
    (tmp_path / "inputs").mkdir()
    (tmp_path / "inputs" / "one.txt").write_text("1")
    source = (
        "import os, pathlib\n"
        "texts = [p.read_text() for p in sorted(pathlib.Path('inputs').glob('*.txt'))]\n"
        "os.makedirs('out/deep', exist_ok=True)\n"
        "open('out/deep/sum', 'x').write(str(texts))\n"
        "os.symlink('sum', 'out/deep/link')\n"
        "fd = os.open('inputs', os.O_RDONLY)\n"
        "os.close(os.open('one.txt', os.O_RDONLY, dir_fd=fd))\n"
    )
    trace, status = traced(tmp_path, sys.executable, "-IS", "-c", source)
    assert status == 0
    assert trace.problems == ()
    assert trace.reads["names it:inputs"].value == ["one.txt"]
    assert "content it:inputs/one.txt" in keys(trace)
    assert trace.writes["it:out/deep/link"] == "link sum"
    assert set(trace.writes) == {"it:out", "it:out/deep", "it:out/deep/sum", "it:out/deep/link"}


def test_children_are_seen_and_links_are_resolved(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("x")
    (tmp_path / "alias").symlink_to("real")
    words = "(cat alias/file; cat <real/file >real/copy) & wait"
    trace, _ = traced(tmp_path, "/bin/sh", "-c", words)
    assert "content it:real/file" in keys(trace)
    assert list(trace.writes) == ["it:real/copy"]


def test_the_network_proves_nothing(tmp_path: Path) -> None:
    source = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"
    trace, _ = traced(tmp_path, sys.executable, "-IS", "-c", source)
    assert trace.problems == ("it uses the network",)


def test_a_program_that_there_is_not(tmp_path: Path) -> None:
    trace, status = traced(tmp_path, "/no/such/program")
    assert status == 1
    assert trace.writes == {}


def test_many_threads_at_once(tmp_path: Path) -> None:
    source = (
        "import threading\n"
        "def write(n):\n"
        "    for k in range(20):\n"
        "        open(f'{n}-{k}', 'w').write('x')\n"
        "threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
    )
    trace, _ = traced(tmp_path, sys.executable, "-IS", "-c", source)
    assert len(trace.writes) == 160


def test_processors_that_are_known() -> None:
    known = processor("x86_64"), processor("aarch64")
    assert all(each is not None for each in known)
    for each in known:
        assert each is not None
        assert len(each.filter()) == 8 * (len(each.calls) + 8)
    assert processor("riscv64") is None


def test_another_processor_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hera_experiment.local.cache.notifications.processor", lambda: None)
    with pytest.raises(NotTraced, match="calls to the kernel are not known"):
        Tracer(Accesses(Areas([]), Digests()))
