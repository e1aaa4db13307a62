"""With the answers as they were recorded, every check is well."""

from __future__ import annotations

import pytest
from recorded_cluster import RecordedCluster

from hera_experiment.check.catalogue import CATALOGUE


@pytest.mark.parametrize("code", [each.code for each in CATALOGUE])
def test_a_healthy_cluster(recorded: RecordedCluster, code: str) -> None:
    if code == "TAINTS":
        assert recorded.unknown(code) == "you may not read the nodes"
    else:
        recorded.ok(code)
