"""What is written down about one submission."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from enum import Enum
from typing import Any


class State(Enum):
    """What is known of the workflow."""

    UNSURE = "unsure"
    """The request may have gone out: whether the workflow exists is not known."""
    CREATED = "created"
    """The server had it; it may have been deleted since."""
    REFUSED = "refused"
    """It was not created and will not be: the server said no, or nothing reached it."""


@dataclass(frozen=True)
class RunRecord:
    """One submission of one workflow.

    Parameters
    ----------
    name, namespace:
        The workflow's, both chosen before the request goes out.
    cluster:
        ``local``, the profile's name, or empty for a cluster of the settings.
    server:
        The URL of Argo's server.
    submission:
        Random; the workflow carries it as a label, which tells it from another of the same name.
    state:
        What is known.
    created, sent:
        When the record was first written, and when the latest series of requests began (RFC 3339,
        UTC, whole seconds).
    manifest:
        What is sent, complete. Whatever a script puts into its workflow stands in it.
    script, inputs, session:
        As a person knows them, and the run of a verb that the submission belongs to; may be empty.
    uid:
        Of the created workflow.
    reason:
        Why it was refused, or what else there is to say.
    library:
        The library's name, version and commit, which submitted it.
    runtime:
        How this machine runs its containers; empty where a cluster does.
    origin:
        What it was made of, see :class:`~hera_experiment.record.origin.Origin`; empty where an
        older version submitted it.
    note:
        What a person has noted of it since.
    """

    name: str
    namespace: str
    cluster: str
    server: str
    submission: str
    state: State
    created: str
    manifest: dict[str, Any]
    script: str = ""
    inputs: str = ""
    session: str = ""
    uid: str = ""
    reason: str = ""
    sent: str = ""
    library: str = ""
    runtime: str = ""
    origin: dict[str, Any] = field(default_factory=dict)
    note: str = ""

    def as_json(self) -> bytes:
        """Return the document that is kept."""
        document = {**asdict(self), "state": self.state.value}
        return json.dumps(document, indent=1).encode("ascii")

    @classmethod
    def from_json(cls, data: bytes) -> RunRecord:
        """Read a document; raises ``ValueError`` when it is none of ours."""
        document = json.loads(data)
        if not isinstance(document, Mapping):
            raise ValueError("no object")
        names = {each.name for each in fields(cls)}
        known = {name: value for name, value in document.items() if name in names}
        known["state"] = State(known.get("state"))
        try:
            record = cls(**known)
        except TypeError as error:  # a field is missing
            raise ValueError(str(error)) from None
        texts = {**vars(record), "state": "", "manifest": "", "origin": ""}
        objects = (record.manifest, record.origin)
        if not all(isinstance(each, dict) for each in objects) or not all(
            isinstance(text, str) for text in texts.values()
        ):
            raise ValueError("a value of the wrong kind")
        return record


def given_name(manifest: Mapping[str, Any]) -> str:
    """Return what a script called its workflow: what its name begins with, or the name."""
    metadata = manifest.get("metadata") or {}
    return str(metadata.get("generateName") or metadata.get("name") or "")


def counterpart(
    record: RunRecord, beside: Sequence[RunRecord], made: Sequence[RunRecord]
) -> RunRecord | None:
    """Return what of ``made`` is what ``record`` was of the workflows ``beside`` it.

    Both are the workflows of one run of a script, in their order. It has the same name, and where
    several have it the same place among those; else it is the first, None of nothing.
    """
    name = given_name(record.manifest)
    alike, like = (
        [each for each in records if given_name(each.manifest) == name]
        for records in (beside, made)
    )
    before = [each.submission for each in alike]
    place = before.index(record.submission) if record.submission in before else 0
    return like[min(place, len(like) - 1)] if like else next(iter(made), None)


def timestamp(moment: datetime) -> str:
    """Return ``moment`` as records and Argo write it: RFC 3339, UTC, whole seconds."""
    return f"{moment.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
