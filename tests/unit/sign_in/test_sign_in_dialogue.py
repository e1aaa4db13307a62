"""The conversation, with a person who answers from a list."""

import pytest
from laboratory import correct, gather

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
