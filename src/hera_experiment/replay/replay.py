"""Runs a task of a run once more on this machine, and says whether it ends as it did there."""

from __future__ import annotations

import argparse
import copy
import os
import posixpath
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hera_experiment.argo.names import ANNOTATION_LIMITS
from hera_experiment.argo.tasks import Task, tasks_of
from hera_experiment.argo.workflows import artifact_key, specification
from hera_experiment.context.context import Context
from hera_experiment.context.profiles import LOCAL
from hera_experiment.errors import UserError
from hera_experiment.experiment import Experiment
from hera_experiment.follow.log_reader import LogReader, follow_logs
from hera_experiment.follow.spec_warnings import SpecWarnings
from hera_experiment.images.engine import RUNNERS
from hera_experiment.images.published import BUILT
from hera_experiment.local.engine.config_values import NoConfigValue
from hera_experiment.platform import local_server
from hera_experiment.platform.argo_answers import NOT_FOUND, ArgoRefusal
from hera_experiment.platform.cluster import Kind
from hera_experiment.platform.laptop_access import LaptopAccess
from hera_experiment.record.code import CodeNotKept
from hera_experiment.record.origin import Origin
from hera_experiment.replay import unlike
from hera_experiment.replay.debugger import Debugger
from hera_experiment.replay.ending import Ending, difference, ending_of
from hera_experiment.replay.files import CLAIM, TaskFiles, folders_of
from hera_experiment.replay.one_task import containers_in, mounts_of, one_task, template_of
from hera_experiment.replay.opened_files import OpenedFiles, interpreter_of
from hera_experiment.replay.place import ReplayPlace
from hera_experiment.replay.wish import NOW, THEN, Wish
from hera_experiment.results.artifact_files import OwnArtifact, fetch_artifacts
from hera_experiment.results.transport import exclusive_lock
from hera_experiment.runs.find import Run
from hera_experiment.runs.server import Server, open_server
from hera_experiment.waiting import poll

_PATIENCE, _EVERY = 40.0, 0.05


@dataclass(frozen=True)
class Replayed:
    """What came of it; ``differs`` says how the end is another one, and is empty for the same.

    ``remarks`` say what could not be as it was there.
    """

    task: str
    there: Ending
    here: Ending
    differs: str
    folder: Path
    remarks: tuple[str, ...] = ()


@dataclass
class Replay:
    """One task of ``run``, to be run again as ``context`` says.

    ``say`` hears what is prepared, ``show`` each line that the task prints. ``today`` returns the
    workflow that would be submitted today.
    """

    run: Run
    task: Task
    context: Context
    wish: Wish
    say: Callable[[str], None]
    show: Callable[[str], None]
    today: Callable[[], Mapping[str, Any]]
    _remarks: list[str] = field(default_factory=list)

    def replayed(self) -> Replayed:
        """Run the task again.

        Raises
        ------
        UserError
            When it cannot be run here, or its files cannot be had.
        """
        run, task = self.run, self.task
        there = ending_of(run, task)
        workflow = self._of_today() if self.wish.code == NOW else run.workflow
        manifest = copy.deepcopy(one_task(workflow, task, self._config_value))
        place = ReplayPlace(self.context.experiment, run.name, task.name)
        with ExitStack() as stack:
            doing = f"{task.name} of {run.name} is run again"
            label = stack.enter_context(
                exclusive_lock(self.context.experiment, f"replay-{place.name}", doing)
            )
            _end_server(place.experiment)
            self._prepare_code(place)
            account = self._adapt(manifest, place)
            files = TaskFiles(
                run, task, place, folders_of(run, manifest), self.wish, self.say, label
            )
            opened = stack.enter_context(files.brought(self.context.runtime))
            if opened is not None:
                for program in programs_of(manifest, place.claims):
                    opened.provide(program)
            server = stack.enter_context(self._served(place, opened))
            self._bring_artifacts(manifest, place)
            self._bring_configmaps(manifest, server.cluster)
            if self.wish.debug:
                debugger = stack.enter_context(Debugger(place.claims))
                debugger.take_part(manifest)
            here = self._ended(server, manifest)
            text = "\n".join((there.message, *there.lines))
            account = account or self.run.server.context.argo_service_account
            in_engine = self.context.runtime in RUNNERS
            self._remarks += unlike.what_ended_it(
                manifest, text, run.name, account, in_engine=in_engine
            )
        self._remarks += files.remarks
        differs = difference(there, here, _paths(manifest, place.claims))
        remarks = tuple(dict.fromkeys(self._remarks))
        return Replayed(task.name, there, here, differs, place.folder, remarks)

    def _of_today(self) -> Mapping[str, Any]:
        """Return the run with the templates that it would have today."""
        status = dict(self.run.workflow.get("status") or {})
        for key in ("storedTemplates", "storedWorkflowTemplateSpec"):
            status.pop(key, None)
        spec = {**self.today()["spec"]}
        arguments = specification(self.run.workflow).get("arguments")
        if arguments:
            spec["arguments"] = arguments
        return {**self.run.workflow, "spec": spec, "status": status}

    def _prepare_code(self, place: ReplayPlace) -> None:
        tree = ""
        if self.wish.code == THEN:
            code = Origin.of(self.run.record.origin if self.run.record else {}).code
            tree = code.tree
            if not tree:
                why = f" ({code.why})" if code.why else ""
                self._remarks.append(
                    f"the code of {self.run.name} was not kept{why}: containers/ are today's"
                )
        try:
            place.prepare(tree)
        except CodeNotKept as error:
            self._remarks.append(f"{error.what}: containers/ are today's")
            place.prepare("")

    def _adapt(self, manifest: dict[str, Any], place: ReplayPlace) -> str:
        """Make what runs here of ``manifest``; return the service account it had there."""
        spec = specification(self.run.workflow)
        account = str(spec.get("serviceAccountName") or "")
        pod = self.task.pod or self.task.node
        self._remarks += unlike.adapt(manifest, pod, account)
        very_image = self.context.image == BUILT or self.context.runtime in RUNNERS
        if not very_image:
            containers = place.experiment.containers
            self._remarks += unlike.use_own_images(
                manifest, place.experiment.slug, lambda name: (containers / name).is_dir()
            )
        return account

    @contextmanager
    def _served(self, place: ReplayPlace, opened: OpenedFiles | None) -> Iterator[Server]:
        """Yield the local server of ``place``, without what an earlier replay left.

        ``opened`` hears what its tasks open.
        """
        words = {"cluster": LOCAL, "runtime": self.context.runtime, "image": self.context.image}
        kind = type(self.context)
        context = kind.resolve(argparse.Namespace(**words), place.experiment, os.environ)
        with ExitStack() as stack:
            if opened is not None:
                stack.enter_context(_heard_server(place.experiment, opened))
            server = stack.enter_context(open_server(context))
            namespace = str(self.run.workflow["metadata"].get("namespace") or LOCAL)
            try:
                server.client.delete_workflow(namespace, self.run.name)
            except ArgoRefusal as error:
                if error.status != NOT_FOUND:
                    raise
            yield server

    def _bring_artifacts(self, manifest: Mapping[str, Any], place: ReplayPlace) -> None:
        """Bring the input artifacts that a repository has; it is a folder here."""
        pod = self.task.pod or self.task.node
        inputs = (template_of(manifest).get("inputs") or {}).get("artifacts") or []
        stored = {str(each["name"]): each for each in inputs if artifact_key(each)}
        wanted = []
        for name, artifact in stored.items():
            file = posixpath.basename(artifact_key(artifact).rstrip("/")) or "file"
            wanted.append(OwnArtifact(name, str(pod["id"]), name, file, "inputs"))
        if not wanted:
            return
        state = place.experiment.state
        results = fetch_artifacts(self.run.workflow, wanted, self.run.server.client, state)
        self._remarks += results.remarks
        for each in wanted:
            artifact = stored[each.name]
            key = f"{each.name}/{each.file}"
            if not (state / "artifacts" / key).is_file():
                key = each.name
            for kind in ("s3", "gcs", "oss", "azure", "hdfs", "artifactory", "subPath"):
                artifact.pop(kind, None)
            artifact["s3"] = {"key": key}

    def _bring_configmaps(self, manifest: Mapping[str, Any], cluster: object) -> None:
        """Give the task the ConfigMaps that it names: those of its cluster, else the laptop's."""
        assert isinstance(cluster, LaptopAccess)
        for name in sorted(_configmaps(manifest)):
            data = self._configmap(name)
            if data is not None:
                cluster.keep_configmap(name, data)

    def _configmap(self, name: str) -> dict[str, str] | None:
        there = self.run.server.cluster
        why = f"{there.name} gives no access to it"
        if there.has_access:
            try:
                found = there.find(Kind.CONFIGMAP, name)
            except UserError as error:
                why = error.what
            else:
                return None if found is None else dict(found.get("data") or {})
        folder = self.context.experiment.state / "configmaps" / name
        if not folder.is_dir():
            self._remarks.append(f"the ConfigMap '{name}' is not known here: {why}")
            return None
        self._remarks.append(f"the ConfigMap '{name}' is the laptop's: {why}")
        return {path.name: path.read_text("utf-8") for path in folder.iterdir() if path.is_file()}

    def _config_value(self, name: str, key: str) -> str:
        """Return what a parameter of the workflow takes from a ConfigMap."""
        data = self._configmap(name)
        if data is None or key not in data:
            raise NoConfigValue(f"ConfigMap '{name}' has no {key} here")
        return data[key]

    def _ended(self, server: Server, manifest: dict[str, Any]) -> Ending:
        """Run the workflow to its end, and return how its task ended."""
        namespace = manifest["metadata"]["namespace"] or LOCAL
        manifest["metadata"]["annotations"] = {ANNOTATION_LIMITS: "1"}
        created = server.client.create_workflow(namespace, manifest)
        run = Run(server, created)
        try:
            for line in follow_logs(run, LogReader(run)):
                self.show(line.text)
        except (KeyboardInterrupt, SystemExit):
            server.client.terminate_workflow(namespace, run.name)
            raise
        run.workflow = server.get(run.name)
        prefix = f"workflow {run.name}: "
        self._remarks += [
            line.text.removeprefix(prefix) for line in SpecWarnings().fresh(run.workflow)
        ]
        tasks = tasks_of(run.workflow)
        if not tasks:
            status = run.workflow.get("status") or {}
            return Ending(str(status.get("phase")), str(status.get("message") or ""), "")
        return ending_of(run, tasks[0])


def _end_server(experiment: Experiment) -> None:
    """End the local server that an earlier replay has left, with all that it runs."""
    left = local_server.running(experiment)
    if left is None:
        return
    with suppress(ProcessLookupError):
        os.kill(left.pid, signal.SIGTERM)
    if not poll(lambda: local_server.running(experiment) is None, _PATIENCE, _EVERY):
        raise UserError(
            "the local server of an earlier replay does not end",
            str(left.log),
            f"end its process: kill {left.pid}",
        )


@contextmanager
def _heard_server(experiment: Experiment, opened: OpenedFiles) -> Iterator[None]:
    """Have a local server of which ``opened`` hears."""
    lease = local_server.acquire(
        experiment,
        command=opened.notifications.command(local_server.SERVE),
        descriptors=(opened.notifications.descriptor,),
    )
    opened.begin()
    try:
        yield
    finally:
        lease.close()
        lease.wait(_PATIENCE)


def _configmaps(manifest: Mapping[str, Any]) -> set[str]:
    found = set()
    for container in containers_in(template_of(manifest)):
        for source in container.get("envFrom") or ():
            found.add(str((source.get("configMapRef") or {}).get("name") or ""))
        for variable in container.get("env") or ():
            reference = (variable.get("valueFrom") or {}).get("configMapKeyRef") or {}
            found.add(str(reference.get("name") or ""))
    for volume in manifest["spec"]["volumes"]:
        found.add(str((volume.get("configMap") or {}).get("name") or ""))
    return found - {""}


def _paths(manifest: Mapping[str, Any], claims: Path) -> dict[str, str]:
    """Return what the folders of claims here are called in the task, the innermost first."""
    mounts = mounts_of(template_of(manifest))
    found = {}
    for volume in manifest["spec"]["volumes"]:
        claim = (volume.get(CLAIM) or {}).get("claimName")
        for mount in mounts.get(volume["name"], ()) if claim else ():
            folder = claims / str(claim) / str(mount.get("subPath") or "")
            found[str(folder).rstrip("/")] = str(mount.get("mountPath"))
    return dict(sorted(found.items(), key=lambda pair: -len(pair[0])))


def programs_of(manifest: Mapping[str, Any], claims: Path) -> Iterator[str]:
    """Yield where the programs of the containers lie that are on claims.

    When the next is asked for, the one before has come: what interprets it follows.
    """
    paths = _paths(manifest, claims)
    for container in containers_in(template_of(manifest)):
        program = next(iter(container.get("command") or ()), "")
        met: set[str] = set()
        while program and program not in met:
            met.add(program)
            places = [
                folder + program[len(mounted) :]
                for folder, mounted in paths.items()
                if program.startswith(f"{mounted}/")
            ]
            program = ""
            for place in places:
                yield place
                with suppress(OSError):
                    program = interpreter_of(place)


def chosen_task(run: Run, name: str) -> Task:
    """Return the task called ``name``, or whose name begins so; without one the first that failed.

    Of several that begin so the first that failed is meant, else the first. Raises
    :class:`UserError` when there is none.
    """
    from hera_experiment.argo.phases import FAILURES

    tasks = tasks_of(run.workflow)
    failed = [task for task in tasks if task.phase in FAILURES]
    by_itself = [task for task in failed if task.pod and "workflow shutdown" not in task.message]
    if not name:
        if by_itself or failed:
            return (by_itself or failed)[0]
        raise UserError(
            f"no task of {run.name} has failed",
            "--task",
            f"name one: make replay RUN={run.name} TASK=…",
        )
    exact = [task for task in tasks if task.name == name]
    begin = exact or [task for task in (*by_itself, *tasks) if task.name.startswith(name)]
    if begin:
        return begin[0]
    import difflib

    close = difflib.get_close_matches(name, [task.name for task in tasks], n=1)
    advice = f"did you mean '{close[0]}'?" if close else f"'make status RUN={run.name}'"
    raise UserError(f"no task of {run.name} begins with '{name}'", "--task", advice)
