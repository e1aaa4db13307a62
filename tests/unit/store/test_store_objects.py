"""Claims, ConfigMaps and Secrets on disk."""

from __future__ import annotations

import pytest

from hera_experiment.local.errors import InvalidWorkflow, NotFound
from hera_experiment.local.store.objects import CLAIMS, CONFIGMAPS, KINDS, SECRETS


@pytest.fixture
def objects(store):
    return store.objects


def test_a_claim_is_a_folder_that_keeps_what_is_in_it(objects, root):
    path = objects.put(CLAIMS, "results")
    assert path == objects.claim_path("results") == root / "claims" / "results"
    (path / "chart.png").write_bytes(b"png")
    objects.put(CLAIMS, "results")
    assert (path / "chart.png").read_bytes() == b"png"
    assert objects.get(CLAIMS, "results") == {}
    assert objects.names(CLAIMS) == ["results"]


@pytest.mark.parametrize("kind", [CONFIGMAPS, SECRETS])
def test_values_are_files(objects, kind):
    values = {"HTTP_PROXY": b"http://x", "raw.bin": b"\xff\x00", "EMPTY": b""}
    folder = objects.put(kind, "proxy", values)
    assert objects.get(kind, "proxy") == values
    assert (folder / "HTTP_PROXY").read_bytes() == b"http://x"
    objects.put(kind, "proxy", {"A": b"1"})
    assert objects.get(kind, "proxy") == {"A": b"1"}
    assert [path.name for path in folder.iterdir()] == ["A"]


def test_secrets_are_their_owners(objects):
    folder = objects.put(SECRETS, "s", {"password": b"p"})
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert (folder / "password").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_there_is_not_found(objects, kind):
    assert objects.names(kind) == []
    assert not objects.exists(kind, "x")
    with pytest.raises(NotFound, match=f'{kind} "x" not found'):
        objects.get(kind, "x")
    with pytest.raises(NotFound):
        objects.path(kind, "x")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "Results", "a_b", "-a", "a..b"])
def test_a_name_is_rfc_1123(objects, name, root):
    for kind in KINDS:
        for use in (objects.put, objects.get, objects.exists):
            with pytest.raises(InvalidWorkflow, match="RFC 1123"):
                use(kind, name)
    assert not (root / "claims").exists()


@pytest.mark.parametrize("key", ["", ".", "..", "..x", "a/b", "../x", "é", "a b", "k" * 254])
def test_a_key_is_a_file_name(objects, key):
    with pytest.raises(InvalidWorkflow):
        objects.put(SECRETS, "s", {key: b"very secret"})
    assert not objects.exists(SECRETS, "s")
