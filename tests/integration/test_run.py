"""``python -m hera_utils run`` as a person meets it: a command, its output, its exit status."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from polling import until
from script_place import HEAD, PATIENCE, Place
from task_processes import task_processes

DIAMOND = f"""{HEAD}
@script(image="python:3.11")
def say(word):
    print("the word is", word)

with Workflow(generate_name="diamond-", entrypoint="d") as w:
    with DAG(name="d"):
        a, b, c, d = (say(name=n, arguments={{"word": n}}) for n in "abcd")
        a >> [b, c] >> d
w.create()
print("created", w.name)
"""

FAILING = f"""{HEAD}
@script(image="python:3.11")
def divide(by):
    def inner(x):
        return 1 / x
    print("dividing")
    inner(int(by))

@script(image="python:3.11")
def after():
    print("never")

with Workflow(generate_name="failing-", entrypoint="d") as w:
    with DAG(name="d"):
        divide(name="bad", arguments={{"by": "0"}}) >> after(name="later")
w.create()
"""

SLEEPING = f"""{HEAD}
@script(image="python:3.11")
def sleep(mark):
    import os, time
    print("begun", flush=True)
    time.sleep(600)

with Workflow(generate_name="sleeping-", entrypoint="s") as w:
    with Steps(name="s"):
        sleep(arguments={{"mark": "x"}})
w.create()
"""

MANY = f"""{HEAD}
@script(image="python:3.11")
def tiny():
    pass

with Workflow(generate_name="many-", entrypoint="s", parallelism=2) as w:
    with Steps(name="s"):
        tiny(with_sequence=Sequence(count="60"))
w.create()
"""

COMPUTING = f"""{HEAD}
@script(image="python:3.11")
def look(name):
    import os
    path = "/" + name
    print(os.path.exists(path))

with Workflow(generate_name="computing-", entrypoint="s") as w:
    with Steps(name="s"):
        look(arguments={{"name": "nowhere"}})
w.create()
"""

CLAIMING = f"""{HEAD}
@script(image="python:3.11", volume_mounts=[VolumeMount(name="data", mount_path="/data")])
def write(run):
    import os
    os.makedirs(f"/data/{{run}}/figures")
    open(f"/data/{{run}}/figures/chart.png", "wb").write(b"png")
    open(f"/data/{{run}}/table.csv", "w").write("1,2\\n")

with Workflow(
    generate_name="claiming-",
    entrypoint="s",
    volumes=[ExistingVolume(name="data", claim_name="numbers", mount_path="/data")],
) as w:
    with Steps(name="s"):
        write(arguments={{"run": "{{{{workflow.name}}}}"}})
w.create()
"""


# A script in the manner of Nebari's users, with the settings as Argo's user interface shows them.
DOTENV = """
import os
from dotenv import load_dotenv
from hera.shared import global_config
from hera.workflows import DAG, Env, Workflow, script

load_dotenv(".env")
global_config.token = os.environ["ARGO_TOKEN"].replace("Bearer ", "")
global_config.host = os.environ["GLOBAL_CONFIG_HOST"]
global_config.namespace = os.environ["GLOBAL_CONFIG_NAMESPACE"]

@script(env=[Env(name="GREETING", value="bonjour")])
def greet(name):
    import os
    print(os.environ["GREETING"], name)

with Workflow(generate_name="greeting-", entrypoint="dag") as w:
    with DAG(name="dag"):
        greet(arguments={"name": "Lyon"})
w.create()
"""
SETTINGS = """# Copied from Argo UI
ARGO_SERVER='nebari.invalid:443'
ARGO_HTTP1=true
ARGO_SECURE=true
ARGO_BASE_HREF=/argo
ARGO_TOKEN='Bearer nobody-is-to-see-this'
ARGO_NAMESPACE=argo ;# or another
KUBECONFIG=/dev/null ;# recommended
GLOBAL_CONFIG_HOST='nebari.invalid/argo'
GLOBAL_CONFIG_NAMESPACE='dev'
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    # No test leaves a server behind: it ends by itself once its clients have.
    until(place.server_has_gone, 30)


def begun(place: Place) -> str:
    """Return the workflow whose task has begun, or nothing."""
    for log in place.logs():
        if "begun" in log.read_text():
            return log.parent.parent.name
    return ""


def test_a_diamond_succeeds(place: Place) -> None:
    done = place.run(DIAMOND)
    assert done.returncode == 0, done.stdout + done.stderr
    created = re.search(r"^created (diamond-\w{5})$", done.stdout, re.MULTILINE)
    assert created is not None
    name = created[1]
    assert f"workflow {name} is running" in done.stdout
    rows = re.findall(r"^[├└]─ ✔ (\w)  (?:<1|\d)s$", done.stdout, re.MULTILINE)
    assert rows[0] == "a" and sorted(rows) == list("abcd") and rows[-1] == "d"
    verdict, report = done.stdout.splitlines()[-2:]
    assert f"workflow {name}: Succeeded" in verdict
    assert report == f"report:  results/{name}.html"
    assert [log.read_text() for log in place.logs()].count("the word is a\n") == 1
    assert done.stderr == ""


def test_a_failing_task_shows_its_stack_trace_and_its_log(place: Place) -> None:
    done = place.run(FAILING)
    assert done.returncode == 1
    out = done.stdout
    trace = out[out.index("    Traceback (most recent call last):") :]
    assert "return 1 / x" in trace or "in inner" in trace
    assert "    ZeroDivisionError: division by zero" in trace
    assert "    dividing" in out
    assert re.search(r"^bad: Failed after .*: Error \(exit code 1\)$", out, re.MULTILINE)
    assert re.search(r"^└─ ○ later", out, re.MULTILINE)
    log = re.search(r"its whole log: (\S+)", out)
    assert log is not None
    assert "ZeroDivisionError" in (place.folder / log[1]).read_text()
    assert out.splitlines()[-2].endswith("1 of 2 tasks failed")


def test_a_process_tells_of_the_paths_that_a_script_computes(place: Place) -> None:
    place.environment["RUNTIME"] = "process"
    done = place.run(COMPUTING)
    assert done.returncode == 0, done.stdout + done.stderr
    told = (
        r"^workflow computing-\w+: template 'look' computes the path '/' \+ name \(line \d+ of its"
    )
    assert len(re.findall(told, done.stdout, re.MULTILINE)) == 1, done.stdout

    written = COMPUTING.replace("os.path.exists(path)", 'open(path, "w")')
    done = place.run(written)
    assert done.returncode == 1
    assert "template 'look' writes to '/' + name (line " in done.stderr
    assert not Path("/nowhere").exists()


def test_the_scripts_own_status_is_the_verdict(place: Place) -> None:
    done = place.run("import sys; print(sys.argv); sys.exit(7)", "--cluster", "-x")
    assert done.returncode == 7
    assert done.stdout == "['script.py', '--cluster', '-x']\n"
    assert done.stderr == "hera_utils: script.py ended with exit status 7\n"


def test_a_script_without_a_workflow_says_so(place: Place) -> None:
    done = place.run("print('only this')")
    assert (done.returncode, done.stdout) == (1, "only this\n")
    said = "hera_utils: script.py created no workflow: it has to call w.create()\n"
    assert done.stderr == said


def test_a_script_that_breaks_after_creating_keeps_its_status(place: Place) -> None:
    done = place.run(DIAMOND + "raise SystemExit(3)\n")
    assert done.returncode == 3
    assert re.search(r"^workflow diamond-\w+: Succeeded", done.stdout, re.MULTILINE)


def test_a_script_with_a_mistake_shows_its_own_trace_only(place: Place) -> None:
    done = place.run("def f():\n    return nothing\nf()\n")
    assert done.returncode == 1
    assert "NameError: name 'nothing' is not defined" in done.stderr
    assert "hera_utils/" not in done.stderr.replace(str(place.folder), "")


def test_several_workflows_of_one_script_are_all_followed(place: Place) -> None:
    done = place.run(DIAMOND.replace("diamond-", "first-") + FAILING)
    assert done.returncode == 1
    assert re.search(r"^workflow first-\w+: Succeeded", done.stdout, re.MULTILINE)
    assert re.search(r"^workflow failing-\w+: Failed", done.stdout, re.MULTILINE)


def test_each_of_many_tasks_is_told_once(place: Place) -> None:
    done = place.run(MANY)
    assert done.returncode == 0, done.stdout
    told = re.findall(r"^Succeeded +(\S+)", done.stdout, re.MULTILINE)
    assert len(told) == len(set(told)) == 60
    assert re.search(r"^└─ ✔ tiny ×60  60/60", done.stdout, re.MULTILINE)


def test_results_come_home(place: Place) -> None:
    (place.folder / ".hera" / "claims" / "numbers").mkdir(parents=True)
    done = place.run(CLAIMING)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = filter(Path.is_dir, (place.folder / "results").iterdir())
    assert (folder / "table.csv").read_text() == "1,2\n"
    assert f"results: results/{folder.name}/ (2 files)" in done.stdout
    assert f"chart:   results/{folder.name}/figures/chart.png" in done.stdout


def test_a_script_that_reads_a_dotenv_of_another_server_runs_here(place: Place) -> None:
    (place.folder / ".env").write_text(SETTINGS)
    done = place.run(DOTENV)
    assert done.returncode == 0, done.stdout + done.stderr
    (log,) = place.logs()
    assert log.read_text() == "bonjour Lyon\n"
    assert "nobody-is-to-see-this" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
def test_a_signal_ends_the_tasks(place: Place, number: signal.Signals, status: int) -> None:
    process = place.start(SLEEPING)
    until(lambda: begun(place))
    name = begun(place)
    assert task_processes(name)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.send_signal(number)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == status, output
    assert not task_processes(name)
    if number != signal.SIGHUP:
        assert "Traceback" not in output
        assert re.search(r"^workflow sleeping-\w+: Failed", output, re.MULTILINE)


def test_a_run_killed_outright_leaves_no_server_once_its_tasks_are_over(place: Place) -> None:
    process = place.start(SLEEPING.replace("sleep(600)", "sleep(2)"))
    until(lambda: begun(place))
    process.kill()
    process.communicate()
    until(place.server_has_gone)
    (journal,) = place.folder.glob(".hera/runs/*/journal.jsonl")
    assert '"Succeeded"' in journal.read_text()


def test_two_runs_share_one_server_and_keep_their_verdicts(place: Place) -> None:
    over = place.folder / ".hera" / "claims" / "data" / "over"
    over.parent.mkdir(parents=True)
    waiting = "[time.sleep(0.1) for _ in range(6000) if not os.path.exists('/data/over')]"
    source = SLEEPING.replace("time.sleep(600)", waiting)
    source = source.replace(
        'image="python:3.11"',
        'image="python:3.11", volumes=[ExistingVolume(name="d", claim_name="data",'
        ' mount_path="/data")]',
    )
    slow = place.start(source, "slow.py")
    until(lambda: (place.folder / ".hera" / "server.json").exists())
    # Its address stays; the process that it names is at first the one that starts it.
    server = json.loads((place.folder / ".hera" / "server.json").read_text())["url"]
    done = place.run(FAILING)
    assert json.loads((place.folder / ".hera" / "server.json").read_text())["url"] == server
    assert done.returncode == 1
    assert "sleeping-" not in done.stdout
    over.touch()
    output, _ = slow.communicate(timeout=PATIENCE)
    assert slow.returncode == 0, output
    assert "failing-" not in output


def test_on_a_terminal_progress_is_live_and_fits(place: Place) -> None:
    source = SLEEPING.replace("sleep(600)", "sleep(2)") + "print('hello', end='')\n"
    pid, screen = pty.fork()
    if pid == 0:
        os.chdir(place.folder)
        environment = {**place.environment, "TERM": "xterm-256color", "COLUMNS": "80"}
        command = place.command(source)
        os.execvpe(command[0], command, environment)
    written = b""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        ready, _, _ = select.select([screen], [], [], 1.0)
        if not ready:
            continue
        try:
            data = os.read(screen, 65536)
        except OSError:
            break
        if not data:
            break
        written += data
    _, status = os.waitpid(pid, 0)
    os.close(screen)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode())
    assert os.waitstatus_to_exitcode(status) == 0, text
    assert "hello" in text
    assert re.search(r"sleeping-\w+  Running  ", text)
    assert re.search(r"● \S*sleep", text)
    assert "\x1b[?25h" in written.decode()[-2000:], "the cursor stays hidden"
    assert re.search(r"^workflow sleeping-\w+: Succeeded", text, re.MULTILINE)
    assert all(len(line) <= 80 for line in re.split(r"[\r\n]+", text))
