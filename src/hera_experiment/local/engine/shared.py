"""What all workflows of an engine share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from hera_experiment.local.artifacts.repository import Repository
from hera_experiment.local.engine.locks import Locks
from hera_experiment.local.engine.memoization import Caches
from hera_experiment.local.engine.pool import Pool
from hera_experiment.local.store import Objects


@dataclass(frozen=True)
class Shared:
    """Their ``pool`` of pods, that of their HTTP ``requests``, what they keep, and the time.

    ``now`` is the time that is shown; what waits goes by ``monotonic``, which nobody sets back.
    """

    pool: Pool
    requests: Pool
    objects: Objects
    locks: Locks
    caches: Caches
    repository: Repository
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
