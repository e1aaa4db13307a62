"""The inputs of the experiment: what to change for another experiment of the same kind."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Parameters:
    """What the experiment loops over: one task per vintage and borough.

    ``vintages`` are years of the census, ``boroughs`` names as the census file writes them.
    """

    vintages: list[int]
    boroughs: list[str]


@dataclass(frozen=True)
class Constants:
    """What stays as it is from run to run.

    The containers are folders below ``containers/``; ``python_image`` runs the scripts that need
    the standard library only. ``city_totals`` are the published populations of the whole city
    [inhabitants] by vintage (INSEE, municipal population), ``city_boroughs`` is the number of
    boroughs that add up to them.
    """

    collect_container: str
    chart_container: str
    python_image: str
    city_boroughs: int
    city_totals: dict[int, int]


@dataclass(frozen=True)
class Inputs:
    """The constants and the parameters of one experiment."""

    constants: Constants
    parameters: Parameters


inputs = Inputs(
    constants=Constants(
        collect_container="collect",
        chart_container="chart",
        python_image="python:3.13-slim",
        city_boroughs=9,
        city_totals={1999: 445452, 2006: 472305, 2016: 515695},
    ),
    parameters=Parameters(
        vintages=[1999, 2006, 2016],
        boroughs=[
            "LYON_1ER",
            "LYON_2EME",
            "LYON_3EME",
            "LYON_4EME",
            "LYON_5EME",
            "LYON_6EME",
            "LYON_7EME",
            "LYON_8EME",
            "LYON_9EME",
        ],
    ),
)
