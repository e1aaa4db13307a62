"""What each answer means, in whatever order they come."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from hera_experiment.errors import UserError
from hera_experiment.platform.argo_answers import ArgoRefusal
from hera_experiment.platform.http_session import Unreachable
from hera_experiment.record.records import Files, RecordInUse, RecordNotWritten, Records
from hera_experiment.record.run_record import RunRecord, State
from hera_experiment.submission.create_attempts import NameTaken, Unsure
from hera_experiment.submission.once import SUBMISSION_LABEL, resume, submit_once

MANIFEST = {
    "metadata": {"name": "w-abcde", "generateName": "w-", "labels": {SUBMISSION_LABEL: "5ab"}},
    "spec": {},
}
RECORD = RunRecord(
    name="w-abcde",
    namespace="n",
    cluster="",
    server="https://argo/",
    submission="5ab",
    state=State.UNSURE,
    created="2026-11-20T10:00:00Z",
    manifest=MANIFEST,
    sent="2026-11-20T10:00:00Z",
)
OURS = {"metadata": {**MANIFEST["metadata"], "uid": "u-1"}}
THEIRS = {"metadata": {"name": "w-abcde", "labels": {SUBMISSION_LABEL: "another"}}}
START = datetime(2026, 11, 20, 10, tzinfo=timezone.utc)


def refusal(status, message="no", retry_after=0.0):
    return ArgoRefusal(
        f"Argo's server says: {message}", status=status, message=message, retry_after=retry_after
    )


def unreachable(*, sent=True):
    error = Unreachable("https://argo closed the connection without an answer")
    error.sent = sent
    return error


GONE = refusal(404, 'workflows.argoproj.io "w-abcde" not found')
EXISTS = refusal(409, 'workflows.argoproj.io "w-abcde" already exists')
LOST, NEVER_SENT = unreachable(), unreachable(sent=False)
BUSY = refusal(503)


class Client:
    """Answers as it is told, the last answer for ever, and looks at the record meanwhile."""

    url, where = "https://argo/", "the test"

    def __init__(self, records, create=(), get=(GONE,), archived=((),)):
        self.answers = {"create": list(create), "get": list(get), "archived": list(archived)}
        self.asked = []
        self.states = []
        self._records = records

    def create_workflow(self, namespace, manifest):
        assert (namespace, manifest) == ("n", MANIFEST)
        return self._answer("create")

    def get_workflow(self, namespace, name):
        assert (namespace, name) == ("n", "w-abcde")
        return self._answer("get")

    def archived_workflows(self, namespace, labels):
        assert (namespace, labels) == ("n", f"{SUBMISSION_LABEL}=5ab")
        return self._answer("archived")

    def _answer(self, what):
        self.asked.append(what)
        known = self._records.find("5ab")
        self.states.append(known.state if known else None)
        left = self.answers[what]
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Time:
    def __init__(self, now=START):
        self.now = now
        self.pauses = []
        self.said = []

    def pause(self, seconds):
        self.pauses.append(seconds)

    @property
    def given(self):
        return {
            "pause": self.pause,
            "clock": lambda: sum(self.pauses),
            "now": lambda: self.now,
            "say": self.said.append,
        }


@pytest.fixture
def records(tmp_path):
    return Records(tmp_path)


def submit(records, **answers):
    client, time = Client(records, **answers), Time()
    return client, time, lambda: submit_once(RECORD, client, records, **time.given)


def state(records):
    (record,) = records.all()
    return record.state


def test_the_record_is_there_before_the_request(records):
    client, time, go = submit(records, create=[OURS])
    assert go() == OURS
    assert client.states == [State.UNSURE]
    assert records.all() == [replace(RECORD, state=State.CREATED, uid="u-1")]
    assert (time.pauses, time.said) == ([], [])


@pytest.mark.parametrize("trouble", [LOST, NEVER_SENT, BUSY, refusal(500), refusal(429)])
def test_a_lost_answer_is_asked_for_again(records, trouble):
    client, time, go = submit(records, create=[trouble, trouble, OURS])
    assert go() == OURS
    assert client.asked == ["create"] * 3
    assert time.pauses == [0.5, 1.0]
    (sentence,) = time.said
    assert sentence == f"{trouble.what}; asking again for up to 60 s"
    assert state(records) is State.CREATED


def test_our_own_workflow_is_found_by_name_and_label(records):
    client, _, go = submit(records, create=[LOST, EXISTS], get=[OURS])
    assert go() == OURS
    assert client.asked == ["create", "create", "get"]
    assert state(records) is State.CREATED


def test_an_answer_about_another_workflow_is_none(records):
    _, _, go = submit(records, create=[THEIRS, EXISTS], get=[OURS])
    assert go() == OURS


@pytest.mark.parametrize("before", [[], [LOST]])
def test_another_workflow_of_that_name_is_a_clear_refusal(records, before):
    _, _, go = submit(records, create=[*before, EXISTS], get=[THEIRS])
    with pytest.raises(NameTaken) as raised:
        go()
    assert str(raised.value) == (
        "there is another workflow called w-abcde in n: give generate_name= in place of name=, "
        "or delete that one"
    )
    (record,) = records.all()
    assert record.state is State.REFUSED
    assert record.reason == "there is another workflow called w-abcde in n"


def test_a_conflict_of_a_quota_passes(records):
    conflict = refusal(409, "Operation cannot be fulfilled on resourcequotas")
    client, _, go = submit(records, create=[conflict, OURS])
    assert go() == OURS
    assert client.asked == ["create", "get", "create"]


def test_what_was_there_and_is_gone_is_not_created_again(records):
    client, _, go = submit(records, create=[LOST, EXISTS])
    with pytest.raises(Unsure, match="a workflow of that name was there and is gone"):
        go()
    assert client.asked == ["create", "create", "get"]
    assert state(records) is State.UNSURE


def test_whether_a_conflict_is_ours_may_stay_unknown(records):
    _, _, go = submit(records, create=[EXISTS], get=[LOST])
    with pytest.raises(Unsure):
        go()
    assert state(records) is State.UNSURE


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 501, 302, 200])
def test_a_first_refusal_is_final(records, status):
    client, _, go = submit(records, create=[refusal(status)])
    with pytest.raises(ArgoRefusal, match="Argo's server says: no"):
        go()
    assert client.asked == ["create"]
    (record,) = records.all()
    assert (record.state, record.reason) == (State.REFUSED, "Argo's server says: no")


@pytest.mark.parametrize("trouble", [LOST, BUSY, refusal(500), refusal(429)])
def test_a_refusal_after_a_lost_answer_proves_nothing(records, trouble):
    client, _, go = submit(records, create=[trouble, refusal(403)])
    with pytest.raises(Unsure) as raised:
        go()
    assert str(raised.value) == (
        "whether w-abcde was created is not known: Argo's server says: no: "
        "'make submit RESUME=1' finds out"
    )
    assert client.asked == ["create", "create", "get"]
    assert state(records) is State.UNSURE


def test_a_refusal_after_a_lost_answer_is_no_end_when_the_workflow_is_there(records):
    _, _, go = submit(records, create=[LOST, refusal(403)], get=[OURS])
    assert go() == OURS
    assert state(records) is State.CREATED


def test_nor_when_the_server_cannot_be_asked(records):
    _, _, go = submit(records, create=[LOST, refusal(400)], get=[refusal(401)])
    with pytest.raises(Unsure):
        go()
    assert state(records) is State.UNSURE


def test_a_wrong_manifest_was_wrong_the_first_time_too(records):
    _, _, go = submit(records, create=[LOST, refusal(400)])
    with pytest.raises(ArgoRefusal):
        go()
    assert state(records) is State.REFUSED


def test_a_refusal_after_a_connection_that_never_was(records):
    _, _, go = submit(records, create=[NEVER_SENT, refusal(403)])
    with pytest.raises(ArgoRefusal):
        go()
    assert state(records) is State.REFUSED


def test_patience_ends(records):
    client, time, go = submit(records, create=[LOST])
    with pytest.raises(Unsure):
        go()
    assert sum(time.pauses) <= 60
    assert time.pauses[:6] == [0.5, 1, 2, 4, 8, 8]
    assert client.asked[-1] == "get"
    assert state(records) is State.UNSURE


def test_the_end_of_patience_looks_once_more(records):
    _, _, go = submit(records, create=[LOST], get=[OURS])
    assert go() == OURS


def test_where_nothing_was_ever_sent_nothing_is_there(records):
    client, _, go = submit(records, create=[NEVER_SENT])
    with pytest.raises(Unreachable):
        go()
    assert "get" not in client.asked
    assert state(records) is State.REFUSED


@pytest.mark.parametrize(("before", "end"), [([], State.REFUSED), ([LOST], State.UNSURE)])
def test_a_local_server_that_has_ended_is_not_waited_for(records, before, end):
    client, time = Client(records, create=[*before, NEVER_SENT], get=[NEVER_SENT]), Time()
    with pytest.raises(UserError):
        submit_once(replace(RECORD, cluster="local"), client, records, **time.given)
    assert time.pauses == [0.5] * len(before)
    assert state(records) is end


def test_the_server_says_when_to_come_back(records):
    _, time, go = submit(records, create=[refusal(429, retry_after=20.0), BUSY, OURS])
    assert go() == OURS
    assert time.pauses == [20.0, 1.0]


def test_a_server_that_wants_to_be_left_alone_for_long_is(records):
    _, time, go = submit(records, create=[refusal(503, retry_after=600.0)])
    with pytest.raises(Unsure):
        go()
    assert time.pauses == []


def test_an_interrupt_leaves_the_record_as_it_is(records):
    _, _, go = submit(records, create=[KeyboardInterrupt()])
    with pytest.raises(KeyboardInterrupt):
        go()
    assert state(records) is State.UNSURE


class FullAfter(Files):
    def __init__(self, writes):
        self.left = writes

    def open_draft(self, path):
        self.left -= 1
        if self.left < 0:
            raise OSError(28, "No space left on device")
        return super().open_draft(path)


def test_what_cannot_be_recorded_is_not_sent(tmp_path):
    records = Records(tmp_path, FullAfter(0))
    client, _, go = submit(records, create=[OURS])
    with pytest.raises(RecordNotWritten):
        go()
    assert client.asked == []
    assert Records(tmp_path).all() == []


def test_a_disk_that_fills_up_meanwhile_leaves_unsure_and_is_told(tmp_path):
    records = Records(tmp_path, FullAfter(1))
    _, time, go = submit(records, create=[OURS])
    assert go() == OURS
    assert state(records) is State.UNSURE
    (sentence,) = time.said
    assert sentence.startswith("w-abcde was created, which could not be written down: the record")
    assert sentence.endswith("then 'make submit RESUME=1' does it")


def unsure(records, *, after=timedelta(seconds=30), known=RECORD, **answers):
    records.write(known)
    client, time = Client(records, **answers), Time(START + after)
    return client, lambda: resume(RECORD, client, records, **time.given)


def test_resuming_finds_what_is_there(records):
    client, go = unsure(records, get=[OURS], after=timedelta(days=30))
    assert go() == OURS
    assert client.asked == ["get"]
    assert state(records) is State.CREATED


def test_resuming_sends_the_same_again(records):
    client, go = unsure(records, create=[OURS])
    assert go() == OURS
    assert client.asked == ["get", "archived", "create"]
    (record,) = records.all()
    assert (record.state, record.sent) == (State.CREATED, "2026-11-20T10:00:30Z")
    assert record.created == RECORD.created


def test_submitting_what_is_recorded_resumes(records):
    records.write(RECORD)
    client, _, go = submit(records, get=[OURS])
    assert go() == OURS
    assert client.asked == ["get"]


def test_resuming_looks_into_the_archive(records):
    client, go = unsure(records, archived=[[OURS]], after=timedelta(days=30))
    assert go() == OURS
    assert client.asked == ["get", "archived"]
    assert state(records) is State.CREATED


def test_resuming_without_an_archive(records):
    _, go = unsure(records, archived=[refusal(501)], create=[OURS])
    assert go() == OURS


def test_resuming_while_nothing_answers(records):
    client, go = unsure(records, get=[LOST])
    with pytest.raises(Unsure):
        go()
    assert client.asked == ["get"]
    assert state(records) is State.UNSURE


TTL = {**MANIFEST, "spec": {"ttlStrategy": {"secondsAfterSuccess": 60, "secondsAfterFailure": 90}}}


@pytest.mark.parametrize(
    ("manifest", "after"),
    [(MANIFEST, timedelta(hours=25)), (TTL, timedelta(seconds=61))],
)
def test_what_may_have_come_and_gone_is_not_sent_again(records, manifest, after):
    known = replace(RECORD, manifest=manifest)
    client, go = unsure(records, known=known, after=after)
    with pytest.raises(UserError, match="may have run and been deleted since 2026-11-20T10:00:00Z"):
        go()
    assert "create" not in client.asked
    assert state(records) is State.UNSURE


def test_a_refusal_is_final_once_no_lost_request_can_arrive(records):
    _, go = unsure(records, create=[refusal(403)], after=timedelta(minutes=6))
    with pytest.raises(ArgoRefusal):
        go()
    assert state(records) is State.REFUSED


def test_until_then_it_is_not(records):
    _, go = unsure(records, create=[refusal(403)], after=timedelta(minutes=4))
    with pytest.raises(Unsure):
        go()
    assert state(records) is State.UNSURE


def test_the_time_counts_from_the_latest_request(records):
    known = replace(RECORD, sent="2026-11-20T10:04:00Z")
    _, go = unsure(records, known=known, create=[refusal(403)], after=timedelta(minutes=6))
    with pytest.raises(Unsure):
        go()


def test_resuming_what_is_known(records):
    client, go = unsure(records, known=replace(RECORD, state=State.CREATED, uid="u-1"), get=[OURS])
    assert go() == OURS
    client, go = unsure(records, known=replace(RECORD, state=State.CREATED, uid="u-1"))
    with pytest.raises(UserError, match="w-abcde was created, and was deleted since"):
        go()
    client, go = unsure(records, known=replace(RECORD, state=State.REFUSED, reason="no right"))
    with pytest.raises(UserError, match="w-abcde was not created: no right"):
        go()
    assert client.asked == []


def test_resuming_what_was_forgotten(records):
    with pytest.raises(UserError, match="the record of w-abcde was removed"):
        resume(RECORD, Client(records), records, **Time().given)


def test_no_other_server_is_asked(records):
    client, go = unsure(records, known=replace(RECORD, server="https://elsewhere/"))
    with pytest.raises(UserError, match="was submitted to https://elsewhere/, not to"):
        go()
    assert client.asked == []


def test_the_local_server_has_another_address_each_time(records):
    known = replace(RECORD, cluster="local", server="http://127.0.0.1:1/")
    _, go = unsure(records, known=known, get=[OURS])
    assert go() == OURS


def test_two_do_not_resume_at_once(records):
    client, go = unsure(records, get=[OURS])
    with records.held(RECORD), pytest.raises(RecordInUse):
        go()
    assert client.asked == []
