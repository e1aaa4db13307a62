"""Breaks a random workflow in one place, for what a validator says of it."""

from __future__ import annotations

import copy

from fidelity_leaves import IMAGE, Draw, Json
from hypothesis import strategies as st


def break_one_place(draw: Draw, workflow: Json) -> None:
    """Break ``workflow`` in one place."""
    spec = workflow["spec"]
    main = spec["templates"][0]
    tasks = main["dag"]["tasks"] if "dag" in main else [s for group in main["steps"] for s in group]
    task = draw(st.sampled_from(tasks))

    def no_template() -> None:
        task.pop("inline", None)
        task["template"] = "nowhere"

    def no_variable() -> None:
        task["arguments"] = {"parameters": [{"name": "t", "value": "{{inputs.parameters.nobody}}"}]}

    def no_task() -> None:
        kind = "tasks" if "dag" in main else "steps"
        value = f"{{{{{kind}.nobody.outputs.result}}}}"
        task["arguments"] = {"parameters": [{"name": "t", "value": value}]}

    def same_name() -> None:
        tasks[-1]["name"] = tasks[0]["name"]

    def bad_name() -> None:
        task["name"] = "not_this"

    def two_loops() -> None:
        task["withItems"], task["withSequence"] = [1], {"count": 1}

    def cycle() -> None:
        task["depends"] = task["name"]

    def no_entrypoint() -> None:
        spec["entrypoint"] = "nowhere"

    def same_template() -> None:
        spec["templates"].append(copy.deepcopy(main))

    def no_arguments() -> None:
        task.pop("arguments", None)

    def two_types() -> None:
        spec["templates"][1]["suspend"] = {}
        spec["templates"][1]["container"] = {"image": IMAGE, "command": ["true"]}

    def no_exit() -> None:
        spec["onExit"] = "nowhere"

    def bad_policy() -> None:
        spec["templates"][1]["retryStrategy"] = {"limit": 1, "retryPolicy": "Now"}

    def bad_when() -> None:
        task["when"] = "{{=nothing}}"

    def no_value() -> None:
        spec["arguments"] = {"parameters": [{"name": "w0"}]}

    ways = (
        no_template,
        no_variable,
        no_task,
        same_name,
        bad_name,
        two_loops,
        cycle,
        no_entrypoint,
        same_template,
        no_arguments,
        two_types,
        no_exit,
        bad_policy,
        bad_when,
        no_value,
    )
    draw(st.sampled_from(ways))()
