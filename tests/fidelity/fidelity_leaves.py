"""Random templates that run no others, and the objects that random workflows refer to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]

IMAGE = "python:3.13-slim"
TEXTS = st.sampled_from(["x", "a b", "1", "0.50", "", "true", "{}", "[1, 2]", "it's", "é"])
_SOME = st.integers(0, 9)
_LISTS = ('["p", 2]', '[{"a": 1}, {"a": "q"}]', "[]", "no list")


class Choice:
    """What is simple is absent or first: Hypothesis makes what fails small by drawing zeros."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw

    def chance(self, of_ten: int) -> bool:
        """Return True ``of_ten`` times of ten."""
        return bool(self.draw(_SOME) >= 10 - of_ten)

    def one_of(self, *values: Any) -> Any:
        """Return one of ``values``."""
        return self.draw(st.sampled_from(values))

    def number(self, most: int) -> int:
        """Return a number from 0 on."""
        return int(self.draw(st.integers(0, most)))


def container(text: str) -> Json:
    """Return a container that runs ``text`` in a shell."""
    return {"image": IMAGE, "command": ["sh", "-c", text]}


def script(source: str) -> Json:
    """Return a script for a shell."""
    return {"image": IMAGE, "command": ["sh"], "source": source}


def needs(template: Json) -> bool:
    """Tell whether a template has an input that has to be given."""
    inputs = template.get("inputs") or {}
    return any("default" not in each for each in inputs.get("parameters") or ()) or any(
        not each.get("optional") for each in inputs.get("artifacts") or ()
    )


def parameter(name: str, **source: Any) -> Json:
    """Return an output parameter with what its value comes from."""
    return {"parameters": [{"name": name, "valueFrom": source}]}


def leaf(choose: Choice, name: str, kind: str = "") -> Json:
    """Return a template of a pod, or one that waits for a second."""
    kinds = ("print", "print", "write", "write", "fail", "save", "read", "flaky", "list", "wait")
    kind = kind or choose.one_of(*kinds, "set", "remember", "serve")
    made: Json = {"name": name}
    if kind == "wait":
        return {**made, **_wait(choose)}
    if choose.chance(6) and kind not in ("serve", "remember"):
        made["inputs"] = {"parameters": [{"name": "t"}]}
        if choose.chance(3):
            made["inputs"]["parameters"][0]["default"] = choose.draw(TEXTS)
    made.update(_POD[kind](choose, "inputs" in made))
    if kind == "read":
        artifact = {
            "name": "in",
            "path": "/tmp/in",
            **({"optional": True} if choose.chance(3) else {}),
        }
        made["inputs"] = {**made.get("inputs", {}), "artifacts": [artifact]}
    if kind == "serve":
        return made
    if choose.chance(1):
        made["synchronization"] = choose.one_of(
            {"mutexes": [{"name": "{{workflow.name}}-leaf"}]},
            {"semaphores": [{"configMapKeyRef": {"name": "generated", "key": "size"}}]},
        )
    if choose.chance(1) and "retryStrategy" not in made:
        made["retryStrategy"] = {"limit": 1, "retryPolicy": choose.one_of("OnFailure", "Always")}
    return made


def _wait(choose: Choice) -> Json:
    made: Json = {"suspend": {"duration": "1"}}
    if choose.chance(3):
        made["outputs"] = parameter("x", supplied={}, default=choose.draw(TEXTS))
    return made


def _print(choose: Choice, given: bool) -> Json:
    said = "{{inputs.parameters.t}}" if given else "fixed"
    variable = choose.one_of(
        *("{{workflow.status}}", "{{=1 + 2}}", "{{inputs.parameters}}", "{{node.name}}"),
        "{{=workflow.name == '' ? 'no' : 'name'}}",
    )
    return {"script": script(f"cat <<'EOF'\n{said}\nEOF\necho '{variable}'\n")}


def _list(choose: Choice, given: bool) -> Json:
    return {"script": script(f"echo '{choose.one_of(*_LISTS)}'")}


def _write(choose: Choice, given: bool) -> Json:
    outputs = parameter("x", path="/tmp/x")
    (made,) = outputs["parameters"]
    if choose.chance(3):
        made["globalName"] = "of-all"
    text = "echo -n written > /tmp/x"
    if choose.chance(2):
        made["valueFrom"]["default"] = "none"
        text = "true"
    return {"container": container(text), "outputs": outputs}


def _fail(choose: Choice, given: bool) -> Json:
    return {"container": container(f"exit {choose.one_of(1, 3, 137)}")}


def _save(choose: Choice, given: bool) -> Json:
    artifact: Json = {"name": "out", "path": "/tmp/out"}
    if choose.chance(3):
        artifact["archive"] = choose.one_of({"none": {}}, {"tar": {"compressionLevel": 0}})
    if choose.chance(2):
        artifact["globalName"] = "kept"
    return {"container": container("echo saved > /tmp/out"), "outputs": {"artifacts": [artifact]}}


def _read(choose: Choice, given: bool) -> Json:
    return {"script": script("cat {{inputs.artifacts.in.path}} || echo none")}


def _flaky(choose: Choice, given: bool) -> Json:
    strategy: Json = {"limit": choose.one_of(1, "2")}
    if choose.chance(5):
        strategy["retryPolicy"] = choose.one_of(
            "Always", "OnError", "OnFailure", "OnTransientError"
        )
    if choose.chance(4):
        strategy["expression"] = choose.one_of(
            "asInt(lastRetry.exitCode) < 2",
            'lastRetry.status == "Failed"',
            'lastRetry.message matches "code [3-9]"',
            "asInt(retries) < 1",
        )
    if choose.chance(2):
        strategy["backoff"] = {"duration": "1", "factor": 2}
    code = choose.one_of("$((1 - {{retries}}))", "3", "{{lastRetry.exitCode}}")
    return {"retryStrategy": strategy, "container": container(f"echo {{{{retries}}}}; exit {code}")}


def _set(choose: Choice, given: bool) -> Json:
    first = {"name": "first", **container(f"exit {choose.one_of(0, 0, 2)}")}
    main: Json = {"name": "main", **container("echo main")}
    if choose.chance(7):
        main["dependencies"] = ["first"]
    made: Json = {"containers": [first, main]}
    if choose.chance(3):
        made["retryStrategy"] = {"retries": 1}
    return {"containerSet": made}


def _remember(choose: Choice, given: bool) -> Json:
    return {
        "memoize": {
            "key": "{{workflow.name}}",
            "maxAge": choose.one_of("1h", "0s"),
            "cache": {"configMap": {"name": "generated-cache"}},
        },
        "container": container(f"echo -n kept > /tmp/x; exit {choose.one_of(0, 0, 1)}"),
        "outputs": parameter("x", path="/tmp/x"),
    }


def _serve(choose: Choice, given: bool) -> Json:
    return {"daemon": True, "container": container("exec sleep 300")}


_POD = {
    "print": _print,
    "list": _list,
    "write": _write,
    "fail": _fail,
    "save": _save,
    "read": _read,
    "flaky": _flaky,
    "set": _set,
    "remember": _remember,
    "serve": _serve,
}

STORED: Json = {
    "steps": {"name": "steps", "steps": [[{"name": "one", "template": "say"}]]},
    "say": {"name": "say", "script": script("echo stored {{workflow.status}}")},
    "fail": {"name": "fail", "container": container("exit 4")},
    "take": {
        "name": "take",
        "inputs": {"parameters": [{"name": "t"}]},
        "script": script("cat <<'EOF'\n{{inputs.parameters.t}}\nEOF\n"),
    },
}
"""The templates of a WorkflowTemplate to which random workflows refer."""

OBJECTS: list[Json] = [
    {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTemplate",
        "metadata": {"name": "generated"},
        "spec": {"templates": list(STORED.values())},
    },
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "generated"},
        "data": {"size": "2"},
    },
]
"""What has to be there before."""
