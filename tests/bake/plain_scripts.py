"""Scripts in the way of Hera's documentation, each a name and a text: plain, and not tidied up.

They have no docstrings, few annotations, imports in any order, names of ``typing`` that are old,
and what Hera allows though its own types do not: lists of tasks beside ``>>``, dictionaries in the
place of objects, calls of scripts and containers that are tasks or steps.
"""

PLAIN_SCRIPTS = {
    "hello": """\
from hera.workflows import Steps, Workflow, script

@script()
def hello(who):
    print('hello', who)

with Workflow(generate_name='hello-', entrypoint='steps', arguments={'who': 'Lyon'}) as w:
    with Steps(name='steps') as s:
        hello(arguments={'who': '{{workflow.parameters.who}}'})
""",
    "diamond": """\
from hera.workflows import Workflow, Container, DAG, Parameter, Resources, Task, script

@script(image="python:3.13-slim")
def say(text: str, times: int = 1):
    for _ in range(times):
        print(text)

@script()
def finish():
    print("done")

with Workflow(generate_name="diamond-", entrypoint="diamond") as w:
    echo = Container(
        name="echo",
        image="alpine:3",
        inputs=[Parameter(name="text")],
        command=["echo", "{{inputs.parameters.text}}"],
        resources=Resources(cpu_request="100m"),
    )
    with DAG(name="diamond") as dag:
        a = say(name="a", arguments={"text": "first"})
        b = say(name="b", arguments=[Parameter(name="text", value="left"), {"times": 2}])
        c = echo(name="c", arguments={"text": "right"})
        d = Task(name="d", template=echo, arguments={"text": "last"})
        e = finish()
        a >> [b, c]
        [b, c] >> d >> e
""",
    "coinflip": """\
from hera.workflows import DAG, Workflow, script
import random

@script(retry_strategy={"limit": "2"})
def flip():
    import random

    print("heads" if random.randint(0, 1) == 0 else "tails")

@script()
def told(side):
    print("it was", side)

def flips(prefix):
    with Workflow(generate_name=prefix + str(random.randint(1, 9)) + "-", entrypoint="d") as w, DAG(
        name="d"
    ) as dag:
        f = flip()
        heads = told(name="heads", arguments={"side": "heads"}).on_other_result(f, "heads")
        tails = told(name="tails", arguments={"side": f.result}, when=f"{f.result} == tails")
        f >> tails
        f | heads
    return w

w = flips("coinflip-")
""",
    "callables": """\
import os
from typing import Dict, List, Optional
from hera.shared import global_config
from hera.workflows import Parameter, Steps, Workflow, models as m, script

global_config.image = os.environ.get("IMAGE", "python:3.13-slim")

@script(outputs=[Parameter(name="even", value_from={"path": "/tmp/even"})])
def split(numbers: List[int], modulus: Optional[int] = None):
    found: Dict[str, List[int]] = {}
    for number in numbers:
        found.setdefault(str(number % (modulus or 2)), []).append(number)
    with open("/tmp/even", "w") as file:
        file.write(str(found.get("0")))

@script()
def square(number: int) -> int:
    print(number ** 2)
    return number ** 2

def check():
    l = [square(number) for number in (1, 2)]
    assert l == [1, 4]

with Workflow(
    generate_name="callables-",
    entrypoint="main",
    volume_claim_templates=[
        m.PersistentVolumeClaim(
            metadata={"name": "scratch"},
            spec={
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        )
    ],
) as w:
    with Steps(name="main") as steps:
        first = split(arguments={"numbers": [1, 2, 3]})
        with steps.parallel():
            for number in range(3):
                square(name=f"square-{number}", arguments={"number": number})
        split(
            name="again",
            arguments=[first.get_parameter("even").with_name("numbers")],
            when="{{steps.split.exitCode}} == 0",
        )
""",
    "artifacts": """\
from hera.workflows import (
    Artifact, DAG, NoneArchiveStrategy, Workflow, script)
from hera.workflows.models import Sequence
try:
    import numpy as np
except ImportError:
    np = None

@script(outputs=Artifact(name="table", path="/tmp/table", archive=NoneArchiveStrategy()))
def write():
    import pandas as pd

    frame = pd.DataFrame({"x": [1, 2]})
    frame.to_csv("/tmp/table")

@script(inputs=[Artifact(name="table", path="/tmp/in")])
def read(scale: float = 1.0):
    total = 0
    rows = open("/tmp/in")
    rows = list(rows)
    for position, row in enumerate(rows):
        total += float(row.split(",")[1]) * scale
    print(total)

@script()
def numbers():
    import json
    import sys
    json.dump([i for i in range(3)], sys.stdout)

@script()
def show(item):
    print(item)

with Workflow(generate_name="artifacts-", entrypoint="dag") as w:
    with DAG(name="dag"):
        written = write()
        r = read(arguments=[written.get_artifact("table").with_name("table")])
        n = numbers()
        each = show(arguments={"item": "{{item}}"}, with_param=n.result)
        more = show(name="more", arguments={"item": "{{item}}"}, with_sequence=Sequence(count=3))
        written >> r
        n >> each
        [r, each] >> more
""",
}
