"""Draw the population of the boroughs over the vintages as one chart."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # draws into files, wants no display

from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter

# Light to dark, so that later vintages look later; print and colour blindness keep the order.
COLOURS = matplotlib.colormaps["YlGnBu"]
INK, FAINT = "#26323f", "#7b8794"


def read(results_dir: Path) -> dict[int, dict[str, int]]:
    """Return the populations [inhabitants] by vintage and borough, as collected."""
    population: dict[int, dict[str, int]] = {}
    for path in sorted(results_dir.glob("*/*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        population.setdefault(found["vintage"], {})[found["borough"]] = found["population"]
    return population


def draw(population: dict[int, dict[str, int]], output: Path) -> None:
    """Write a PNG with one group of bars per borough and one bar per vintage."""
    vintages = sorted(population)
    boroughs = sorted(set().union(*population.values()))
    plt.rcParams.update({"font.size": 11, "text.color": INK, "axes.labelcolor": INK})
    figure, axes = plt.subplots(figsize=(11, 6), dpi=150, layout="constrained")

    width = 0.8 / len(vintages)
    for rank, vintage in enumerate(vintages):
        share = (rank + 1) / len(vintages)
        axes.bar(
            [x + (rank - (len(vintages) - 1) / 2) * width for x in range(len(boroughs))],
            [population[vintage].get(borough, 0) for borough in boroughs],
            width=width * 0.92,
            color=COLOURS(0.2 + 0.65 * share),
            label=str(vintage),
        )
    for x, borough in enumerate(boroughs):
        annotate_growth(
            axes, x, [population[v][borough] for v in vintages if borough in population[v]]
        )

    span = f"{vintages[0]} to {vintages[-1]}" if len(vintages) > 1 else str(vintages[0])
    axes.set_title(
        f"Population of Lyon's boroughs, {span}", loc="left", fontsize=16, weight="bold", pad=28
    )
    axes.text(
        0,
        1.03,
        "Municipal population; above the bars, the change over the period",
        transform=axes.transAxes,
        color=FAINT,
    )
    axes.set_xticks(range(len(boroughs)), [borough.replace("_", " ") for borough in boroughs])
    axes.set_xlabel("borough")
    axes.set_ylabel("population [inhabitants]")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.margins(x=0.01, y=0.08)
    axes.grid(axis="y", color="#e4e7eb")
    axes.set_axisbelow(True)
    axes.tick_params(length=0, colors=INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
    # In the upper right above the axes, where no bar can reach.
    axes.legend(frameon=False, ncols=len(vintages), loc="lower right", bbox_to_anchor=(1.0, 1.0))
    figure.text(
        0.995,
        0.008,
        "Source: INSEE, census of population",
        ha="right",
        va="bottom",
        color=FAINT,
        fontsize=9,
    )

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, metadata={"Software": None})


def annotate_growth(axes: plt.Axes, x: float, values: list[int]) -> None:
    """Write the change from the first to the last of ``values`` [%] above their highest bar."""
    if len(values) > 1:
        change = (values[-1] / values[0] - 1) * 100
        axes.annotate(
            f"{change:+.0f} %",
            (x, max(values)),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            color=FAINT,
            fontsize=10,
        )


def main() -> None:
    """Read the command line and the collected files; write the chart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results_dir", required=True, type=Path)
    parser.add_argument("--chart", required=True, type=Path)
    args = parser.parse_args()
    population = read(args.results_dir)
    if not population:
        sys.exit(f"nothing was collected below {args.results_dir}")
    draw(population, args.chart)
    print(f"the chart is {args.chart}")


if __name__ == "__main__":
    main()
