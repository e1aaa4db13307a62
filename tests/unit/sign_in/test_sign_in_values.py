"""What a person types or pastes becomes what a profile holds."""

from pathlib import Path

import pytest
from laboratory import from_block, normalized

from hera_experiment.errors import UserError

BLOCK = """export ARGO_SERVER='nebari.example.org:443'
export ARGO_HTTP1=true
export ARGO_TOKEN='Bearer v2:abc'
export ARGO_NAMESPACE=argo ;# or whatever your namespace is
export KUBECONFIG=/dev/null ;# recommended

# check it works:
argo list
"""


def test_a_block_with_a_command_in_it() -> None:
    assert from_block(BLOCK, "the text") == {
        "ARGO_SERVER": "nebari.example.org:443",
        "ARGO_HTTP1": "true",
        "ARGO_TOKEN": "Bearer v2:abc",
        "ARGO_NAMESPACE": "argo",
        "KUBECONFIG": "/dev/null",
    }


@pytest.mark.parametrize("reverse", [False, True])
def test_nebaris_names_win_in_any_order(reverse: bool) -> None:
    lines = [
        "ARGO_SERVER=argo:443",
        "GLOBAL_CONFIG_HOST=nebari/argo",
        "GLOBAL_CONFIG_NAMESPACE=dev",
        "ARGO_NAMESPACE=argo",
    ]
    text = "\n".join(reversed(lines) if reverse else lines)
    assert from_block(text, "") == {"ARGO_SERVER": "nebari/argo", "ARGO_NAMESPACE": "dev"}


def test_unknown_names_are_passed_over_and_option_names_known() -> None:
    assert from_block("PASSWORD=x\nargo-server: a:1\n", "") == {"ARGO_SERVER": "a:1"}


def test_a_quote_that_is_not_closed_shows_no_value() -> None:
    with pytest.raises(UserError, match="the text, line 1") as raised:
        from_block("ARGO_TOKEN='secret\n", "the text")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("typed", "server", "secure", "base"),
    [
        ("argo.example.org:2746", "argo.example.org:2746", None, None),
        ("argo.example.org", "argo.example.org:443", None, None),
        ("https://argo.example.org/", "argo.example.org:443", "true", None),
        ("https://n.example.org/argo/workflows/dev?x=1", "n.example.org:443", "true", "/argo"),
        ("n.example.org/argo", "n.example.org:443", None, "/argo"),
        ("http://127.0.0.1:2746", "127.0.0.1:2746", "false", None),
        ("http://argo", "argo:80", "false", None),
        ("[::1]:2746", "[::1]:2746", None, None),
    ],
)
def test_an_address_from_a_browser(
    typed: str, server: str, secure: str | None, base: str | None
) -> None:
    values = normalized({"ARGO_SERVER": typed}, Path("/"))
    assert values["ARGO_SERVER"] == server
    assert values.get("ARGO_SECURE") == secure
    assert values.get("ARGO_BASE_HREF") == base
    assert normalized(values, Path("/")) == values


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(UserError, match="the address of an Argo server"):
        normalized({"ARGO_SERVER": "a b"}, Path("/"))


def test_paths_become_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    typed = {"KUBECONFIG": "../one.yaml:~/two.yaml", "REQUESTS_CA_BUNDLE": "ca.crt", "CLUSTER": ""}
    assert normalized(typed, Path("/work/here")) == {
        "KUBECONFIG": "/work/one.yaml:/home/me/two.yaml",
        "REQUESTS_CA_BUNDLE": "/work/here/ca.crt",
    }
