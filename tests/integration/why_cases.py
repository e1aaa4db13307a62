"""A small experiment with planted changes: which task differs first, and why, is known of each.

A change is never alone: harmless ones stand beside it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from script_place import Place

FILES = {
    "README.md": "# Growth\n\nA small experiment.\n",
    ".gitignore": "/.hera/\n/results/\n__pycache__/\n",
    "inputs.py": '''"""What the experiment is about."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Inputs:
    """The numbers."""

    regions: list[str]
    growth: float
    steps: int
    seed: int
    threshold: float
    digits: int


inputs = Inputs(
    regions=["north", "south"],
    growth=1.5,
    steps=4,
    seed=7,
    threshold=10.0,
    digits=3,
)
''',
    "workflow.py": '''"""simulate (one task a region) → judge → summarise."""

import os
import sys

from hera.workflows import DAG, Container, ExistingVolume, Parameter, Task, Workflow, script
from hera.workflows.models import VolumeMount

from inputs import inputs

MOUNT = VolumeMount(name="data", mount_path="/data")
PLACES = {"south": 2, "north": 1}
SCALE = 10


@script(image="python:3.11", volume_mounts=[MOUNT])
def judge(run, threshold):
    import json
    from pathlib import Path

    # Every region is judged.
    found = {}
    for path in sorted(Path(f"/data/{run}/simulated").glob("*.json")):
        values = json.loads(path.read_text())
        found[path.stem] = bool(max(values["values"]) + 0.0 > float(threshold))
    Path(f"/data/{run}/judged.json").write_text(json.dumps(found, indent=1))


with Workflow(
    generate_name="growth-",
    entrypoint="all",
    volumes=[ExistingVolume(name="data", claim_name="numbers", mount_path="/data")],
) as w:
    simulate = Container(
        name="simulate",
        image="localhost/try-simulate:latest",
        command=["python", "simulate.py"],
        args=[
            "--region={{inputs.parameters.region}}",
            f"--growth={inputs.growth}",
            f"--steps={inputs.steps}",
            f"--seed={inputs.seed}",
            f"--scale={SCALE}",
            "--output={{inputs.parameters.output}}",
        ],
        inputs=[Parameter(name="region"), Parameter(name="output")],
        volume_mounts=[MOUNT],
    )
    summarise = Container(
        name="summarise",
        image="localhost/try-summarise:latest",
        command=["python", "summarise.py"],
        args=[
            "--folder=/data/{{workflow.name}}",
            f"--digits={inputs.digits}",
            "--output=/data/{{workflow.name}}/summary.csv",
        ],
        volume_mounts=[MOUNT],
    )
    with DAG(name="all"):
        simulated = Task(
            name="simulate",
            template=simulate,
            arguments={
                "region": "{{item}}",
                "output": "/data/{{workflow.name}}/simulated/{{item}}.json",
            },
            with_items=inputs.regions,
        )
        judged = judge(
            name="judge",
            arguments={"run": "{{workflow.name}}", "threshold": str(inputs.threshold)},
        )
        simulated >> judged >> Task(name="summarise", template=summarise)
w.create()
''',
    "containers/simulate/Dockerfile": "FROM python:3.11\nWORKDIR /app\nCOPY . .\n",
    "containers/simulate/simulate.py": '''"""Let a region grow."""

import argparse
import json
import random
from pathlib import Path

import model
import table

HERE = Path(__file__).parent


def main():
    """Simulate one region."""
    parser = argparse.ArgumentParser()
    for name in ("region", "output"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--growth", type=float)
    for name in ("steps", "seed", "scale"):
        parser.add_argument(f"--{name}", type=int)
    args = parser.parse_args()
    random.seed(args.seed)
    start = table.read(HERE / "start.csv")[args.region]
    weather = json.loads((HERE / "weather.json").read_text())
    values = [start * args.scale / 10]
    for step in range(args.steps):
        noise = random.random() * weather["noise"]
        values.append(model.step(values[-1], args.growth, noise))
    output = Path(args.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps({"region": args.region, "values": values}, indent=1))


main()
''',
    "containers/simulate/model.py": '''"""The model."""

LIMIT = 50.0
LOSS = 0.25


def step(value, growth, noise):
    """Return the next value."""
    grown = value * growth + noise
    return grown * (1 - grown / LIMIT) + LOSS
''',
    "containers/simulate/table.py": '''"""Reads tables."""

import csv
import sys


def read(path):
    """Return the starts by region."""
    with open(path, newline="") as file:
        return {row["region"]: float(row["start"]) for row in csv.DictReader(file)}
''',
    "containers/simulate/start.csv": "region,start\nnorth,2.5\nsouth,3.5\nwest,4.5\n",
    "containers/simulate/weather.json": '{"noise": 0.5, "station": "none"}\n',
    "containers/summarise/Dockerfile": "FROM python:3.11\nWORKDIR /app\nCOPY . .\n",
    "containers/summarise/summarise.py": '''"""Write a table of all regions."""

import argparse
import json
import statistics
from pathlib import Path

WEIGHT = 2.0


def main():
    """Write it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--digits", type=int)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    units = (Path(__file__).parent / "units.txt").read_text().strip()
    judged = json.loads((args.folder / "judged.json").read_text())
    lines = [f"region,mean_{units},high"]
    for path in sorted((args.folder / "simulated").glob("*.json")):
        values = json.loads(path.read_text())["values"]
        mean = round(WEIGHT * statistics.mean(values), args.digits)
        lines.append(f"{path.stem},{mean},{judged[path.stem]}")
    args.output.write_text("\\n".join(lines) + "\\n")


main()
''',
    "containers/summarise/units.txt": "t\n",
}


@dataclass(frozen=True)
class Planted:
    """A change of ``file``, ``old`` to ``new``, or of values that are typed.

    ``task`` is what differs first, without the loop's item, and ``cause`` its kind and name.
    """

    file: str
    old: str
    new: str
    task: str
    cause: tuple[str, str]

    def __str__(self) -> str:
        return f"{self.file}: {self.old!r} → {self.new!r}"


def _code(file: str, task: str, *pairs: tuple[str, str], kind: str = "code") -> Iterator[Planted]:
    for old, new in pairs:
        yield Planted(file, old, new, task, (kind, file))


def _inputs(task: str, *pairs: tuple[str, str]) -> Iterator[Planted]:
    for old, new in pairs:
        yield Planted("inputs.py", old, new, task, ("input", old.partition("=")[0]))


SIMULATE, MODEL = "containers/simulate/simulate.py", "containers/simulate/model.py"
TABLE, SUMMARISE = "containers/simulate/table.py", "containers/summarise/summarise.py"
START, WEATHER = "containers/simulate/start.csv", "containers/simulate/weather.json"
UNITS, WORKFLOW = "containers/summarise/units.txt", "workflow.py"

PLANTED: Sequence[Planted] = (
    *_inputs("simulate", ("growth=1.5", "growth=1.51"), ("growth=1.5", "growth=2.0")),
    *_inputs("simulate", ("steps=4", "steps=5"), ("steps=4", "steps=3")),
    *_inputs("simulate", ("seed=7", "seed=8"), ("seed=7", "seed=70")),
    *_inputs("simulate", ('regions=["north", "south"]', 'regions=["north", "south", "west"]')),
    *_inputs("simulate", ('regions=["north", "south"]', 'regions=["north"]')),
    *_inputs("judge", ("threshold=10.0", "threshold=3.0"), ("threshold=10.0", "threshold=2.0")),
    *_inputs("judge", ("threshold=10.0", "threshold=1.0")),
    *_inputs("summarise", ("digits=3", "digits=2"), ("digits=3", "digits=1")),
    *_code(MODEL, "simulate", ("LIMIT = 50.0", "LIMIT = 51.0"), ("LOSS = 0.25", "LOSS = 0.26")),
    *_code(MODEL, "simulate", ("LIMIT = 50.0", "LIMIT = 49.0"), ("LOSS = 0.25", "LOSS = 0.0")),
    *_code(MODEL, "simulate", ("growth + noise", "growth - noise"), ("(1 - grown", "(2 - grown")),
    *_code(MODEL, "simulate", ("value * growth", "value * growth * 1.001")),
    *_code(MODEL, "simulate", ("(1 - grown", "(1.1 - grown")),
    *_code(SIMULATE, "simulate", ("args.scale / 10", "args.scale / 11")),
    *_code(SIMULATE, "simulate", ("random.random() *", "random.uniform(0, 2) *")),
    *_code(SIMULATE, "simulate", ("random.seed(args.seed)", "random.seed(args.seed + 1)")),
    *_code(SIMULATE, "simulate", ("random.seed(args.seed)", "random.seed(3)")),
    *_code(SIMULATE, "simulate", ("range(args.steps)", "range(1 + args.steps)")),
    *_code(SIMULATE, "simulate", ('weather["noise"]', 'weather["noise"] / 2')),
    *_code(SIMULATE, "simulate", ('"region": args.region', '"region": args.region.upper()')),
    *_code(TABLE, "simulate", ('float(row["start"])', 'float(row["start"]) + 1')),
    *_code(TABLE, "simulate", ('float(row["start"])', 'round(float(row["start"]))')),
    *_code(SUMMARISE, "summarise", ("WEIGHT = 2.0", "WEIGHT = 2.1"), ("mean(", "median(")),
    *_code(SUMMARISE, "summarise", ("WEIGHT = 2.0", "WEIGHT = 1.0"), ("mean_{", "average_{")),
    *_code(SUMMARISE, "summarise", (',{judged[path.stem]}"', ',{not judged[path.stem]}"')),
    *_code(SUMMARISE, "summarise", ('+ "\\n")', '+ "\\n\\n")'), ("round(W", "round(3 * W")),
    *_code(WORKFLOW, "simulate", ("SCALE = 10", "SCALE = 12"), ("SCALE = 10", "SCALE = 9")),
    *_code(WORKFLOW, "simulate", ('f"--seed={inputs.seed}"', 'f"--seed={inputs.seed + 4}"')),
    *_code(WORKFLOW, "simulate", ("={inputs.growth}", "={inputs.growth * 2}")),
    *_code(WORKFLOW, "simulate", ("--scale={SCALE}", "--scale={SCALE + 1}")),
    *_code(WORKFLOW, "judge", ("> float(threshold)", "< float(threshold)")),
    *_code(WORKFLOW, "judge", ("+ 0.0 >", "+ 7.5 >"), ("bool(max(", "bool(not max(")),
    *_code(WORKFLOW, "judge", ("str(inputs.threshold)", "str(inputs.threshold / 4)")),
    *_code(WORKFLOW, "summarise", ("={inputs.digits}", "={inputs.digits - 1}")),
    *_code(START, "simulate", ("north,2.5", "north,2.6"), ("south,3.5", "south,3.4"), kind="data"),
    *_code(START, "simulate", ("north,2.5", "north,1.5"), ("south,3.5", "south,9.5"), kind="data"),
    *_code(WEATHER, "simulate", ('"noise": 0.5', '"noise": 0.6'), kind="data"),
    *_code(WEATHER, "simulate", ('"noise": 0.5', '"noise": 0.1'), kind="data"),
    *_code(UNITS, "summarise", ("t\n", "kg\n"), ("t\n", "T\n"), ("t\n", "g\n"), kind="data"),
    *(
        Planted(SIMULATE, "random.seed(args.seed)", new, "simulate", ("chance", "simulate"))
        for new in ("pass", "random.seed()")
    ),
    *_code(
        "containers/simulate/requirements.txt",
        "simulate",
        ("six==1.16.0", "six==1.17.0"),
        kind="package",
    ),
    *_code(
        "containers/summarise/requirements.txt",
        "summarise",
        ("six==1.16.0", "six==1.17.0"),
        kind="package",
    ),
)
"""Each makes a difference for the task it names, and for none before it."""

HARMLESS: Sequence[tuple[str, str, str]] = (
    ("README.md", "A small", "A very small"),
    (MODEL, '"""The model."""', '"""The model, as we use it."""'),
    (MODEL, "    grown = value", "    # What grows.\n    grown = value"),
    (SIMULATE, "def main():", "# The way in.\ndef main():"),
    (SIMULATE, "import model\nimport table", "import table\nimport model"),
    (TABLE, "import csv\nimport sys", "import sys\nimport csv"),
    (SUMMARISE, "\n\n\ndef main", "\n\n\n\ndef main"),
    (SUMMARISE, "import argparse\nimport json", "import json\nimport argparse"),
    (WORKFLOW, "import os\nimport sys", "import sys\nimport os"),
    (WORKFLOW, "SCALE", "# How much.\nSCALE"),
    (WORKFLOW, '{"south": 2, "north": 1}', '{"south": 2,  "north": 1}'),
    ("inputs.py", '"""The numbers."""', '"""All numbers."""'),
    ("inputs.py", "from dataclasses", "# Frozen.\nfrom dataclasses"),
    ("containers/simulate/unused.csv", "", "a,b\n1,2\n"),
    ("containers/simulate/notes.md", "", "To do.\n"),
    ("containers/summarise/old.py", "", "print(1)\n"),
    ("old_workflow.py", "", "print(1)\n"),
    (WEATHER, '{"noise"', '{ "noise"'),
    ("containers/simulate/Dockerfile", "FROM", "# Small.\nFROM"),
)
"""None of these makes a difference; what is empty is a file that there was not."""

BESIDE = 5


class WhyPlace(Place):
    """The experiment in a folder; ``plant`` changes it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / ".hera" / "claims" / "numbers").mkdir(parents=True)
        self.plant(None)

    def plant(self, change: Planted | None, seed: int = 0, before: bool = False) -> list[str]:
        """Write the experiment anew, with ``change`` and harmless ones, whose files are returned.

        With ``before`` it is what the change starts from.
        """
        files = dict(FILES)
        if change is not None:
            self._prepare(files, change)
        beside: list[str] = []
        if change is not None and not before:
            self._apply(files, change.file, change.old, change.new)
            for file, old, new in self._harmless(files, seed):
                self._apply(files, file, old, new)
                beside.append(file)
        # What a server that ends takes away meanwhile is passed over.
        there = ((above, name) for above, _, names in os.walk(self.folder) for name in names)
        for path in [Path(*pair) for pair in there]:
            inner = path.relative_to(self.folder).as_posix()
            kept = inner.startswith((".hera", "results", "experiment.toml"))
            if path.is_file() and not kept and inner not in files:
                path.unlink()
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.is_file() or path.read_text() != text:
                path.write_text(text)
        return beside

    @staticmethod
    def _prepare(files: dict[str, str], change: Planted) -> None:
        """Let what a change starts from be there: a package that is used, a task of chance."""
        if change.file.endswith("requirements.txt"):
            folder = change.file.rpartition("/")[0]
            files[change.file] = f"{change.old}\n"
            files[f"{folder}/Dockerfile"] = (
                "FROM python:3.11\nWORKDIR /app\nCOPY requirements.txt .\n"
                "RUN pip install -r requirements.txt\nCOPY . .\n"
            )
            program = SIMULATE if "simulate" in folder else SUMMARISE
            text = files[program].replace("import json\n", "import json\nimport six\n", 1)
            used = ('"region": args.region', '"region": args.region + six.__version__')
            mean = ("mean_{units}", "mean_{units}{six.__version__}")
            files[program] = text.replace(*(used if program == SIMULATE else mean), 1)
        if change.cause[0] == "chance":
            files[change.file] = files[change.file].replace(change.old, change.new, 1)

    @staticmethod
    def _harmless(files: Mapping[str, str], seed: int) -> list[tuple[str, str, str]]:
        order = random.Random(seed).sample(HARMLESS, len(HARMLESS))
        there = [each for each in order if not each[1] or each[1] in files.get(each[0], "")]
        return there[:BESIDE]

    @staticmethod
    def _apply(files: dict[str, str], file: str, old: str, new: str) -> None:
        text = files.get(file, "")
        if old and old not in text:
            # It has been changed already, as what is left to chance.
            return
        files[file] = text.replace(old, new, 1) if old else new

    def verb(self, verb: str, *options: str) -> str:
        """Return what a verb prints; it must succeed."""
        import subprocess
        import sys

        done = subprocess.run(
            [sys.executable, "-m", "hera_utils", verb, *options],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def go(self, *options: str) -> str:
        """Run the experiment; return the run's name."""
        before = set(self._names())
        self.verb("run", "--quiet=1", *options)
        (name,) = set(self._names()) - before
        return name

    def _names(self) -> list[str]:
        folder = self.folder / ".hera" / "submissions"
        return [path.name.partition(".")[0] for path in folder.glob("*.json")]
