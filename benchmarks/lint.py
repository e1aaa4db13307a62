"""The judgement of workflows in YAML, against argo lint --offline and argo-tugboat: verdicts, time.

python benchmarks/lint.py --argo PATH --tugboat PATH --examples FOLDER

Each case is a workflow of which Argo's own verdict is known, or which Argo accepts and Kubernetes
or the task itself trips over. A program is right where it fails for what is refused, and succeeds
for what is accepted; for what trips up it is right where it says anything. ``--examples`` is a
folder of workflows that are valid, Argo's own for instance.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from measure import TEMPLATE, Row, conclude, medians, parser, ratio

from hera_experiment.lint.catalogue import CATALOGUE
from hera_experiment.lint.example import subject_of

LIMIT = 6.0
"""Ours starts Python, the other a program of Go: of one file the start is most of the time."""

POD = {"image": "python:3.12", "command": ["python"]}
T = {"name": "t", "container": POD}
Spec = Mapping[str, Any]


def dag(*tasks: Spec, templates: Sequence[Spec] = (T,), **more: Any) -> Spec:
    """Return the spec of a workflow with a DAG of these tasks."""
    named = [{"template": "t", **task} for task in tasks]
    return {
        "entrypoint": "main",
        "templates": [{"name": "main", "dag": {"tasks": named}}, *templates],
        **more,
    }


def steps(*groups: Sequence[Spec], templates: Sequence[Spec] = (T,)) -> Spec:
    """Return the spec of a workflow with these groups of steps."""
    named = [[{"template": "t", **step} for step in group] for group in groups]
    return {"entrypoint": "main", "templates": [{"name": "main", "steps": named}, *templates]}


def value(name: str, text: str) -> Spec:
    """Return arguments with one parameter."""
    return {"parameters": [{"name": name, "value": text}]}


ASKS = {**T, "inputs": {"parameters": [{"name": "x"}]}}
TWICE = [{"name": "v", "mountPath": "/a"}, {"name": "w", "mountPath": "/a"}]
VOLUMES = [{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {}}]
SAYS = {**T, "outputs": {"parameters": [{"name": "o", "valueFrom": {"path": "/o"}}]}}

REFUSED: Mapping[str, Spec] = {
    "a cycle": dag({"name": "a", "depends": "b"}, {"name": "b", "depends": "a"}),
    "a task that waits for itself": dag({"name": "a", "dependencies": ["a"]}),
    "depends on nobody": dag({"name": "a", "depends": "nobody"}),
    "a condition that is none": dag({"name": "a"}, {"name": "b", "depends": "a.Finished"}),
    "depends and dependencies": dag(
        {"name": "a"}, {"name": "b", "depends": "a", "dependencies": ["a"]}
    ),
    "items asked of no loop": dag({"name": "a"}, {"name": "b", "depends": "a.AnySucceeded"}),
    "two loops in one task": dag({"name": "a", "withItems": [1], "withSequence": {"count": 2}}),
    "a doubled mount": dag(
        {"name": "a"},
        templates=[{"name": "t", "container": {**POD, "volumeMounts": TWICE}}],
        volumes=VOLUMES,
    ),
    "a doubled task": dag({"name": "a"}, {"name": "a"}),
    "a doubled template": dag({"name": "a"}, templates=[T, T]),
    "no such template": dag({"name": "a", "template": "nobody"}),
    "no such entry point": {"entrypoint": "nobody", "templates": [T]},
    "no entry point": {"templates": [T]},
    "an input without a value": dag({"name": "a"}, templates=[ASKS]),
    "a variable of nobody": dag(
        {"name": "a", "arguments": value("x", "{{tasks.b.outputs.result}}")}, templates=[ASKS]
    ),
    "a variable without waiting": dag(
        {"name": "a"},
        {"name": "b", "arguments": value("x", "{{tasks.a.outputs.parameters.o}}"), "template": "u"},
        templates=[SAYS, {**ASKS, "name": "u"}],
    ),
    "an output of a later step": steps(
        [
            {
                "name": "a",
                "template": "u",
                "arguments": value("x", "{{steps.b.outputs.parameters.o}}"),
            }
        ],
        [{"name": "b"}],
        templates=[SAYS, {**ASKS, "name": "u"}],
    ),
    "two types in a template": dag(
        {"name": "a"}, templates=[{**T, "script": {**POD, "source": ""}}]
    ),
    "no type in a template": dag({"name": "a"}, templates=[{"name": "t"}]),
    "a name with a blank": dag({"name": "a task"}),
    "a target that is none": {
        "entrypoint": "main",
        "templates": [
            {"name": "main", "dag": {"target": "b", "tasks": [{"name": "a", "template": "t"}]}},
            T,
        ],
    },
    "an output from nowhere": dag(
        {"name": "a"}, templates=[{**T, "outputs": {"parameters": [{"name": "o"}]}}]
    ),
    "a value beyond its enum": dag(
        {
            "name": "a",
            "arguments": {"parameters": [{"name": "x", "value": "c", "enum": ["a", "b"]}]},
        },
        templates=[ASKS],
    ),
    "no image": dag({"name": "a"}, templates=[{"name": "t", "container": {"command": ["x"]}}]),
}
ACCEPTED: Mapping[str, Spec] = {
    "a diamond": dag(
        {"name": "a"},
        {"name": "b", "depends": "a"},
        {"name": "c", "depends": "a.Failed || a.Succeeded"},
        {"name": "d", "depends": "b && c"},
    ),
    "a loop over maps": dag(
        {"name": "a", "arguments": value("x", "{{item.k}}"), "withItems": [{"k": 1}, {"k": 2}]},
        templates=[ASKS],
    ),
    "a result handed on": steps(
        [{"name": "a"}],
        [
            {
                "name": "b",
                "template": "u",
                "arguments": value("x", "{{steps.a.outputs.parameters.o}}"),
            }
        ],
        templates=[SAYS, {**ASKS, "name": "u"}],
    ),
    "a recursion that ends": steps(
        [{"name": "a"}], [{"name": "b", "template": "main", "when": "{{workflow.name}} == x"}]
    ),
    "capitals in a task": dag({"name": "A"}, {"name": "B", "depends": "A"}),
}


def main() -> int:
    """Judge all cases, print who is right how often and how long one file takes."""
    options = parser(__doc__.splitlines()[0], rounds=7)
    options.add_argument("--argo", default="", help="the program argo")
    options.add_argument("--tugboat", default="", help="the program tugboat, of argo-tugboat")
    options.add_argument("--examples", default="", help="a folder of valid workflows")
    args = options.parse_args()
    programs: dict[str, Callable[[Path], subprocess.CompletedProcess[str]]] = {
        "ours": lambda path: run([sys.executable, "-m", "hera_utils", "lint", str(path)])
    }
    if args.argo:
        programs["argo"] = lambda path: run([args.argo, "lint", "--offline", str(path)])
    if args.tugboat:
        programs["tugboat"] = lambda path: run([args.tugboat, str(path)])
    with tempfile.TemporaryDirectory() as folder:
        written = write(Path(folder))
        for program, judge in programs.items():
            tell(program, judge, written, args.examples)
        one = written["accepted"][0]
        times = medians(
            {name: lambda j=judge: timed(j, one) for name, judge in programs.items()}, args.rounds
        )
    rows: list[Row] = [
        ratio(f"one file: ours / {name}", times["ours"], seconds, LIMIT if name == "argo" else None)
        for name, seconds in times.items()
        if name != "ours"
    ]
    return conclude(rows, args.check)


def write(folder: Path) -> dict[str, list[Path]]:
    """Write all cases, and return their files by what is true of them."""
    trips = {
        rule.code: subject_of(rule.fails).manifest
        for rule in CATALOGUE
        if rule.code[:3] != "HE1" and rule.code not in ("HE902", "HE903")
    }
    groups: dict[str, Mapping[str, Any]] = {"refused": REFUSED, "accepted": ACCEPTED}
    found: dict[str, list[Path]] = {}
    for group, cases in {**groups, "trips up": trips}.items():
        for name, spec in cases.items():
            whole = {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Workflow",
                "metadata": {"generateName": "case-"},
                "spec": spec,
            }
            path = folder / f"{group} {name}.yaml".replace(" ", "-")
            path.write_text(yaml.safe_dump(spec if "kind" in spec else whole, sort_keys=False))
            found.setdefault(group, []).append(path)
    return found


def tell(
    program: str,
    judge: Callable[[Path], subprocess.CompletedProcess[str]],
    written: Mapping[str, Sequence[Path]],
    examples: str,
) -> None:
    """Print how often ``program`` is right, and where it is not."""
    groups = dict(written)
    if examples:
        groups["examples"] = sorted(
            each for each in Path(examples).rglob("*") if each.suffix in (".yaml", ".yml")
        )
    for group, paths in groups.items():
        wrong = []
        for path in paths:
            done = judge(path)
            said = done.stdout + done.stderr
            if group == "refused":
                right = done.returncode != 0
            elif group == "trips up":
                right = done.returncode != 0 or "warning" in said.lower()
            else:
                right = done.returncode == 0
            if not right:
                wrong.append(path.stem)
        shown = f": not {', '.join(wrong)}" if wrong else ""
        print(f"{program}, {group}: {len(paths) - len(wrong)} of {len(paths)}{shown}", flush=True)


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a program that asks no server."""
    nobody = {"ARGO_SERVER": "", "ARGO_TOKEN": "", "KUBECONFIG": os.devnull, "NO_COLOR": "1"}
    # As in a project, whose Python keeps what it has compiled.
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, **nobody}
    return subprocess.run(command, cwd=TEMPLATE, env=environment, capture_output=True, text=True)


def timed(judge: Callable[[Path], subprocess.CompletedProcess[str]], path: Path) -> float:
    """Return the seconds that a judgement takes."""
    from time import perf_counter

    start = perf_counter()
    judge(path)
    return perf_counter() - start


if __name__ == "__main__":
    raise SystemExit(main())
