"""Argo's verdict on objects other than workflows, and on what refers to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from hera_experiment.local.engine.validation import judged, unknown_fields
from hera_experiment.local.errors import InvalidWorkflow

Json = dict[str, Any]

LEAF = {"name": "leaf", "container": {"image": "x", "args": ["{{inputs.parameters.p}}"]}}
LEAF["inputs"] = {"parameters": [{"name": "p"}]}
OK = {"name": "ok", "container": {"image": "x"}}
GIVEN = {"parameters": [{"name": "p", "value": "1"}]}


def template(*templates: Json, kind: str = "WorkflowTemplate", **spec: Any) -> Json:
    return {"kind": kind, "metadata": {"name": "kept"}, "spec": {"templates": templates, **spec}}


def cron(**spec: Any) -> Json:
    runs = {"entrypoint": "ok", "templates": [OK]}
    fields = {"schedules": ["0 3 * * *"], "workflowSpec": runs, **spec}
    return {"kind": "CronWorkflow", "metadata": {"name": "nightly"}, "spec": fields}


def workflow(*templates: Json, **spec: Any) -> Json:
    name = templates[0]["name"] if templates else ""
    more = {"entrypoint": name, "templates": list(templates)} if templates else {}
    return {"kind": "Workflow", "metadata": {"generateName": "w-"}, "spec": {**more, **spec}}


def task(**more: Any) -> Json:
    reference = {"name": "kept", "template": "leaf"}
    return {"name": "main", "dag": {"tasks": [{"name": "a", "templateRef": reference, **more}]}}


def steps(**more: Any) -> Json:
    reference = {"name": "kept", "template": "leaf", **more}
    step = {"name": "a", "templateRef": reference, "arguments": GIVEN}
    return {"name": "main", "steps": [[step]]}


CLUSTER = "ClusterWorkflowTemplate"
KEPT = template(LEAF, OK, entrypoint="leaf", arguments=GIVEN)
BARE = template(LEAF, {"name": "bare", "container": {"args": ["x"]}})
LATE = {"name": "late", "container": {"image": "x", "args": ["{{workflow.parameters.later}}"]}}
NESTED = template(LEAF, {"name": "outer", "steps": [[{"name": "b", "template": "nobody"}]]})
ARTIFACTS = {"artifacts": [{"name": "o", "path": "/o", "globalName": "{{inputs.parameters.p}}"}]}
NAMES_LATE = {**LEAF, "name": "names-late", "outputs": ARTIFACTS}
AT_END = {"name": "end", "container": {"image": "x", "args": ["{{workflow.outputs.artifacts.o}}"]}}

# Each: what is judged, what is kept, and Argo's words, or nothing where it is valid.
CASES: list[tuple[str, Json, list[Json], str]] = [
    ("a template needs no entrypoint", template(OK), [], ""),
    (
        "its arguments need no value",
        template(OK, arguments={"parameters": [{"name": "a"}]}),
        [],
        "",
    ),
    ("its entrypoint is there", template(OK, entrypoint="no"), [], "template name 'no' undefined"),
    ("a workflow may give its parameters", template(LATE), [], ""),
    (
        "a workflow itself has its parameters",
        workflow(LATE),
        [],
        "templates.late: failed to resolve {{workflow.parameters.later}}",
    ),
    (
        "all its templates are checked",
        template(OK, {"name": "bare", "container": {}}),
        [],
        "templates.bare templates.bare.container.image may not be empty",
    ),
    ("one of the cluster is checked too", template(OK, kind=CLUSTER), [], ""),
    (
        "the name of a template has a length",
        {**template(OK), "metadata": {"name": "a" * 64}},
        [],
        f'workflow template name "{"a" * 64}" must not be more than 63 characters long '
        "(currently 64)",
    ),
    (
        "the name of a template of the cluster has a length",
        {**template(OK, kind=CLUSTER), "metadata": {"name": "a" * 64}},
        [],
        f'cluster workflow template name "{"a" * 64}" must not be more than 63 characters long '
        "(currently 64)",
    ),
    ("a reference leads to a template", workflow(steps()), [KEPT], ""),
    (
        "to one that is there",
        workflow(steps(template="no")),
        [KEPT],
        "templates.main.steps[0].a template reference kept.no not found",
    ),
    (
        "in the cluster or not",
        workflow(steps(clusterScope=True)),
        [KEPT],
        "templates.main.steps[0].a template reference kept.leaf not found",
    ),
    (
        "its inputs are given",
        workflow(task()),
        [KEPT],
        "templates.main.tasks.a templates.leaf inputs.parameters.p was not supplied",
    ),
    (
        "it is checked where it is called",
        workflow(steps(template="bare")),
        [BARE],
        "templates.main.steps[0].a templates.bare.container.image may not be empty",
    ),
    (
        "what it calls is found beside it",
        workflow(steps(template="outer"), {**OK, "name": "nobody"}),
        [NESTED],
        "templates.main.steps[0].a templates.outer.steps[0].b template name 'nobody' undefined",
    ),
    (
        "its default image counts",
        workflow(steps(template="bare")),
        [{**BARE, "spec": {**BARE["spec"], "templateDefaults": {"container": {"image": "x"}}}}],
        "",
    ),
    ("a workflow may be a reference", workflow(workflowTemplateRef={"name": "kept"}), [KEPT], ""),
    (
        "to what is there",
        workflow(workflowTemplateRef={"name": "gone"}),
        [KEPT],
        'workflowtemplates.argoproj.io "gone" not found',
    ),
    (
        "to what is in the cluster",
        workflow(workflowTemplateRef={"name": "kept", "clusterScope": True}),
        [KEPT],
        'clusterworkflowtemplates.argoproj.io "kept" not found',
    ),
    (
        "with an entrypoint that is there",
        workflow(workflowTemplateRef={"name": "kept"}, entrypoint="no"),
        [KEPT],
        "template reference kept.no not found",
    ),
    (
        "with an entrypoint",
        workflow(workflowTemplateRef={"name": "kept"}),
        [template(OK)],
        "spec.entrypoint is required",
    ),
    (
        "with the arguments that it wants",
        workflow(workflowTemplateRef={"name": "kept"}),
        [template(LEAF, entrypoint="leaf")],
        "templates.leaf inputs.parameters.p was not supplied",
    ),
    (
        "an exit handler knows artifacts whose names are made late",
        workflow(OK, NAMES_LATE, AT_END, onExit="end"),
        [],
        "",
    ),
    (
        "without these it does not",
        workflow(OK, AT_END, onExit="end"),
        [],
        "templates.end: failed to resolve {{workflow.outputs.artifacts.o}}",
    ),
    ("a schedule is one", cron(), [], ""),
    ("so is this", cron(schedules=["CRON_TZ=Europe/Paris */5 1-3 ? JAN,feb mon-Fri"]), [], ""),
    ("and this", cron(schedules=["@every 1h30m", "@daily"], timezone="Europe/Paris"), [], ""),
    ("without one there is none", cron(schedules=[]), [], "cron workflow must have at least one"),
    (
        "hours end at 23",
        cron(schedules=["0 24 * * *"]),
        [],
        "cron schedule 0 24 * * * is malformed: end of range (24) above maximum (23): 24",
    ),
    (
        "days begin at 1",
        cron(schedules=["0 0 0 * *"]),
        [],
        "cron schedule 0 0 0 * * is malformed: beginning of range (0) below minimum (1): 0",
    ),
    (
        "there are five fields",
        cron(schedules=["0 3 * *"]),
        [],
        "cron schedule 0 3 * * is malformed: expected exactly 5 fields, found 4: [0 3 * *]",
    ),
    (
        "a range goes up",
        cron(schedules=["5-3 * * * *"]),
        [],
        "cron schedule 5-3 * * * * is malformed: beginning of range (5) beyond end of range (3): "
        "5-3",
    ),
    (
        "a step is more than none",
        cron(schedules=["*/0 * * * *"]),
        [],
        "cron schedule */0 * * * * is malformed: step of range should be a positive number: */0",
    ),
    (
        "a number is one",
        cron(schedules=["x * * * *"]),
        [],
        "cron schedule x * * * * is malformed: failed to parse int from x: strconv.Atoi: parsing "
        '"x": invalid syntax',
    ),
    (
        "one hyphen is enough",
        cron(schedules=["1-2-3 * * * *"]),
        [],
        "cron schedule 1-2-3 * * * * is malformed: too many hyphens: 1-2-3",
    ),
    (
        "one slash is enough",
        cron(schedules=["1/2/3 * * * *"]),
        [],
        "cron schedule 1/2/3 * * * * is malformed: too many slashes: 1/2/3",
    ),
    (
        "words for times are few",
        cron(schedules=["@nightly"]),
        [],
        "cron schedule @nightly is malformed: unrecognized descriptor: @nightly",
    ),
    (
        "a time zone is known",
        cron(timezone="Nowhere/City"),
        [],
        'invalid timezone "Nowhere/City": unknown time zone Nowhere/City',
    ),
    (
        "a policy is one of three",
        cron(concurrencyPolicy="Wait"),
        [],
        "'Wait' is not a valid concurrencyPolicy",
    ),
    (
        "a deadline is not over",
        cron(startingDeadlineSeconds=-1),
        [],
        "startingDeadlineSeconds must be positive",
    ),
    (
        "the name of a schedule has a length",
        {**cron(), "metadata": {"name": "a" * 53}},
        [],
        f'cron workflow name "{"a" * 53}" must not be more than 52 characters long (currently 53)',
    ),
    (
        "what it runs is checked",
        cron(workflowSpec={"entrypoint": "ok", "templates": []}),
        [],
        "cannot validate Workflow: template name 'ok' undefined",
    ),
    (
        "what it runs may be kept",
        cron(workflowSpec={"workflowTemplateRef": {"name": "kept"}}),
        [KEPT],
        "",
    ),
]


def verdict(manifest: Json, kept: list[Json]) -> str:
    def find(kind: str, name: str) -> Mapping[str, Any] | None:
        found = (each for each in kept if (each["kind"], each["metadata"]["name"]) == (kind, name))
        return next(found, None)

    try:
        judged(manifest, kind=manifest["kind"], kept=find)
    except InvalidWorkflow as error:
        return error.message
    return ""


@pytest.mark.parametrize(
    ("manifest", "kept", "words"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_argos_verdict(manifest: Json, kept: list[Json], words: str) -> None:
    found = verdict(manifest, kept)
    assert found.startswith(words) and bool(found) == bool(words)


def test_what_is_of_another_kind() -> None:
    for manifest, kind, words in (
        (cron(), "Workflow", "the object is a CronWorkflow, not a Workflow"),
        (workflow(OK), "CronWorkflow", "the object is a Workflow, not a CronWorkflow"),
        ("text", "WorkflowTemplate", "template body not specified"),
    ):
        with pytest.raises(InvalidWorkflow, match=words):
            judged(manifest, kind=kind)


def test_templates_may_nest_deeper_than_python() -> None:
    chain: list[Json] = [
        {"name": f"t{i}", "steps": [[{"name": "a", "template": f"t{i + 1}"}]]} for i in range(1500)
    ]
    last = {"name": "t1500", "container": {"image": "x"}}
    assert verdict(workflow(*chain, last), []) == ""
    found = verdict(workflow(*chain, {"name": "t1500", "container": {}}), [])
    assert found.startswith("templates.t0.steps[0].a templates.t1.steps[0].a ")
    assert found.endswith(
        "templates.t1499.steps[0].a templates.t1500.container.image may not be empty"
    )


def test_a_template_may_call_itself() -> None:
    again = {"name": "again", "steps": [[{"name": "a", "template": "again"}]]}
    assert verdict(workflow(again), []) == ""


def test_what_argo_leaves_out_is_told() -> None:
    odd = {**OK, "Container2": 1, "container": {"image": "x", "env": [{"name": "A", "vlaue": "x"}]}}
    assert unknown_fields(workflow(odd, entyrpoint="ok")) == [
        "spec.templates.ok.container.env.A.vlaue",
        "spec.templates.ok.Container2",
        "spec.entyrpoint",
    ]
    assert judged(workflow(odd))["spec"]["templates"][0]["container"]["env"] == [{"name": "A"}]


def test_fields_are_known_in_any_case_and_written_as_go_does() -> None:
    found = judged({"SPEC": {"EntryPoint": "ok", "templates": [{**OK, "DAEMON": False}]}})
    assert found == {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {},
        "spec": {
            "templates": [
                {
                    "name": "ok",
                    "inputs": {},
                    "outputs": {},
                    "metadata": {},
                    "daemon": False,
                    "container": {"name": "", "image": "x", "resources": {}},
                }
            ],
            "entrypoint": "ok",
            "arguments": {},
        },
    }
    assert list(found["spec"]) == ["templates", "entrypoint", "arguments"]
