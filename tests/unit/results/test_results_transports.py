from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hera_experiment.errors import UserError
from hera_experiment.platform.argo_answers import ArgoRefusal
from hera_experiment.results.claim_files import transport_of
from hera_experiment.results.data_files import data_files
from hera_experiment.results.transport import TransferRequest

WORKFLOW: dict[str, Any] = {
    "metadata": {"name": "run-abcde"},
    "spec": {
        "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "results"}}],
        "templates": [{"name": "a", "container": {"image": "a"}}],
    },
}


class Refusing:
    """An Argo server that lets nobody look."""

    def list_workflows(self, *args: Any, **options: Any) -> list[Any]:
        raise ArgoRefusal("you may not list workflows", status=403)


def request(
    said: list[str], *, state: Path = Path("unused"), local: bool = False
) -> TransferRequest:
    experiment = SimpleNamespace(state=state)
    context = SimpleNamespace(experiment=experiment, argo_service_account="", argo_token="")
    server: Any = SimpleNamespace(
        cluster=None, client=Refusing(), namespace="space", context=context, is_local=local
    )
    return TransferRequest(server, WORKFLOW, said.append)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "program").write_text("1")
    (folder / "deep" / "program").chmod(0o755)
    return folder


def test_where_no_way_is_open_both_reasons_are_said(tmp_path: Path, data: Path) -> None:
    said: list[str] = []
    transport = transport_of(request(said))
    for action in (
        lambda: transport.download(tmp_path / "out"),
        lambda: transport.upload("results", data_files(data)),
    ):
        said.clear()
        with pytest.raises(UserError) as caught:
            action()
        for fact in ("by a pod, since there is no kubeconfig", "you may not list workflows"):
            assert fact in str(caught.value)
        assert "there is no kubeconfig" in said[0]
        assert "kubectl apply -f -" in said[1] and "pods/exec" in said[2]
    assert not (tmp_path / "out").exists()


def test_on_the_laptop_data_is_copied_when_it_differs(tmp_path: Path, data: Path) -> None:
    said: list[str] = []
    transport = transport_of(request(said, state=tmp_path, local=True))
    there = tmp_path / "claims" / "results" / "data" / "deep" / "program"
    for content in ("1", "1", "2"):
        (data / "deep" / "program").write_text(content)
        transport.upload("results", data_files(data))
        assert there.read_text() == content and there.stat().st_mode & 0o100
    assert said == [
        "1 file of data/ to copy to the claim 'results', 1 B",
        "data/ on the claim 'results' is up to date",
        "1 file of data/ to copy to the claim 'results', 1 B",
    ]
    assert [each.name for each in there.parent.iterdir()] == ["program"]
