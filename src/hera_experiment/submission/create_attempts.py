"""The requests of one submission, repeated until it is known what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hera_experiment.argo.names import ANNOTATION_RUNTIME
from hera_experiment.context.profiles import LOCAL
from hera_experiment.errors import UserError
from hera_experiment.platform.argo_answers import ALREADY_EXISTS, NOT_FOUND, ArgoRefusal
from hera_experiment.platform.argo_client import ArgoClient
from hera_experiment.platform.http_session import Unreachable
from hera_experiment.record.records import RecordNotWritten, Records
from hera_experiment.record.run_record import RunRecord, State
from hera_experiment.waiting import Backoff

SUBMISSION_LABEL = "hera-experiment/submission"
"""On each workflow: the submission that created it."""
RESUME = "make submit RESUME=1"
"""What finds out about a submission that was cut off."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
_BAD_MANIFEST = (400, 422)
_UNIMPLEMENTED = 501
# Of the client errors, those that a gateway answers on its own and that pass.
_PASSING = (408, 425, 429)


class NameTaken(ArgoRefusal):
    """Another workflow has the name."""


class Unsure(UserError):
    """Whether the workflow was created is not known; its record says so."""


class CreateAttempts:
    """One series of requests for one submission."""

    def __init__(
        self,
        record: RunRecord,
        client: ArgoClient,
        records: Records,
        patience: float,
        pause: Callable[[float], None],
        clock: Callable[[], float],
        say: Callable[[str], None],
    ) -> None:
        self.record = record
        self.client = client
        self.records = records
        self._patience = patience
        self._pause = pause
        self._clock = clock
        self._say = say

    def send(self, *, uncertain: bool = False) -> dict[str, Any]:
        """Send until there is an answer; ``uncertain`` when an earlier request may yet arrive."""
        deadline = self._clock() + self._patience
        backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE, self._pause)
        while True:
            again = 0.0
            try:
                found = self.client.create_workflow(self.record.namespace, self.record.manifest)
                if self._is_ours(found):
                    return self.created(found)
                trouble: UserError = UserError("the answer is of another workflow")
                uncertain = True
            except Unreachable as error:
                trouble = error
                uncertain = uncertain or error.sent
                if self.record.cluster == LOCAL and not error.sent:
                    break  # that server has ended, and does not come back at this address
            except ArgoRefusal as error:
                if error.status == ALREADY_EXISTS:
                    taken = self._taken(error, uncertain)
                    if taken is not None:
                        return taken
                elif _is_final(error.status):
                    return self._decided(error, uncertain)
                else:
                    uncertain = True
                trouble, again = error, error.retry_after
            if self._clock() + max(again, backoff.next) > deadline:
                break
            if not backoff.count:
                self._say(f"{trouble.what}; asking again for up to {self._patience:.0f} s")
            backoff.pause(again)
        if not uncertain:
            raise self._refused(trouble)
        return self._found_or_unsure(trouble)

    def look(self) -> dict[str, Any] | None:
        """Return our workflow if it is there (or in the archive, which the server asks too)."""
        found = self._named()
        return found if found is not None and self._is_ours(found) else None

    def created(self, workflow: dict[str, Any]) -> dict[str, Any]:
        """Write down that ``workflow`` exists; return it."""
        metadata = workflow.get("metadata") or {}
        uid = str(metadata.get("uid") or "")
        runtime = str((metadata.get("annotations") or {}).get(ANNOTATION_RUNTIME) or "")
        known = replace(self.record, state=State.CREATED, uid=uid, reason="", runtime=runtime)
        self._settle(known)
        return workflow

    def unsure(self, error: UserError) -> Unsure:
        """Return what to say when it is not known."""
        name = self.record.name
        sentence = f"whether {name} was created is not known: {error.what}"
        return Unsure(sentence, error.where, f"'{RESUME}' finds out")

    def _taken(self, error: ArgoRefusal, uncertain: bool) -> dict[str, Any] | None:
        """Return our workflow when it has the name; None when the conflict may pass."""
        name = self.record.name
        try:
            found = self._named()
        except UserError as failure:
            raise self.unsure(failure) from None
        if found is None:
            # Argo answers 409 to other conflicts, too (a quota that others change).
            if "already exists" in error.message and uncertain:
                raise self.unsure(UserError("a workflow of that name was there and is gone"))
            return None
        if self._is_ours(found):
            return self.created(found)
        raise self._refused(
            NameTaken(
                f"there is another workflow called {name} in {self.record.namespace}",
                "",
                "give generate_name= in place of name=, or delete that one",
                status=ALREADY_EXISTS,
                message=f"another workflow is called {name}: give generate_name= in place of "
                "name=, or delete that one",
            )
        )

    def _decided(self, error: ArgoRefusal, uncertain: bool) -> dict[str, Any]:
        """Say no, unless an earlier request got through."""
        if not uncertain:
            raise self._refused(error)
        try:
            found = self.look()
        except UserError:
            raise self.unsure(error) from None
        if found is not None:
            return self.created(found)
        if error.status in _BAD_MANIFEST:  # to whichever request
            raise self._refused(error)
        raise self.unsure(error)

    def _found_or_unsure(self, trouble: UserError) -> dict[str, Any]:
        try:
            found = self.look()
        except UserError:
            found = None
        if found is None:
            raise self.unsure(trouble)
        return self.created(found)

    def _refused(self, error: UserError) -> UserError:
        self._settle(replace(self.record, state=State.REFUSED, reason=error.what))
        return error

    def _settle(self, record: RunRecord) -> None:
        if record == self.record:
            return
        self.record = record
        try:
            self.records.write(record)
        except RecordNotWritten as error:
            known = "was created" if record.state is State.CREATED else "was not created"
            self._say(
                f"{record.name} {known}, which could not be written down: {error}; "
                f"then '{RESUME}' does it"
            )

    def _named(self) -> dict[str, Any] | None:
        try:
            return self.client.get_workflow(self.record.namespace, self.record.name)
        except ArgoRefusal as error:
            # A page that says 404 is not from Argo.
            if error.status == NOT_FOUND and error.message:
                return None
            raise

    def _is_ours(self, workflow: dict[str, Any]) -> bool:
        metadata = workflow.get("metadata") or {}
        label = (metadata.get("labels") or {}).get(SUBMISSION_LABEL)
        return bool(metadata.get("name") == self.record.name and label == self.record.submission)


def _is_final(status: int) -> bool:
    """Say whether the same request would get the same answer, and changed nothing."""
    return status == _UNIMPLEMENTED or (status < 500 and status not in _PASSING)
