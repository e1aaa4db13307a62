"""The test cluster's own processes: killed and started again, as a machine does to them."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from polling import until
from real_cluster import RealCluster, absent


class Daemon:
    """One process of the cluster, such as ``kubelet``, known by its file of the process id."""

    def __init__(self, cluster: RealCluster, name: str) -> None:
        self._file = Path(cluster["CLUSTER_STATE"]) / f"{name}.pid"
        if not self._file.is_file():
            absent(f"the processes of this cluster are not ours to kill: no {name}.pid")
        self.name = name
        pid = int(self._file.read_text())
        process = Path("/proc") / str(pid)
        self.pid = pid
        self.command = (process / "cmdline").read_bytes().decode().rstrip("\0").split("\0")
        self._folder = (process / "cwd").resolve()
        pairs = (process / "environ").read_bytes().decode().rstrip("\0").split("\0")
        self._environ = dict(pair.split("=", 1) for pair in pairs if "=" in pair)

    def kill(self) -> None:
        """End it as a power cut does."""
        os.kill(self.pid, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{self.pid}/cmdline").exists() or self._is_zombie())

    def start(self) -> None:
        """Start it again with its own command, in its own folder."""
        log = self._folder / "log" / f"{self.name}.log"
        with log.open("ab") as file:
            process = subprocess.Popen(
                self.command,
                cwd=self._folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self.pid = process.pid
        self._file.write_text(f"{process.pid}\n")

    def _is_zombie(self) -> bool:
        return Path(f"/proc/{self.pid}/cmdline").read_bytes() == b""
