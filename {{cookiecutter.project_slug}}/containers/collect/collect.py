"""Find one borough's population in one vintage of the census and write what it says.

The census file holds municipal populations [inhabitants] by vintage and areas [ha]; source: INSEE.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path

CENSUS = Path(__file__).with_name("census_lyon.csv")
HECTARES_PER_KM2 = 100


def collect(vintage: str, borough: str) -> dict[str, str | int | float]:
    """Return population [inhabitants], area [ha] and density [inhabitants/km²] of a borough.

    Raises
    ------
    LookupError
        When the census has no such vintage or borough.
    """
    with CENSUS.open(newline="", encoding="utf-8") as file:
        rows = {row["borough"]: row for row in csv.DictReader(file)}
    if borough not in rows:
        raise LookupError(f"the census has no borough {borough}; it has {', '.join(rows)}")
    row = rows[borough]
    vintages = [column for column in row if column.isdecimal()]
    if vintage not in vintages:
        raise LookupError(f"the census has no vintage {vintage}; it has {', '.join(vintages)}")
    population, area = int(row[vintage]), float(row["area_ha"])
    return {
        "borough": borough,
        "vintage": int(vintage),
        "population": population,
        "area_ha": area,
        "density_per_km2": round(population / area * HECTARES_PER_KM2, 1),
    }


def main() -> None:
    """Read the command line, collect, and write ``<results_dir>/<borough>.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vintage", required=True)
    parser.add_argument("--borough", required=True)
    parser.add_argument("--results_dir", required=True, type=Path)
    args = parser.parse_args()
    try:
        found = collect(args.vintage, args.borough)
    except LookupError as error:
        sys.exit(str(error))
    args.results_dir.mkdir(parents=True, exist_ok=True)
    output = args.results_dir / f"{args.borough}.json"
    output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(
        f"{args.borough} in {args.vintage}: {found['population']} inhabitants"
        f" on {found['area_ha']} ha, {found['density_per_km2']} per km²"
    )


if __name__ == "__main__":
    main()
