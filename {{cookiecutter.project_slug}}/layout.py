"""The layout of the experiment: how its outputs are named and where they lie on the volume.

<workflow>/collect/<vintage>/<borough>.json    written by the tasks of containers/collect
<workflow>/population.png                      drawn by containers/chart
"""

from __future__ import annotations

import os

from inputs import Constants

# Argo Workflows puts the name of the running workflow here, so that two runs never mix.
RUN = "{{workflow.name}}"

# How much numbers in outputs may differ, by pattern of path, when a run is compared with another or
# its record runs again: {"*.csv": 1e-9}. What no pattern fits must be the same, byte by byte.
TOLERANCES: dict[str, float] = {}


class experiment_layout:
    """Paths relative to the volume's mount point, and names derived from the inputs."""

    def __init__(self, constants: Constants) -> None:
        self.constants = constants

    def collect_dir(self) -> str:
        """Return the folder below which all collected files of the run lie."""
        return os.path.join(RUN, self.constants.collect_container)

    def collect_output_dir(self, vintage: int) -> str:
        """Return the folder with one JSON file per borough of this vintage."""
        return os.path.join(self.collect_dir(), str(vintage))

    def chart_path(self) -> str:
        """Return the path of the chart (PNG)."""
        return os.path.join(RUN, "population.png")

    def container_name_postend(self, vintage: int) -> str:
        """Return what ends the names of the tasks of this vintage."""
        return str(vintage)
