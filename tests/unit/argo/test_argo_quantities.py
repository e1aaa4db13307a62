"""Kubernetes' quantities as numbers."""

from __future__ import annotations

import pytest

from hera_experiment.argo.quantities import number_of


@pytest.mark.parametrize(
    ("quantity", "number"),
    [
        ("64Mi", 2**26),
        ("1k", 1000),
        ("7", 7),
        (2, 2),
        ("1.5G", 1_500_000_000),
        ("500m", 0.5),
        ("1e3", 1000),
        ("2Ei", 2**61),
    ],
)
def test_a_quantity_is_a_number(quantity: object, number: float) -> None:
    assert number_of(quantity) == pytest.approx(number)


@pytest.mark.parametrize("text", ["much", "", "{{inputs.parameters.memory}}", "1KiB"])
def test_another_text_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        number_of(text)
