"""The conversation, with a person who answers from a list."""

from collections.abc import Mapping

import pytest
from laboratory import correct, gather

from hera_experiment.context.arguments import Argument
from hera_experiment.errors import UserError
from hera_experiment.sign_in.dialogue import Choice, choose_preset
from hera_experiment.sign_in.presets import PRESETS, Preset

BY_NAME = {preset.name: preset for preset in PRESETS}


class Person:
    def __init__(self, *answers: str, interactive: bool = True) -> None:
        self.answers = list(answers)
        self.is_interactive = interactive
        self.heard: list[str] = []
        self.hidden: list[str] = []

    def say(self, line: str = "") -> None:
        self.heard.append(line)

    def ask(self, prompt: str) -> str:
        self.heard.append(prompt)
        return self.answers.pop(0)

    def ask_hidden(self, prompt: str) -> str:
        self.hidden.append(prompt)
        return self.answers.pop(0)

    def ask_block(self, prompt: str) -> str:
        self.hidden.append(prompt)
        return self.answers.pop(0)


def nothing(key: str) -> str:
    return ""


@pytest.mark.parametrize(
    ("answers", "name"),
    [(["1"], "kubeconfig"), (["9", "x", "4"], "port-forward"), (["token"], "token")],
)
def test_a_preset_by_number_or_name(answers: list[str], name: str) -> None:
    assert choose_preset("", Person(*answers)).name == name


def test_every_preset_says_where_each_value_is_found() -> None:
    person = Person("/k", "a:1", "ns", "sa")
    values = gather(BY_NAME["kubeconfig"], {}, nothing, person)
    assert values == {
        "KUBECONFIG": "/k",
        "ARGO_SERVER": "a:1",
        "ARGO_NAMESPACE": "ns",
        "ARGO_SERVICE_ACCOUNT": "sa",
    }
    assert sum("administrator" in line for line in person.heard) == 4


def test_enter_keeps_the_present_value_and_shows_no_secret() -> None:
    person = Person("a:1", "", "n", "")
    present = {"ARGO_TOKEN": "secret"}
    values = gather(BY_NAME["token"], {}, lambda key: present.get(key, ""), person)
    assert values["ARGO_TOKEN"] == "secret"
    assert "secret" not in "".join(person.heard + person.hidden)
    assert len(person.hidden) == 1


def test_what_is_needed_is_asked_again_and_what_is_optional_is_not() -> None:
    person = Person("", "a:1", "t", "n", "")
    values = gather(BY_NAME["token"], {}, nothing, person)
    assert values["ARGO_SERVER"] == "a:1"
    assert "REQUESTS_CA_BUNDLE" not in values
    assert "ARGO_SERVER is needed" in person.heard


def test_a_block_is_asked_for_hidden_and_completed_by_questions() -> None:
    person = Person("ARGO_SERVER=a:1\nARGO_TOKEN='Bearer t'\n", "ns")
    values = gather(BY_NAME["argo-ui"], {}, nothing, person)
    assert values == {
        "ARGO_SERVER": "a:1",
        "ARGO_TOKEN": "Bearer t",
        "ARGO_NAMESPACE": "ns",
    }
    assert "read: ARGO_SERVER, ARGO_TOKEN" in person.heard


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_without_a_person_what_is_missing_is_named(preset: Preset) -> None:
    with pytest.raises(UserError, match="is missing"):
        gather(preset, {}, nothing, Person(interactive=False))


@pytest.mark.parametrize(
    ("answers", "choice", "server"),
    [
        (["ARGO_SERVER=b:2"], Choice.AGAIN, "b:2"),
        (["argo-server = 'b:2'"], Choice.AGAIN, "b:2"),
        (["nonsense", "NAME=x", "write"], Choice.WRITE, "a:1"),
        ([""], Choice.LEAVE, "a:1"),
    ],
)
def test_a_correction(answers: list[str], choice: Choice, server: str) -> None:
    chosen, values = correct({"ARGO_SERVER": "a:1"}, Person(*answers))
    assert (chosen, values["ARGO_SERVER"]) == (choice, server)


def test_a_secret_is_corrected_hidden() -> None:
    person = Person("ARGO_TOKEN", "new")
    _, values = correct({"ARGO_TOKEN": "old"}, person)
    assert values == {"ARGO_TOKEN": "new"}
    assert person.hidden == ["ARGO_TOKEN (not shown): "]


def test_what_cannot_work_is_asked_again_at_once() -> None:
    def check(argument: Argument, value: str, others: Mapping[str, str]) -> str:
        seen.append((argument.name, dict(others)))
        if value == "bad":
            raise UserError("this is bad")
        return "this may be wrong" if value.startswith("odd") else ""

    seen: list[tuple[str, dict[str, str]]] = []
    kept: list[dict[str, str]] = []
    person = Person("bad", "a:1", "bad", "t", "odd", "odd2", "", "")
    values = gather(
        BY_NAME["token"],
        {},
        nothing,
        person,
        check=check,
        keep=lambda values: kept.append(dict(values)),
    )
    assert values == {"ARGO_SERVER": "a:1", "ARGO_TOKEN": "t", "ARGO_NAMESPACE": "odd2"}
    assert person.heard.count("× this is bad") == 2
    assert sum("this may be wrong" in line for line in person.heard) == 2
    assert [len(each) for each in kept] == [1, 2, 3, 4]
    assert seen[-1] == ("argo_namespace", {"ARGO_SERVER": "a:1", "ARGO_TOKEN": "t"})


def test_a_kept_value_that_cannot_work_is_not_offered_for_ever() -> None:
    def check(argument: Argument, value: str, others: Mapping[str, str]) -> str:
        if value == "bad":
            raise UserError("this is bad")
        return ""

    person = Person("", "a:1", "t", "n", "")
    values = gather(
        BY_NAME["token"],
        {},
        lambda key: "bad" if key == "ARGO_SERVER" else "",
        person,
        check=check,
    )
    assert values["ARGO_SERVER"] == "a:1" and "ARGO_SERVER: " in person.heard


def test_a_correction_that_cannot_work_is_said_at_once() -> None:
    def check(argument: Argument, value: str, others: Mapping[str, str]) -> str:
        raise UserError("this is bad")

    person = Person("ARGO_SERVER=a b", "write")
    choice, values = correct({"ARGO_SERVER": "a:1"}, person, check=check)
    assert choice is Choice.WRITE and values == {"ARGO_SERVER": "a:1"}
    assert "× ARGO_SERVER: this is bad" in person.heard
