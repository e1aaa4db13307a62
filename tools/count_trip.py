"""Counts how often the call of a verb goes from room to room and back.

    python tools/count_trip.py                          # every verb that a laptop can call
    python tools/count_trip.py submit status            # these, one after the other
    python tools/count_trip.py submit -- --cluster=lab  # with options of the verb
    python tools/count_trip.py --trip submit            # and list the way

Each verb is called as ``python -m hera_utils VERB`` in a project that is generated for it, and the
interpreter reports each call of a Python function (``sys.setprofile``), in the main thread of the
verb's process and of the process of its script. The laptop's server is a program of its own, which
is not counted, nor are threads.

The way is that of a reader who follows the code as it runs and reads each function once. What
counts is the first call of each function, where it leads from one place to another; neither imports
count nor coming back because a function returned. Every function of the library, of ``hera_utils``
and of the project's own files takes part. The way is measured twice, with a file as one place and
with a room as one: a folder of the library, or a file that lies in no folder of it.

- stays: calls in a row that lead to one place are one stay
- places: how many different ones there are
- climbs: stays that begin with a call from a lower layer to a higher one (``LAYERS``)
- returns: stays in a place that had been left, that is stays less places
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
LIBRARY = REPOSITORY / "src" / "hera_experiment"

# From the top downwards; what is not named is a user's intention.
LAYERS = (
    "workflow.py inputs.py layout.py environment.py",
    "hera_utils",
    "cli.py verbs",
    "",
    "endpoint submission environment",
    "runs",
    "platform port_forward images",
    "record",
    "context",
    "experiment.py template_record.py packaging",
    "argo errors.py signals.py waiting.py",
)
VERBS = "run submit status watch logs results retry stop config images provision check-cluster help"

# Becomes sitecustomize.py, which each interpreter imports first. TRIP names a folder.
RECORDER = """
import atexit, inspect, os, sys

if "serve" not in sys.orig_argv and "hera_" in " ".join(sys.orig_argv):
    ROOTS = tuple(os.environ["TRIP_ROOTS"].split(os.pathsep))
    seen, way = set(), []

    def note(frame, event, argument):
        code = frame.f_code
        if event != "call" or code in seen:
            return
        seen.add(code)
        # Modules and the bodies of classes are not functions, and what they call is an import.
        if not code.co_flags & inspect.CO_OPTIMIZED or not code.co_filename.startswith(ROOTS):
            return
        caller = frame.f_back
        while caller and not caller.f_code.co_filename.startswith(ROOTS):
            caller = caller.f_back
        started = caller is None or caller.f_globals["__name__"] == "__main__"
        if started or caller.f_code.co_flags & inspect.CO_OPTIMIZED:
            way.append((caller.f_code.co_filename if caller else "", code.co_filename))

    def write():
        sys.setprofile(None)
        with open(os.path.join(os.environ["TRIP"], f"{os.getpid()}.way"), "w") as file:
            print(*sys.orig_argv[1:], file=file)
            for step in way:
                print(*step, sep="\\t", file=file)

    atexit.register(write)
    leave = os._exit
    os._exit = lambda status: (write(), leave(status))
    sys.setprofile(note)
"""


class Project:
    """An experiment that is generated as a person does, to type commands in."""

    def __init__(self, folder: Path) -> None:
        self._trip = folder / "trip"
        (folder / "recorder").mkdir()
        (folder / "recorder" / "sitecustomize.py").write_text(RECORDER)
        template = folder / "template"
        for name in ("hooks", "src", "{{cookiecutter.project_slug}}"):
            left = shutil.ignore_patterns("__pycache__", ".venv", ".hera", "results")
            shutil.copytree(REPOSITORY / name, template / name, ignore=left)
        for name in ("cookiecutter.json", "LICENSE"):
            shutil.copy(REPOSITORY / name, template)
        make = [sys.executable, "-m", "cookiecutter", "--no-input", str(template)]
        subprocess.run([*make, "project_slug=trip"], cwd=folder, check=True, capture_output=True)
        self.folder = (folder / "trip").rename(folder / "experiment")

    def call(self, verb: str, options: list[str]) -> tuple[int, list[list[list[str]]]]:
        """Call a verb; return its status and the way of each process, the verb's own first."""
        self._trip.mkdir()
        path = [str(self._trip.with_name("recorder")), str(REPOSITORY / "src")]
        done = subprocess.run(
            [sys.executable, "-m", "hera_utils", verb, *options],
            cwd=self.folder,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(path),
                "TRIP": str(self._trip),
                "TRIP_ROOTS": os.pathsep.join([str(LIBRARY), str(self.folder)]),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        ways = []
        for file in sorted(self._trip.iterdir(), key=lambda file: int(file.stem)):
            _, *lines = file.read_text().splitlines()
            ways.append([line.split("\t") for line in lines])
        shutil.rmtree(self._trip)
        return done.returncode, ways

    def place(self, file: str, *, room: bool) -> str:
        """Return the file below its root, or the room that it is in; nothing for no file."""
        if not file:
            return ""
        root = LIBRARY if file.startswith(str(LIBRARY)) else self.folder
        path = Path(file).relative_to(root)
        return path.parts[0] if room else str(path)


def layer(place: str) -> int:
    """Return how far down a place lies."""
    room = place.split("/")[0]
    found = [number for number, rooms in enumerate(LAYERS) if room in rooms.split()]
    return found[0] if found else LAYERS.index("")


def stays(calls: Iterable[tuple[str, str]]) -> list[tuple[str, bool]]:
    """Return the places one after the other, and whether each was climbed to."""
    across = ((caller, called) for caller, called in calls if caller != called)
    found: list[tuple[str, bool]] = []
    for called, group in itertools.groupby(across, key=lambda call: call[1]):
        caller = next(group)[0]
        found.append((called, bool(caller) and layer(called) < layer(caller)))
    return found


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trip", action="store_true", help="list the places of each way")
    parser.add_argument("verbs", nargs="*", default=VERBS.split(), metavar="VERB")
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    args = parser.parse_args(words[:end])
    print(f"{'':15}{'rooms':^32}{'files':^32}")
    heads = "".join(f"{each:>8}" for each in ("stays", "places", "climbs", "returns"))
    print(f"{'verb':15}{heads}{heads}")
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        for verb in args.verbs:
            options = words[end + 1 :] or (["--cluster=local"] if verb == "submit" else [])
            status, ways = project.call(verb, options)
            line, trip = f"{verb:15}", []
            for room in (True, False):
                found = []
                for way in ways:
                    calls = ([project.place(file, room=room) for file in call] for call in way)
                    found += stays((caller, called) for caller, called in calls)
                places = {place for place, _ in found}
                climbs = sum(climbed for _, climbed in found)
                numbers = (len(found), len(places), climbs, len(found) - len(places))
                line += "".join(f"{number:8}" for number in numbers)
                trip.append(" ".join(f"^{place}" if up else place for place, up in found))
            print(line + (f"   (exit status {status})" if status else ""), flush=True)
            if args.trip:
                print(*trip, sep="\n\n", end="\n\n")


if __name__ == "__main__":
    main()
