from __future__ import annotations

import pytest

from hera_experiment.argo.names import fnv32a, generated_name, node_id, pod_name


@pytest.mark.parametrize(
    ("text", "value"),
    [("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968), ("é", 513665217)],
)
def test_hash_is_fnv_1a(text: str, value: int) -> None:
    assert fnv32a(text) == value


def test_ids_are_those_that_argo_gave() -> None:
    # Recorded from Argo 3.7.18.
    assert node_id("eng-29742", "eng-29742") == "eng-29742"
    assert node_id("eng-29742", "eng-29742.a") == "eng-29742-3466452119"
    assert node_id("eng-29742", 'eng-29742.b(6:[1 x {"a":1}])') == "eng-29742-2489901858"


def test_pod_names_hold_the_template_and_at_most_253_characters() -> None:
    assert pod_name("w", "w", "main") == "w"
    assert pod_name("eng-29742", "eng-29742.a", "s") == "eng-29742-s-3466452119"
    long = pod_name("w", "w.a", "t" * 300)
    assert len(long) <= 253
    assert long.startswith("w-ttt")


def test_generated_names_fit_a_label() -> None:
    assert generated_name("try-", "abcde") == "try-abcde"
    assert len(generated_name("x" * 80, "abcde")) == 63
