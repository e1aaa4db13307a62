"""The workflow of the experiment: which tasks there are, and which waits for which.

collect-<vintage> (one task per borough) → print-results → chart
"""

# Without `from __future__ import annotations`: Hera reads the annotations of scripts as types.
import os

from hera.workflows import DAG, Container, Parameter, Task, Workflow, script

from environment import MOUNT_PATH, PERSISTED_VOLUME, numerical_experiment_environment
from inputs import Constants, Inputs, inputs
from layout import experiment_layout


def collect_container_constructor(
    environment: numerical_experiment_environment, constants: Constants
) -> Container:
    """Return the template that looks one borough of one vintage up in the census."""
    return Container(
        name="collect",
        image=environment.image(constants.collect_container),
        # The image's own entry point, said again: Argo need not ask the registry for it.
        command=["python", "collect.py"],
        args=[
            "--vintage={{inputs.parameters.vintage}}",
            "--borough={{inputs.parameters.borough}}",
            "--results_dir={{inputs.parameters.results_dir}}",
        ],
        inputs=[
            Parameter(name="vintage"),
            Parameter(name="borough"),
            Parameter(name="results_dir"),
        ],
        volume_mounts=[PERSISTED_VOLUME],
        env_from=environment.env_from,
    )


def chart_container_constructor(
    environment: numerical_experiment_environment, constants: Constants
) -> Container:
    """Return the template that draws the chart of everything collected."""
    return Container(
        name="chart",
        image=environment.image(constants.chart_container),
        command=["python", "chart.py"],
        args=[
            "--results_dir={{inputs.parameters.results_dir}}",
            "--chart={{inputs.parameters.chart}}",
        ],
        inputs=[Parameter(name="results_dir"), Parameter(name="chart")],
        volume_mounts=[PERSISTED_VOLUME],
        env_from=environment.env_from,
    )


# The defaults are those of this experiment, so that print_script(name=…) says all there is to say.
# A script is sent as it stands and runs elsewhere: what it needs, it imports and defines itself.
@script(image=inputs.constants.python_image, volume_mounts=[PERSISTED_VOLUME])
def print_script(
    results_dir: str = os.path.join(MOUNT_PATH, experiment_layout(inputs.constants).collect_dir()),
    city_totals: dict[int, int] = inputs.constants.city_totals,
    city_boroughs: int = inputs.constants.city_boroughs,
) -> None:
    """Print the populations, and fail where they do not add up to the published totals."""
    import json
    import sys
    from pathlib import Path

    population: dict[int, dict[str, int]] = {}
    for path in sorted(Path(results_dir).glob("*/*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        population.setdefault(found["vintage"], {})[found["borough"]] = found["population"]
    if not population:
        sys.exit(f"nothing was collected below {results_dir}")

    vintages = sorted(population)
    print("Population [inhabitants]")
    print("borough".ljust(12), *(str(vintage).rjust(9) for vintage in vintages))
    for borough in sorted(set().union(*population.values())):
        cells = (str(population[vintage].get(borough, "-")).rjust(9) for vintage in vintages)
        print(borough.ljust(12), *cells)
    sums = {vintage: sum(population[vintage].values()) for vintage in vintages}
    print("sum".ljust(12), *(str(sums[vintage]).rjust(9) for vintage in vintages))

    published = {int(vintage): total for vintage, total in city_totals.items()}
    differences = []
    for vintage in vintages:
        if len(population[vintage]) < city_boroughs or vintage not in published:
            print(f"{vintage}: not compared, a part of the city or no published total")
        elif sums[vintage] != published[vintage]:
            differences.append(
                f"vintage {vintage}: the boroughs add up to {sums[vintage]} inhabitants,"
                f" the published total of the city is {published[vintage]}"
            )
    if differences:
        sys.exit("\n".join(differences))


def experiment_workflow(
    environment: numerical_experiment_environment, inputs: Inputs, layout: experiment_layout
) -> Workflow:
    """Return the workflow of the experiment; nothing is sent anywhere."""
    mount_path = environment.persisted_volume.mount_path
    with Workflow(generate_name=f"{environment.slug}-", entrypoint="dag") as w, DAG(name="dag"):
        collect_c = collect_container_constructor(environment, inputs.constants)
        chart_c = chart_container_constructor(environment, inputs.constants)

        # Within a DAG the call of a script is a task.
        print_t = print_script(
            name="print-results",
            arguments={
                "results_dir": os.path.join(mount_path, layout.collect_dir()),
                "city_totals": inputs.constants.city_totals,
                "city_boroughs": inputs.constants.city_boroughs,
            },
        )

        for vintage in inputs.parameters.vintages:
            collect_t = Task(
                name="collect-" + layout.container_name_postend(vintage),
                template=collect_c,
                arguments={
                    "vintage": vintage,
                    "borough": "{{item}}",
                    "results_dir": os.path.join(mount_path, layout.collect_output_dir(vintage)),
                },
                with_items=inputs.parameters.boroughs,
            )
            collect_t >> print_t

        chart_t = Task(
            name="chart",
            template=chart_c,
            arguments={
                "results_dir": os.path.join(mount_path, layout.collect_dir()),
                "chart": os.path.join(mount_path, layout.chart_path()),
            },
        )
        print_t >> chart_t
    return w


def define_hera_workflow(
    environment: numerical_experiment_environment, inputs: Inputs, layout: experiment_layout
) -> Workflow:
    """Submit the workflow of the experiment to the Argo server of the environment."""
    w = experiment_workflow(environment, inputs, layout)
    w.create()
    return w


if __name__ == "__main__":
    from hera_utils import parse_arguments

    # Command line, environment variables, files: which cluster, which server, which credentials.
    args = parse_arguments()

    from environment import construct_environment

    environment = construct_environment(args)

    from inputs import inputs
    from layout import experiment_layout

    layout = experiment_layout(inputs.constants)

    define_hera_workflow(environment, inputs, layout)
