"""Two runs compared: which task is the first to differ, and what may be the cause."""

from __future__ import annotations

from compared_runs import Maker, without_code

from hera_experiment.compare.causes import Cause, Comparison
from hera_experiment.compare.differences import differences
from hera_experiment.compare.history import history_of, varying_lines
from hera_experiment.compare.sources import is_harmless
from hera_experiment.runs.listing import Listed

CODE = {
    "workflow.py": "from inputs import inputs\nimport helper\n",
    "inputs.py": "inputs = 1\n",
    "helper.py": "",
    "README.md": "",
    "containers/a/Dockerfile": "FROM python\n",
    "containers/a/a.py": "import model\nopen('table.csv')\n",
    "containers/a/model.py": "LIMIT = 1\n",
    "containers/a/table.csv": "1\n",
    "containers/a/notes.md": "",
}
SAME = {"x/a.csv": ("a", "n,v\np,1\n"), "b.txt": ("b", "b"), "c.txt": ("c", "c")}


def causes(comparison: Comparison) -> tuple[list[Cause], list[Cause]]:
    first = comparison.differences.first
    assert first is not None
    found = comparison.causes(first)
    return [each for each in found if not each.out], [each for each in found if each.out]


def test_runs_that_left_the_same_differ_nowhere(maker: Maker) -> None:
    maker.write(CODE)
    one = maker.run("one", SAME)
    maker.write({"README.md": "more"})
    other = maker.run("two", {**SAME, "b.txt": ("b", "b")})
    found = differences(one, other)
    assert found.same_outputs and found.first is None
    assert [(change.path, change.kind) for change in found.code] == [("README.md", "changed")]
    assert {file.kind for file in found.files} == {"identical"}
    assert found.seconds == (26.0, 26.0)


def test_the_name_of_the_run_in_a_file_is_no_difference(maker: Maker) -> None:
    one = maker.run("one", {"b.txt": ("b", "in /one/b")})
    other = maker.run("two", {"b.txt": ("b", "in /two/b")})
    assert [file.kind for file in differences(one, other).files] == ["equal"]


def test_the_first_task_is_that_of_the_graph(maker: Maker) -> None:
    one = maker.run("one", SAME)
    other = maker.run("two", {**SAME, "b.txt": ("b", "B"), "c.txt": ("c", "C")})
    found = differences(one, other)
    assert [task.name for task in found.tasks] == ["b", "c"]
    assert [file.path for file in found.tasks[0].files] == ["b.txt"]
    late = differences(one, other).first_of("c.txt")
    assert late is not None and late.name == "b", "c is made of what b left"
    assert found.first_of("x/a.csv") is None


def test_a_value_that_differs_makes_a_task_differ(maker: Maker) -> None:
    one, other = maker.run("one", SAME), maker.run("two", SAME, values={"b": "7"})
    (task,) = differences(one, other).tasks
    assert (task.name, [str(value) for value in task.values]) == ("b", ["result: b of <run> → 7"])


def test_what_the_kernel_has_seen_goes_before_times(maker: Maker) -> None:
    touched = {"c": {"read": [], "written": ["claim/numbers:one/b.txt"]}}
    both = {"a": {}, "b": {}}
    one = maker.run("one", SAME, touched={**both, **touched})
    touched = {"c": {"read": [], "written": ["claim/numbers:two/b.txt"]}}
    other = maker.run("two", {**SAME, "b.txt": ("b", "B")}, touched={**both, **touched})
    assert [task.name for task in differences(one, other).tasks] == ["c"]


def test_a_file_of_the_container_that_its_program_uses_is_the_cause(maker: Maker) -> None:
    maker.write(CODE)
    one = maker.run("one", SAME, inputs={"growth": 1})
    maker.write({name: f"{CODE[name]}# more\n" for name in ("workflow.py", "containers/a/a.py")})
    maker.write({"containers/a/model.py": "LIMIT = 2\n", "containers/a/notes.md": "x", "n.py": ""})
    other = maker.run("two", {**SAME, "x/a.csv": ("a", "n,v\np,2\n")}, inputs={"growth": 2})
    found, out = causes(Comparison(one, other, differences(one, other)))
    assert [(each.kind, each.name) for each in found] == [
        ("code", "containers/a/model.py"),
        ("code", "containers/a/notes.md"),
    ]
    assert found[0].what == ("-LIMIT = 1", "+LIMIT = 2")
    assert {each.name for each in out} == {"growth", "workflow.py", "containers/a/a.py", "n.py"}


def test_what_a_task_was_seen_to_read_is_the_cause(maker: Maker) -> None:
    maker.write(CODE)
    touched = {"a": {"read": ["image/app:table.csv"], "written": []}, "b": {}, "c": {}}
    one = maker.run("one", SAME, touched=touched)
    maker.write({"containers/a/model.py": "LIMIT = 2\n", "containers/a/table.csv": "2\n"})
    other = maker.run("two", SAME, touched=touched, values={"a": "7"})
    found, out = causes(Comparison(one, other, differences(one, other)))
    assert [(each.kind, each.name) for each in found] == [("data", "containers/a/table.csv")]
    assert [each.name for each in out] == ["containers/a/model.py"]


def test_an_input_that_reached_the_task_is_the_cause(maker: Maker) -> None:
    maker.write(CODE)
    one = maker.run("one", SAME, inputs={"growth": 1.5, "title": "x"}, told="1.5")
    other = maker.run(
        "two", SAME, inputs={"growth": 2.5, "title": "y"}, told="2.5", values={"a": "7"}
    )
    found, _ = causes(Comparison(one, other, differences(one, other)))
    assert [(each.kind, each.name) for each in found] == [("input", "growth"), ("input", "title")]


def test_without_any_change_it_is_chance(maker: Maker) -> None:
    maker.write(CODE)
    one, other = maker.run("one", SAME), maker.run("two", SAME, values={"a": "7"})
    found, out = causes(Comparison(one, other, differences(one, other)))
    assert ([(each.kind, each.name) for each in found], out) == ([("chance", "a")], [])


def test_code_that_was_not_kept_is_told(maker: Maker) -> None:
    one = maker.run("one", SAME)
    other = without_code(maker.run("two", SAME, values={"a": "7"}))
    found = differences(one, other)
    assert any("no git on this machine" in remark for remark in found.remarks)
    assert Comparison(one, other, found).trees is None


def test_changes_that_cannot_matter() -> None:
    assert is_harmless("a.py", "import b\nimport a\n", "import a  # x\nimport b\n")
    assert is_harmless("a.py", '"""One."""\nx = 1\n', '"""Two."""\nx = (1)\n')
    assert not is_harmless("a.py", "x = 1\n", "x = 2\n")
    assert is_harmless("Dockerfile", "FROM a\n", "# b\nFROM a\n\n")
    assert not is_harmless("requirements.txt", "six==1\n", "six==2\n")
    assert not is_harmless("t.csv", "1\n", "1 \n")


def test_only_columns_that_vary_are_shown(maker: Maker) -> None:
    maker.write(CODE)
    runs = []
    for name, growth in (("one", 1), ("two", 2)):
        account = maker.run(name, SAME, inputs={"growth": growth, "steps": 3})
        runs.append(
            Listed("local", name, "Succeeded", "2026-11-26T10:00:00Z", None, account.record)
        )
    found = history_of(maker.store, runs[::-1])
    lines = [line.text.split() for line in varying_lines(found, None, 80)]  # type: ignore[arg-type]
    assert lines == [["RUN", "growth"], ["two", "2"], ["one", "1"]]
    assert [str(change) for change in found[0].changes or ()] == []
