"""A task's folder that the next one gets: what was made to mount things there fits both."""

from __future__ import annotations

from pathlib import Path

from hera_experiment.local.runtimes.bubblewrap import Overlay
from hera_experiment.local.runtimes.task_root import TaskRoot
from hera_experiment.local.runtimes.volumes import Mount


def test_a_file_is_mounted_where_a_folder_was_and_a_folder_where_a_file_was(tmp_path: Path) -> None:
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    file.touch()
    overlays = [Overlay("/", ())]
    places = {"/in": "/in", "/other": "/other", "/same": "/same"}
    root = TaskRoot(str(tmp_path / "root"), overlays, places)
    upper = Path(root.upper[0][0])
    # What bubblewrap leaves behind of the task before.
    (upper / "in").mkdir()
    (upper / "other").touch()
    (upper / "same").mkdir()

    mounts = [("/in", file), ("/other", folder), ("/same", folder)]
    root.fit([Mount(path, source, "") for path, source in mounts])

    assert not (upper / "in").exists()
    assert not (upper / "other").exists()
    assert (upper / "same").is_dir()
    assert root.restore()
