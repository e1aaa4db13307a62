"""Every way in which people write the address and the token of Argo's server."""

from datetime import datetime, timezone

import pytest

from hera_experiment.context import tokens
from hera_experiment.context.address import server_url
from hera_experiment.errors import UserError


@pytest.mark.parametrize(
    ("server", "options", "url"),
    [
        ("argo.example.org:443", {}, "https://argo.example.org:443/"),
        ("argo.example.org:2746", {"secure": False}, "http://argo.example.org:2746/"),
        ("argo.example.org", {}, "https://argo.example.org/"),
        ("https://argo.example.org", {}, "https://argo.example.org/"),
        ("HTTPS://argo.example.org/", {}, "https://argo.example.org/"),
        ("http://argo.example.org", {"secure": True}, "http://argo.example.org/"),
        ("https://argo.example.org", {"secure": False}, "https://argo.example.org/"),
        ("h:443", {"base_path": "/argo"}, "https://h:443/argo/"),
        ("h:443", {"base_path": "argo/"}, "https://h:443/argo/"),
        ("h/argo", {}, "https://h/argo/"),
        ("h/argo", {"base_path": "/argo"}, "https://h/argo/"),
        ("https://h/argo/", {"base_path": "/other"}, "https://h/argo/"),
        ("https://h/argo/workflows/dev?x=1", {}, "https://h/argo/"),
        ("https://h/argo/api/v1", {}, "https://h/argo/"),
        ("https://h/userinfo", {}, "https://h/"),
        (" 'h:443'\n", {}, "https://h:443/"),
        ("127.0.0.1:2746", {"secure": False}, "http://127.0.0.1:2746/"),
        ("[::1]:2746", {}, "https://[::1]:2746/"),
    ],
)
def test_an_address(server, options, url):
    assert server_url(server, **options) == url


@pytest.mark.parametrize(
    "server",
    [
        "<your Nebari domain>:443",
        "h:port",
        "h:99999",
        "",
        "://",
        "ftp://h",
        "https://",
        "a b",
        "h]",
    ],
)
def test_what_is_no_address_is_one_sentence_with_its_source(server):
    with pytest.raises(UserError, match="the address of an Argo server") as raised:
        server_url(server, where="ARGO_SERVER in the environment")
    assert raised.value.where == "ARGO_SERVER in the environment"


def test_a_password_in_the_address_is_refused_unseen():
    with pytest.raises(UserError) as raised:
        server_url("https://ada:hush@h/argo")
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    ("pasted", "value"),
    [
        ("abc", "Bearer abc"),
        ("Bearer abc", "Bearer abc"),
        ("bearer abc", "Bearer abc"),
        ("Bearer Bearer abc", "Bearer abc"),
        ("'Bearer abc'\n", "Bearer abc"),
        ("Bearer v2:abc", "Bearer v2:abc"),
        ("Basic abc", "Basic abc"),
        ("", ""),
        ("Bearer", ""),
    ],
)
def test_a_token_has_one_word_before_it(pasted, value):
    assert tokens.authorization(pasted) == value


def test_what_a_token_says_about_itself():
    # {"exp":1700000000,"sub":"system:serviceaccount:argo:user"}
    payload = "eyJleHAiOjE3MDAwMDAwMDAsInN1YiI6InN5c3RlbTpzZXJ2aWNlYWNjb3VudDphcmdvOnVzZXIifQ"
    token = f"Bearer e30.{payload}.c2ln"
    assert tokens.expiry(token) == datetime(2023, 11, 14, 22, 13, 20, tzinfo=timezone.utc)
    assert tokens.subject(token) == "system:serviceaccount:argo:user"
    for opaque in ("", "Bearer v2:abc", "a.b.c", "Bearer a.!.c"):
        assert tokens.claims(opaque) == {} and tokens.expiry(opaque) is None
