"""What a run is made of is part of its record."""

from __future__ import annotations

from pathlib import Path

from hera_experiment.experiment import Experiment
from hera_experiment.record.arguments import ScriptArguments
from hera_experiment.record.origin import Origin


def test_comes_back_as_it_was_noted(tmp_path: Path) -> None:
    (tmp_path / "experiment.toml").write_text('[experiment]\nname = "A"\nslug = "a"\n')
    told = {"values": {"parameters.n": 3}, "defaults": {"parameters.n": 2}}
    (tmp_path / "sub").mkdir()
    script = tmp_path / "sub" / "w.py"
    arguments = ScriptArguments(("--x", "3"), ("--token",))
    origin = Origin.now(Experiment.load(tmp_path), told, script, arguments, {"argo": "v3.7.18"})
    assert (origin.script, origin.arguments, origin.withheld) == (
        "sub/w.py",
        ("--x", "3"),
        ("--token",),
    )
    assert origin.inputs == {"parameters.n": 3} and origin.defaults == {"parameters.n": 2}
    assert origin.packages["hera"].startswith("7.")
    assert origin.machine["system"] and origin.code.tree
    assert Origin.of(origin.document()) == origin
    assert Origin.of({}) == Origin()
