"""Real programs that open files which are not here yet."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from polling import until
from results_shell import ProcessShell

from hera_experiment.local.cache.notifications import why_unheard
from hera_experiment.replay.opened_files import OpenedFiles
from hera_experiment.replay.placeholders import Placeholders
from hera_experiment.results.pod_folder import PodFolder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is opened")

TIME = 1_700_000_000
PYTHON = (sys.executable, "-IS", "-c")


class Place:
    """A claim ``c`` with the folder ``run``, read through a shell, and its copy here."""

    def __init__(self, folder: Path) -> None:
        self.there = folder / "there" / "run"
        self.there.mkdir(parents=True)
        self.here = folder / "claims" / "c" / "run"
        self.fetched = folder / "fetched"
        self.shell = ProcessShell()
        self.folder = folder

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        path = self.there / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        os.utime(path, (TIME, TIME))

    def folder_of(self, claim: str, name: str) -> PodFolder:
        return PodFolder(self.shell, str(self.there.parent / name), print, lambda seconds: None)

    def made(self, most: int = 1 << 20) -> Placeholders:
        """Make the files here as they are there, without their content."""
        shutil.rmtree(self.here.parent, ignore_errors=True)
        listing = self.folder_of("c", "run").list_unread()
        assert listing is not None
        self.shell.scripts.clear()
        files = Placeholders(
            {"c": {"run": listing}},
            self.here.parent.parent,
            self.fetched,
            self.folder / "holes",
            self.folder_of,
            most,
            print,
        )
        files.make()
        return files

    def run(self, files: Placeholders, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, in the folder here."""
        opened = OpenedFiles(files)
        process = subprocess.Popen(
            opened.notifications.command([str(shutil.which(argv[0])), *argv[1:]]),
            pass_fds=[opened.notifications.descriptor],
            cwd=self.here,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        opened.begin()
        printed, errors = process.communicate(timeout=60)
        assert opened.close()
        files.forget()
        return subprocess.CompletedProcess(argv, process.returncode, printed, errors)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    if why := why_unheard():
        # A kernel may forbid it, but not that of CI, which would pass without these tests.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    place = Place(tmp_path)
    for number in range(20):
        place.write(f"rows/{number}.csv", f"{number}\n")
    yield place


def test_nothing_comes_that_is_only_looked_at(place: Place) -> None:
    place.write("rows/program", "#!/bin/sh\necho ran\n", 0o755)
    source = (
        "import glob, os\n"
        "facts = [os.stat(path) for path in sorted(glob.glob('rows/*.csv'))]\n"
        "print(len(facts), {int(each.st_mtime) for each in facts}, facts[0].st_size)\n"
        "print(os.access('rows/program', os.X_OK), os.access('rows/1.csv', os.X_OK))\n"
    )
    files = place.made()

    done = place.run(files, *PYTHON, source)

    assert done.stdout == f"20 {{{TIME}}} 2\nTrue False\n", done.stderr
    assert place.shell.scripts == []
    assert files.summary().startswith("none of its 21 files (")
    assert list(place.here.glob("rows/*")) == [], "no file of zeros is left"


@pytest.mark.parametrize(
    ("argv", "printed"),
    [
        (("cat", "rows/3.csv"), "3\n"),
        (("grep", "-r", "17", "rows"), "rows/17.csv:17\n"),
        (("sh", "-c", "ln -s ../rows/4.csv rows/link; cat rows/link"), "4\n"),
        (("sh", "-c", "mv rows/5.csv moved; mkdir d; cd d; cat ../moved"), "5\n"),
        (("sh", "-c", "ln rows/6.csv other; rm rows/6.csv; echo x >>other; cat other"), "6\nx\n"),
        (("sh", "-c", "touch -d @9 rows/7.csv; chmod 400 rows/7.csv; cat <rows/7.csv"), "7\n"),
        (("sh", "-c", "rows/program"), "ran\n"),
        (("sh", "-c", "cat 3<rows/8.csv /dev/fd/3"), "8\n"),
        (("truncate", "-s", "1", "rows/9.csv"), ""),
        (
            (
                *PYTHON,
                "import mmap, os\n"
                "folder = os.open('rows', os.O_RDONLY)\n"
                "file = os.open('10.csv', os.O_RDONLY, dir_fd=folder)\n"
                "print(mmap.mmap(file, 0, prot=mmap.PROT_READ)[:2].decode())\n",
            ),
            "10\n",
        ),
    ],
)
def test_what_is_opened_has_come(place: Place, argv: tuple[str, ...], printed: str) -> None:
    place.write("rows/program", "#!/bin/sh\necho ran\n", 0o755)
    files = place.made()

    done = place.run(files, *argv)

    assert (done.returncode, done.stdout) == (0, printed), done.stderr
    came = 21 if argv[0] == "grep" else 1
    assert files.summary().startswith(f"{came} of 21 files"), files.summary()
    assert list(files.remarks()) == []
    if argv[0] == "truncate":
        assert (place.here / "rows" / "9.csv").read_text() == "9"


@pytest.mark.parametrize("absolute", [True, False])
@pytest.mark.parametrize("program", ["rows/program", "outside"])
def test_what_a_first_line_names_has_come(place: Place, absolute: bool, program: str) -> None:
    shell = f"{place.here}/rows/shell" if absolute else "rows/shell"
    text = f"#! {shell} -x\necho ran\n"
    place.write("rows/program", text, 0o755)
    place.write("rows/shell", '#!/bin/sh\necho "$1"\nexec /bin/sh "$2"\n', 0o755)
    files = place.made()
    outside = place.here / "outside"
    outside.write_text(text)
    outside.chmod(0o755)

    done = place.run(files, "sh", "-c", program if "/" in program else f"./{program}")

    assert (done.returncode, done.stdout) == (0, "-x\nran\n"), done.stderr
    came = 2 if program == "rows/program" else 1
    assert files.summary().startswith(f"{came} of 22 files"), files.summary()


def test_first_lines_that_name_each_other(place: Place) -> None:
    for one, other in (("a", "b"), ("b", "a")):
        place.write(f"rows/{one}", f"#!{place.here}/rows/{other}\n", 0o755)
    done = place.run(place.made(), *PYTHON, "import os; os.execv('rows/a', ['rows/a'])")
    assert "OSError: [Errno 40]" in done.stderr


def test_what_is_overwritten_is_not_fetched(place: Place) -> None:
    words = "echo new >rows/0.csv; rm rows/1.csv; echo own >rows/1.csv; cat rows/0.csv rows/1.csv"
    files = place.made()

    done = place.run(files, "sh", "-c", words)

    assert done.stdout == "new\nown\n"
    assert place.shell.scripts == []
    assert sorted(path.name for path in place.here.glob("rows/*")) == ["0.csv", "1.csv"]


def test_what_comes_with_others_is_told(place: Place) -> None:
    files = place.made()
    done = place.run(files, "cat", *(f"rows/{number}.csv" for number in range(10, 13)))
    assert done.stdout == "10\n11\n12\n"
    assert files.summary().startswith("7 of 20 files")
    assert files.summary().endswith(", and 4 beside them")
    assert len(list(place.here.glob("rows/*"))) == 3


def test_what_came_is_here_the_next_time(place: Place) -> None:
    for number in range(2):
        files = place.made()
        done = place.run(files, "cat", "rows/1.csv", "rows/2.csv")
        assert done.stdout == "1\n2\n"
        assert bool(place.shell.scripts) == (number == 0)
    assert files.summary().endswith("; 2 that it opened came with an earlier replay")


def test_many_at_once(place: Place) -> None:
    source = (
        "import threading\n"
        "sums = []\n"
        "def read(n):\n"
        "    sums.append(sum(int(open(f'rows/{k}.csv').read()) for k in range(20)))\n"
        "threads = [threading.Thread(target=read, args=(n,)) for n in range(8)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "print(sums)\n"
    )
    done = place.run(place.made(), *PYTHON, source)
    assert done.stdout == f"{[190] * 8}\n", done.stderr
    assert len(place.shell.scripts) < 20, "what is read on comes in batches"


def test_a_path_that_is_nowhere(place: Place) -> None:
    source = (
        "import ctypes\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "print(libc.open(ctypes.c_void_p(-1), 0), libc.open(ctypes.c_void_p(8), 0))\n"
        "print(open('rows/1.csv').read())\n"
    )
    done = place.run(place.made(), *PYTHON, source)
    assert done.stdout == "-1 -1\n1\n\n", done.stderr


def test_others_do_not_wait_for_what_comes(place: Place) -> None:
    files = place.made()
    place.shell.meanwhile = lambda script: until((place.here / "mark").exists, 60)
    done = place.run(files, "sh", "-c", "cat rows/1.csv & echo >mark; wait")
    assert done.stdout == "1\n"


def test_beyond_the_limit_opening_fails(place: Place) -> None:
    place.write("large", "x" * 3_000_000)
    files = place.made(most=1000)

    done = place.run(files, "cat", "rows/1.csv", "large")

    assert done.stdout == "1\n" and os.strerror(errno.EIO) in done.stderr
    (remark,) = files.remarks()
    assert "'run/large'" in remark and "LIMIT=3Mi" in remark
    assert not (place.here / "large").exists()


def test_what_went_or_changed_there_meanwhile(place: Place) -> None:
    files = place.made()
    (place.there / "rows" / "1.csv").unlink()
    place.write("rows/2.csv", "another\n")

    done = place.run(files, "cat", "rows/1.csv", "rows/2.csv")

    assert done.stdout == "another\n" and os.strerror(errno.ENOENT) in done.stderr
    (remark,) = files.remarks()
    assert "'run/rows/1.csv'" in remark
    assert files.is_outdated


def test_a_file_that_does_not_come_is_said(place: Place) -> None:
    files = place.made()
    place.shell.break_after, place.shell.breaks = 0, 1000

    done = place.run(files, "cat", "rows/1.csv")

    assert done.returncode == 1 and os.strerror(errno.EIO) in done.stderr
    (remark,) = files.remarks()
    assert "cut by the test" in remark and "'run/rows/1.csv'" in remark
