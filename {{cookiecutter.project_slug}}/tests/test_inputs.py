from __future__ import annotations

import pytest
from conftest import PROJECT, Census

from inputs import inputs


def test_the_census_has_every_borough_and_vintage(census: Census) -> None:
    for borough in inputs.parameters.boroughs:
        for vintage in inputs.parameters.vintages:
            assert int(census[borough][str(vintage)]) > 0


@pytest.mark.parametrize("vintage", inputs.constants.city_totals)
def test_the_boroughs_add_up_to_the_published_total(vintage: int, census: Census) -> None:
    assert len(census) == inputs.constants.city_boroughs
    total = sum(int(row[str(vintage)]) for row in census.values())
    assert total == inputs.constants.city_totals[vintage]


def test_each_container_is_a_folder_with_a_dockerfile_and_its_requirements() -> None:
    folders = {folder.name: folder for folder in (PROJECT / "containers").iterdir()}
    assert {inputs.constants.collect_container, inputs.constants.chart_container} <= set(folders)
    for folder in folders.values():
        assert (folder / "Dockerfile").is_file()
        assert (folder / "requirements.txt").is_file()
