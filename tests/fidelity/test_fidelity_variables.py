"""Every variable of Argo's catalogue at every place: whether the validator lets it pass."""

from __future__ import annotations

import pytest
from both_sides import NAMESPACE, Argo, Json
from fidelity_variables import PLACES, VARIABLES, Variable, passes, using

from hera_experiment.local.engine.validation import checked
from hera_experiment.local.errors import InvalidWorkflow

EVERY = [(variable, place) for variable in VARIABLES for place in PLACES]


def manifest(variable: Variable, place: str) -> Json:
    workflow = using(variable, place)
    workflow["metadata"]["namespace"] = NAMESPACE
    return workflow


def words(variable: Variable, place: str) -> str:
    """Return what the local validator says, which is nothing for what passes."""
    try:
        checked(manifest(variable, place))
    except InvalidWorkflow as error:
        return error.message
    return ""


def test_the_catalogue_is_whole() -> None:
    assert len(VARIABLES) == len({each.key for each in VARIABLES}) == 83


def test_variables_pass_where_the_catalogue_says() -> None:
    said = {(variable, place): words(variable, place) for variable, place in EVERY}
    wrong = {
        f"{variable.key} in {place}": each
        for (variable, place), each in said.items()
        if bool(each) == passes(variable, place)
    }
    assert wrong == {}


@pytest.mark.cluster
@pytest.mark.usefixtures("turn")
def test_variables_pass_where_argo_lets_them(argo: Argo) -> None:
    wrong = {}
    for variable, place in EVERY:
        body = {"workflow": manifest(variable, place), "createOptions": {"dryRun": ["All"]}}
        status, there = argo.request("POST", f"/workflows/{NAMESPACE}", body)
        if (status == 200) != passes(variable, place):
            wrong[f"{variable.key} in {place}"] = there.get("message", "passes")
        said = words(variable, place)
        if status != 200 and not said.startswith(there["message"]):
            wrong[f"{variable.key} in {place}, here"] = said
    assert wrong == {}
