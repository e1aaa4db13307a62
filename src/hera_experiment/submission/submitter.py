"""Makes of a manifest a submission: a name, a label and a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from random import Random, SystemRandom
from typing import Any

from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.record.records import Records
from hera_experiment.record.run_record import RunRecord, State, timestamp
from hera_experiment.submission.create_attempts import SUBMISSION_LABEL, NameTaken
from hera_experiment.submission.names import chosen_name
from hera_experiment.submission.once import submit_once

_NAMES = 3
"""How many names are tried."""


@dataclass(frozen=True)
class Submitter:
    """Creates workflows on the server of ``client`` exactly once, each with its record.

    ``library`` is the name and version of this library; ``origin`` returns what a run is made of,
    given what its script told of its inputs.
    """

    client: ArgoClient
    records: Records
    cluster: str
    script: str = ""
    inputs: str = ""
    session: str = ""
    library: str = ""
    origin: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda inputs: {}
    random: Random = field(default_factory=SystemRandom)
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
    once: Callable[[RunRecord, ArgoClient, Records], dict[str, Any]] = submit_once

    def __call__(
        self, namespace: str, manifest: dict[str, Any], inputs: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Create the workflow of ``manifest``; raises as :func:`submit_once` does."""
        origin = dict(self.origin(inputs or {}))
        for left in reversed(range(_NAMES)):
            record = replace(self.record(namespace, manifest), origin=origin)
            try:
                return self.once(record, self.client, self.records)
            except NameTaken:
                # Five letters are few for those who have many runs: the next five, then.
                if not left or record.name == _metadata(manifest).get("name"):
                    raise
                self.records.remove(record.name, record.submission)
        raise AssertionError("unreachable")

    def forget_before(self, workflow: Mapping[str, Any]) -> None:
        """Remove what was written down when the run that ``workflow`` goes on with was submitted.

        A run has one record, which says what it runs now.
        """
        metadata = workflow["metadata"]
        current = (metadata.get("labels") or {}).get(SUBMISSION_LABEL)
        for record in self.records.all():
            if record.name == metadata["name"] and record.submission != current:
                self.records.remove(record.name, record.submission)

    def record(self, namespace: str, manifest: Mapping[str, Any]) -> RunRecord:
        """Return the record of a new submission of ``manifest``."""
        metadata = _metadata(manifest)
        name = metadata.get("name") or chosen_name(metadata.get("generateName") or "", self.random)
        submission = f"{self.random.getrandbits(64):016x}"
        labels = {**(metadata.get("labels") or {}), SUBMISSION_LABEL: submission}
        moment = timestamp(self.now())
        return RunRecord(
            name=name,
            namespace=namespace,
            cluster=self.cluster,
            server=self.client.url,
            submission=submission,
            state=State.UNSURE,
            created=moment,
            manifest={**manifest, "metadata": {**metadata, "name": name, "labels": labels}},
            script=self.script,
            inputs=self.inputs,
            session=self.session,
            sent=moment,
            library=self.library,
        )


def _metadata(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return dict(manifest.get("metadata") or {})
