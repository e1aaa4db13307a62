"""The tasks of a manifest as text, before anything runs."""

from hera_experiment.argo.outline import outline


def task(name, **more):
    return {"name": name, "template": "leaf", **more}


def test_a_dag_in_the_order_in_which_it_may_run():
    tasks = [
        task("chart", depends="print"),
        task("collect", withItems=["a", "b"]),
        task("print", depends="collect.Succeeded && later"),
        task("later", withParam="{{x}}", when="1 == 1"),
        task("other", templateRef={"name": "kept", "template": "t"}, dependencies=["later"]),
    ]
    spec = {
        "entrypoint": "dag",
        "onExit": "clean",
        "templates": [{"name": "dag", "dag": {"tasks": tasks}}, {"name": "leaf"}],
    }
    assert outline({"metadata": {"generateName": "w-"}, "spec": spec}) == [
        "Workflow w-…",
        "├ collect ×2",
        "├ later ×?  when 1 == 1",
        "├ print  after collect.Succeeded && later",
        "├ other (kept/t)  after later",
        "└ chart  after print",
        "at the end: clean",
    ]


def test_steps_within_steps():
    spec = {
        "entrypoint": "main",
        "templates": [
            {"name": "main", "steps": [[task("a")], [task("b", template="inner"), task("c")]]},
            {"name": "inner", "steps": [[task("deep")]]},
            {"name": "leaf"},
        ],
    }
    assert outline({"kind": "Workflow", "metadata": {"name": "w"}, "spec": spec}) == [
        "Workflow w",
        "├ a",
        "├ b  after a",
        "│ └ deep",
        "└ c  after a",
    ]


def test_one_container_a_template_that_calls_itself_and_nothing():
    assert outline({"metadata": {"name": "w"}, "spec": {"entrypoint": "c"}})[1:] == ["└ c"]
    again = {"name": "r", "steps": [[{"name": "again", "template": "r"}]]}
    lines = outline({"metadata": {}, "spec": {"entrypoint": "r", "templates": [again]}})
    assert lines[-1].endswith("└ …") and len(lines) < 30
    assert outline({}) == ["Workflow …", "└ "]
