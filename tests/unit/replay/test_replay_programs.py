"""Which programs a task run again begins that lie on claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hera_experiment.replay.replay import programs_of


def manifest(*command: str) -> dict[str, Any]:
    mounts = [
        {"name": "data", "mountPath": "/data"},
        {"name": "tools", "mountPath": "/data/tools", "subPath": "v2"},
    ]
    container = {"name": "main", "image": "i", "command": list(command), "volumeMounts": mounts}
    volumes = [
        {"name": name, "persistentVolumeClaim": {"claimName": f"c-{name}"}}
        for name in ("data", "tools")
    ]
    return {
        "spec": {
            "entrypoint": "task",
            "templates": [{"name": "task", "container": container}],
            "volumes": volumes,
        }
    }


def test_a_program_is_followed_by_what_interprets_it(tmp_path: Path) -> None:
    tools = tmp_path / "c-tools" / "v2"
    tools.mkdir(parents=True)
    (tmp_path / "c-data").mkdir()
    script, interpreter = tmp_path / "c-data" / "script", tools / "interpreter"
    found = programs_of(manifest("/data/script", "/data/other"), tmp_path)

    assert next(found) == str(script)
    script.write_text("#!/data/tools/interpreter -u\n")  # it comes when it has been asked for
    interpreter.write_text("#!/bin/sh\n")

    assert str(interpreter) in list(found)


def test_a_program_of_the_image_or_of_nowhere(tmp_path: Path) -> None:
    assert list(programs_of(manifest("/bin/sh", "/data/x"), tmp_path)) == []
    assert list(programs_of(manifest("/data/absent"), tmp_path)) == [
        str(tmp_path / "c-data" / "absent")
    ]
    (tmp_path / "c-data").mkdir()
    (tmp_path / "c-data" / "loop").write_text("#!/data/loop\n")
    assert len(list(programs_of(manifest("/data/loop"), tmp_path))) == 1
