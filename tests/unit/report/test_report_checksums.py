"""The report at the end of a run does not read all of its data for checksums."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from hera_experiment.account.account import account_of
from hera_experiment.experiment import Experiment
from hera_experiment.report.outputs import outputs_of
from hera_experiment.results.outcome import Results
from hera_experiment.runs.find import Run
from hera_experiment.runs.server import Server


def test_the_small_files_come_first(tmp_path: Path) -> None:
    experiment = Experiment(tmp_path, "T", "t")
    folder = experiment.results / "wf"
    folder.mkdir(parents=True)
    for name, size in (("a", 9), ("b", 4), ("c", 3)):
        (folder / name).write_bytes(b"x" * size)
    context = SimpleNamespace(experiment=experiment)
    server = cast("Server", SimpleNamespace(label="local", is_local=True, context=context))
    run = Run(server, {"metadata": {"name": "wf", "namespace": "n"}})
    results = Results(folder, tuple(sorted(folder.iterdir())))
    small = [hashlib.sha256(b"x" * size).hexdigest() for size in (4, 3)]
    some = account_of(run, results=results, checked=10)
    assert [(each.path, each.sha256) for each in some.files] == [
        ("a", ""),
        ("b", small[0]),
        ("c", small[1]),
    ]
    assert all(each.sha256 for each in account_of(run, results=results).files)
    rows, _ = outputs_of(folder, some.files, 0)
    assert rows[0]["sha256"] == ""
