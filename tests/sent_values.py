"""Values of every kind that a researcher may send, and tasks that say what they got.

A task writes what arrived as JSON, in ASCII, into its output parameter ``got``.
"""

import json
import random
from typing import Annotated, Any, Literal, Optional

from hera.workflows import DAG, Container, Parameter, Task, Workflow, script
from hera.workflows.models import ValueFrom

from hera_experiment.argo.values import unprintable
from hera_experiment.submission.scripts import send_whole_values
from hera_experiment.submission.values import refuse_unsendable

IMAGE = "python:3.13-slim"
NAMES = list("abcdefgh")

PIECES = [
    *("'", '"', "'''", '"""', "\\", "\\\\", "\\n", "\\'", "\\x41", "\\u0041", "\\N{BULLET}"),
    *("\n", "\r\n", "\r", "\t", " ", "  ", "\x00", "\x07", "\x0b", "\x0c", "\x1b[31m", "\x7f"),
    *("é", "e\u0301", "日本語", "😀", "\U0001f3f4\U000e0067\U000e0062\U000e007f", "\u2028", "\x85"),
    *(
        "\ufeff",
        "\u200b",
        "\u202e",
        "\U0010fffd",
        "<b>&amp;</b>",
        "%s %(x)d",
        "{0}",
        "{",
        "}",
        "}}",
    ),
    *(
        "$x$",
        "$$",
        "$$$",
        "$(HOME)",
        "$(ARGO_POD_NAME)",
        "${HOME}",
        "`id`",
        "!ls",
        "#",
        "---",
        ": ",
    ),
    *("null", "None", "true", "1e5", "-0.0", "0x10", "007", "NaN", "[1, 2]", '{"a": "b"}', "r'"),
    *("- a", "|", "&anchor", "*", "@", "yes", "2026-11-21", "a b", "ab" * 40),
]
WHOLE = [
    "",
    "1e5",
    "null ",
    "0",
    "-1",
    "true",
    "[]",
    "{}",
    '"quoted"',
    "'",
    "\\",
    "\n",
    "=1+1",
    "~",
]


def a_text(random: random.Random) -> str:
    """Return a text of the worst there is; Argo's ``{{`` alone is not among it."""
    if random.random() < 0.2:
        return random.choice(WHOLE)
    text = "".join(random.choices(PIECES, k=random.randint(1, 7)))
    while "{{" in text:
        text = text.replace("{{", "{")
    return text


def a_value(random: random.Random, depth: int = 0) -> Any:
    """Return something that JSON can say; never a bare text."""
    kind = random.choice("iifbn" if depth > 3 else "iifbnlllddd")
    if kind == "i":
        return random.choice([0, -1, 7, 2**53 + 1, -(10**30), random.randint(-(10**6), 10**6)])
    if kind == "f":
        return random.choice(
            [0.1, 1e5, 1e-7, -2.5e300, random.random() * 10 ** random.randint(-9, 9)]
        )
    if kind in "bn":
        return None if kind == "n" else random.random() < 0.5
    size = random.randint(0, 3)
    items = [a_text(random) if random.random() < 0.6 else a_value(random, depth + 1)] * bool(size)
    items += [a_value(random, depth + 1) for _ in range(size - 1)]
    return items if kind == "l" else {f"{a_text(random)}{n}": it for n, it in enumerate(items)}


def plain(text: str) -> str:
    """Return ``text`` without what a container's argument, or ``{{…}}``, cannot hold.

    In an argument ``$$`` and ``$(NAME)`` are Kubernetes' own.
    """
    while character := unprintable(text):
        text = text.replace(character, "")
    return text.replace("$", "€")


GOT = [Parameter(name="got", value_from=ValueFrom(path="/tmp/got.json"))]
_POD: dict[str, Any] = {
    "image": IMAGE,
    "command": ["python"],
    "image_pull_policy": "IfNotPresent",
    "outputs": GOT,
}


@script(**_POD)
def texts(a: str, b: str, c: str, d: str, e: str, f: str, g: str, h: str, default: str = "1e5"):
    """Say what arrived; $$ and $(HOME) in here are no variables."""
    from pathlib import Path

    assert "$$ $(HOME)" == "$" + "$ $" + "(HOME)"
    got = [a, b, c, d, e, f, g, h, default]
    Path("{{outputs.parameters.got.path}}").write_text(json.dumps(got))


@script(**_POD)
def others(
    a, b, c, d, e: list, f: dict, g: int | str, h: list | None = None, default=(1, "é", None)
):
    from pathlib import Path

    got = [a, b, c, d, e, f, g, h, default]
    Path("{{outputs.parameters.got.path}}").write_text(json.dumps(got))


@script(**_POD)
def perhaps(
    a: Annotated[str, Parameter(name="an-a")],
    b: Optional[str] = None,  # noqa: UP045 (each spelling there is)
    c: Annotated[Optional[str], Parameter(name="c-c")] = None,  # noqa: UP045
    d: str | None = None,
    default: Literal["1e5", "x"] = "1e5",
):
    from pathlib import Path

    got = [a, b, c, d, default]
    Path("{{outputs.parameters.got.path}}").write_text(json.dumps(got))


def container() -> Container:
    program = "import json, sys; print(json.dumps(sys.argv[2:]), file=open(sys.argv[1], 'w'))"
    return Container(
        name="container",
        image=IMAGE,
        image_pull_policy="IfNotPresent",
        command=["python", "-c", program],
        args=[
            "{{outputs.parameters.got.path}}",
            *(f"{{{{inputs.parameters.{n}}}}}" for n in NAMES),
        ],
        inputs=[Parameter(name=name) for name in NAMES],
        outputs=GOT,
    )


def workflow_of(seed: int, **options: Any) -> tuple[Workflow, dict[str, list[Any]]]:
    """Return a workflow, and what each of its tasks must say that it got."""
    source = random.Random(seed)
    expected: dict[str, list[Any]] = {}

    def send(task: str, values: dict[str, Any], rest: list[Any]) -> dict[str, Any]:
        expected[task] = [*values.values(), *rest]
        return {"name": task, "arguments": values}

    with Workflow(generate_name="values-", entrypoint="main", **options) as w:
        say = container()
        with DAG(name="main"):
            for n in range(4):
                texts(**send(f"texts-{n}", {name: a_text(source) for name in NAMES}, ["1e5"]))
            for n in range(3):
                values = {name: a_value(source) for name in NAMES}
                others(**send(f"others-{n}", values, [[1, "é", None]]))
            for n in range(2):
                values = {name: plain(a_text(source)) for name in NAMES}
                Task(template=say, **send(f"container-{n}", values, []))
            optional = dict(
                zip(["an-a", "b", "c-c", "d"], ["'1e5", a_text(source), None, "x"], strict=True)
            )
            perhaps(**send("perhaps", optional, ["1e5"]))
            # Through another task: what it got is a text of JSON, and arrives as that text.
            sent = json.dumps(expected["container-0"])
            first = "{{tasks.container-0.outputs.parameters.got}}"
            passed = dict.fromkeys(NAMES[:7], first) | {"h": "as it is"}
            texts(name="passed", arguments=passed, depends="container-0")
            expected["passed"] = [*[f"{sent}"] * 7, "as it is", "1e5"]
            items = [plain(a_text(source)) for _ in range(3)]
            looped = {name: "{{item}}" for name in NAMES}
            texts(name="loop", arguments=looped, with_items=items)
            expected |= {f"loop({n}:": [item] * 8 + ["1e5"] for n, item in enumerate(items)}
            values = [[a_value(source)] for _ in range(2)]
            others(name="each", arguments=looped, with_items=values)
            expected |= {f"each({n}:": [v] * 8 + [[1, "é", None]] for n, v in enumerate(values)}
    send_whole_values(w)
    refuse_unsendable(w)
    return w, expected


def differences(workflow: dict[str, Any], expected: dict[str, list[Any]]) -> list[str]:
    """Return a line for each value that did not come back as it went in."""
    lines = []
    got = {
        node["displayName"]: json.loads(parameter["value"])
        for node in workflow["status"]["nodes"].values()
        for parameter in (node.get("outputs") or {}).get("parameters", ())
        if "value" in parameter
    }
    for task, values in expected.items():
        found = next((got[name] for name in got if name == task or name.startswith(task)), None)
        if found is None or len(found) != len(values):
            lines.append(f"{task} said {found}")
        for name, one, other in zip([*NAMES, "default"], values, found or [], strict=False):
            if one != other or type(one) is not type(other):
                lines.append(f"{task}.{name}: sent {one!r}, got {other!r}")
    return lines
