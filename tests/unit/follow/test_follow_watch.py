from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest
from follow_workflows import workflow

from hera_experiment.errors import UserError
from hera_experiment.follow.watch import Follower
from hera_experiment.platform.argo_answers import ArgoRefusal

Script = list[tuple[str, dict[str, Any]] | Exception]


class Server:
    """Plays one script per stream; an error in it breaks the stream there."""

    def __init__(self, streams: list[Script], lists: list[Any] | None = None) -> None:
        self.streams = streams
        self.lists = lists or []
        self.asked: list[dict[str, str]] = []

    def watch_workflows(
        self, namespace: str, *, labels: str = "", fields: str = ""
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        self.asked.append({"namespace": namespace, "labels": labels, "fields": fields})
        for step in self.streams.pop(0) if self.streams else [OSError("refused")]:
            if isinstance(step, Exception):
                raise step
            yield step

    def get_workflow(self, namespace: str, name: str) -> dict[str, Any]:
        found = [each for each in self._answer() if each["metadata"]["name"] == name]
        if not found:
            message = f'workflows.argoproj.io "{name}" not found'
            raise ArgoRefusal(message, status=404, message=message)
        return found[0]

    def list_workflows(self, namespace: str, *, labels: str = "") -> list[dict[str, Any]]:
        return self._answer()

    def _answer(self) -> list[dict[str, Any]]:
        answer = self.lists.pop(0) if self.lists else OSError("refused")
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    def workflow_logs(self, *args: Any, **options: Any) -> Iterator[str]:
        raise AssertionError("following reads no logs")


class Time:
    """A clock that runs only while someone pauses."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def follower(server: Server, time: Time, **options: Any) -> Follower:
    pause: Callable[[float], None] = time.pause
    return Follower(server, "local", pause=pause, clock=time, **options)


def test_one_workflow_is_followed_to_its_end(time: Time) -> None:
    server = Server(
        [
            [
                ("ADDED", workflow(phase="Pending")),
                ("MODIFIED", workflow(phase="Succeeded")),  # the phase comes before the end
                ("MODIFIED", workflow(phase="Succeeded", end=5)),
                ("MODIFIED", workflow(phase="Succeeded", end=5)),
            ]
        ]
    )
    states = list(follower(server, time, name="wf").until_finished())
    assert len(states) == 3
    assert server.asked == [{"namespace": "local", "labels": "", "fields": "metadata.name=wf"}]
    assert time.pauses == []


def test_a_dropped_stream_is_opened_again_and_what_was_missed_is_listed(time: Time) -> None:
    a, b = workflow(name="a"), workflow(name="b")
    server = Server(
        [
            [("ADDED", a), ("ADDED", b), OSError("connection reset")],
            [("ADDED", workflow(name="c"))],
        ],
        [[workflow(name="a", phase="Failed", end=2), workflow(name="c")]],
    )
    seen = list(islice(follower(server, time, labels="x=y").events(), 6))
    assert [(each.workflow["metadata"]["name"], each.deleted) for each in seen] == [
        ("a", False),
        ("b", False),
        ("b", True),
        ("a", False),
        ("c", False),
        ("c", False),
    ]
    assert seen[3].workflow["status"]["phase"] == "Failed"
    assert time.pauses == [0.1]


def test_a_stream_that_ends_cleanly_is_not_hammered(time: Time) -> None:
    quiet: Script = []
    server = Server([quiet] * 9, [[] for _ in range(8)])
    states = follower(server, time, patience=20.0).events()
    with pytest.raises(UserError):
        next(states)
    assert time.pauses[:8] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_a_server_that_stays_away_is_given_up(time: Time) -> None:
    server = Server([[("ADDED", workflow())]])
    states = follower(server, time, patience=30.0).events()
    next(states)
    with pytest.raises(UserError) as caught:
        next(states)
    assert "has not answered for 30 seconds: refused" in str(caught.value)
    assert 30 < time.now < 40


def test_a_refusal_is_not_repeated(time: Time) -> None:
    class Refusing(Server):
        def watch_workflows(self, *args: Any, **options: Any) -> Iterator[Any]:
            raise UserError("the token is not valid")

    with pytest.raises(UserError, match="token"):
        next(follower(Refusing([]), time).events())
    assert time.pauses == []


def test_a_deleted_workflow_ends_the_following_of_one(time: Time) -> None:
    server = Server([[("ADDED", workflow()), ("DELETED", workflow())]])
    assert list(follower(server, time, name="wf").until_finished())[-1].deleted


def test_hours_of_silence_are_no_failure(time: Time) -> None:
    class Quiet(Server):
        def watch_workflows(self, *args: Any, **options: Any) -> Iterator[Any]:
            yield from super().watch_workflows(*args, **options)
            time.now += 7200.0
            raise OSError("cut by a proxy")

    server = Quiet([[("ADDED", workflow())]], [[workflow(phase="Succeeded", end=5)]])
    states = list(follower(server, time, name="wf", patience=30.0).until_finished())
    assert len(states) == 2


def refusal(status: int, message: str = "") -> ArgoRefusal:
    return ArgoRefusal(f"no: {message}", status=status, message=message)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_fails_is_asked_again(time: Time, status: int) -> None:
    server = Server(
        [[refusal(status)], [("ADDED", workflow()), refusal(status)]],
        [refusal(status), [], refusal(status), [workflow(phase="Failed", end=9)]],
    )
    first, second = islice(follower(server, time, labels="x=y").events(), 2)
    assert first.workflow["metadata"]["name"] == "wf"
    assert second.workflow["status"]["phase"] == "Failed"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_who_was_let_in_is_patient_with_a_refusal(time: Time, status: int) -> None:
    # Argo's server refuses while it cannot reach Kubernetes; a proxy says 404 while it restarts.
    server = Server(
        [[("ADDED", workflow()), OSError("reset")]],
        [refusal(status), refusal(status), [workflow(phase="Succeeded", end=5)]],
    )
    states = list(follower(server, time, name="wf").until_finished())
    assert states[-1].workflow["status"]["phase"] == "Succeeded"

    forever = Server(
        [[("ADDED", workflow()), OSError("reset")]], [refusal(status) for _ in range(50)]
    )
    with pytest.raises(ArgoRefusal):
        list(follower(forever, time, name="wf", patience=600.0).until_finished())
    assert 20 < time.now < 60


def test_the_loss_of_the_connection_is_told_once_and_its_return(time: Time) -> None:
    told: list[str] = []
    server = Server(
        [[("ADDED", workflow()), OSError("reset")]],
        [*(OSError("refused") for _ in range(9)), [workflow(phase="Succeeded", end=5)]],
    )
    list(follower(server, time, name="wf", dropped=told.append).until_finished())
    assert told == ["refused", ""]


def test_a_workflow_deleted_while_nobody_listened_is_missed(time: Time) -> None:
    server = Server([[("ADDED", workflow()), OSError("reset")]], [[]])
    assert list(follower(server, time, name="wf").until_finished())[-1].deleted

    unseen = Server([[]], [[]])
    assert list(follower(unseen, time, name="wf").until_finished())[-1].deleted
