"""Reads claims through Argo's server alone, by small workflows that hand over artifacts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import sleep

from hera_experiment.argo.workflows import claims_of
from hera_experiment.check.rights import grant
from hera_experiment.context import tokens
from hera_experiment.errors import UserError
from hera_experiment.platform.argo_answers import ArgoRefusal
from hera_experiment.platform.kubernetes_access import KubernetesAccess
from hera_experiment.platform.kubernetes_reviews import Right, user_name, user_review
from hera_experiment.results.data_files import FOLDER, DataFile, announce, changed_files
from hera_experiment.results.listing import Entry, Listing, read_listing
from hera_experiment.results.outcome import Results, files, joined
from hera_experiment.results.packed import batches, unpacked, without_first
from hera_experiment.results.reader_workflow import MISSING, NoArtifacts, ReaderWorkflows
from hera_experiment.results.store import Store
from hera_experiment.results.transfer import Meter, Transfer, bring, download, retry
from hera_experiment.results.transport import TransferRequest
from hera_experiment.waiting import Backoff

_FIRST_PAUSE, _LONGEST_PAUSE, _PAUSES = 1.0, 8.0, 4
_ROUNDS = 2
# Of one archive: the disks of the pod and of Argo's server hold it for a while.
_ARCHIVE = 4 << 30
# Bytes of names, which go into the workflow: 1 MiB at most, in which compression only helps.
_MOST_NAMES = 400_000

_READER = (
    Right("", "pods", ("create", "get", "list", "delete")),
    # A web socket is opened by "get"; newer versions of Kubernetes ask for "create" too.
    Right("", "pods/exec", ("get", "create")),
)
_SECRET = Right("", "secrets", ("get",))
_REPOSITORY = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: artifact-repositories
  namespace: {namespace}
  annotations: {{workflows.argoproj.io/default-artifact-repository: default}}
data:
  default: |
    s3:
      endpoint: ENDPOINT
      bucket: BUCKET
      accessKeySecret: {{name: SECRET, key: accesskey}}
      secretKeySecret: {{name: SECRET, key: secretkey}}
"""


class WorkflowTransport:
    """Workflows that read the claims, where ``why_no_pods`` tells why pods cannot.

    The methods raise :class:`~hera_experiment.errors.UserError` when this is impossible too; what
    to ask the administrator for has been said then.
    """

    def __init__(self, request: TransferRequest, why_no_pods: str) -> None:
        self._request = request
        self._why_no_pods = why_no_pods

    def download(self, destination: Path) -> Results:
        """See :class:`~hera_experiment.results.transport.Transport`."""
        request, why = self._request, self._why_no_pods
        request.say(f"no pod can read the claim, a workflow tries: {why}")
        with self._explained(
            f"the results of {request.name} cannot be fetched",
            "ask the administrator for one of the two, as shown above",
        ):
            claims = claims_of(request.workflow)
            folders = {claim: self._folder(claim, request.name) for claim in claims}
            return download(folders, destination, request.say)

    def bring(self, folders: Mapping[str, Sequence[str]], destination: Path, most: int) -> Results:
        """See :class:`~hera_experiment.results.transport.Transport`."""
        request = self._request
        request.say(f"no pod can read the claim, a workflow tries: {self._why_no_pods}")
        whole = Results(destination)
        with self._explained(
            f"the files of {request.name} cannot be fetched",
            "ask the administrator for one of the two, as shown above; LIMIT=0 does without them",
        ):
            for claim, wanted in folders.items():
                there = {each: self._folder(claim, each) for each in wanted}
                brought = bring(claim, there, destination / claim, most, request.say)
                whole = joined(whole, brought)
        return whole

    def upload(self, claim: str, files_: Sequence[DataFile]) -> None:
        """Look at the claim; raises ``UserError`` unless all files are there already."""
        request, why = self._request, self._why_no_pods
        request.say(
            f"no pod can copy {FOLDER}/ to the claim, a workflow looks what is there: {why}"
        )
        with self._explained(
            f"whether {FOLDER}/ on the claim '{claim}' is up to date cannot be seen",
            "ask the administrator for the rights shown above, or to copy the files",
        ):
            there = self._folder(claim, FOLDER).list()
        changed = changed_files(files_, there)
        if changed:
            raise UserError(
                f"{files(len(changed))} of {FOLDER}/ changed and cannot be copied to the claim "
                f"'{claim}', since {why}",
                next_step=f"ask whoever can write to the claim to copy {FOLDER}/ there",
            )
        announce([], claim, request.say)

    def remove(self, folders: Mapping[str, Sequence[str]]) -> int:
        """Remove folders, see :class:`~hera_experiment.results.transport.Transport`.

        How much that freed is not known.
        """
        request, why = self._request, self._why_no_pods
        request.say(f"no pod can change the claim, a workflow tries: {why}")
        with self._explained(
            "the files on the claim cannot be removed",
            "ask whoever can write to the claim to remove them",
        ):
            for claim, names in folders.items():
                readers = ReaderWorkflows(request, claim)
                readers.remove_those_left()
                readers.remove(names)
        return 0

    def _folder(self, claim: str, folder: str) -> WorkflowFolder:
        """Return a folder of ``claim``; what was left by an earlier client is removed first."""
        readers = ReaderWorkflows(self._request, claim)
        readers.remove_those_left()
        return WorkflowFolder(readers, folder, self._request.say)

    @contextmanager
    def _explained(self, impossible: str, next_step: str) -> Iterator[None]:
        try:
            yield
        except (NoArtifacts, ArgoRefusal) as error:
            self._show_what_to_ask_for(with_repository=isinstance(error, NoArtifacts))
            raise UserError(
                f"{impossible}: by a pod, since {self._why_no_pods}; by a workflow, since {error}",
                next_step=next_step,
            ) from None

    def _show_what_to_ask_for(self, *, with_repository: bool) -> None:
        """Say what the administrator could grant so that claims can be read."""
        server, say = self._request.server, self._request.say
        cluster, namespace = server.cluster, server.namespace
        user = ""
        if isinstance(cluster, KubernetesAccess) and cluster.has_access:
            user = _user_of(cluster)
        user = user or tokens.subject(server.context.argo_token)
        say("To send to the administrator, who types kubectl apply -f - and pastes it")
        say(f"--- to read claims by a pod (with a kubeconfig)\n{rights(namespace, user)}")
        if with_repository:
            say(
                "--- or an artifact repository, to read them by a workflow; fill in the capitals\n"
                f"{repository(namespace, user)}"
            )


class WorkflowFolder:
    """One folder of a claim, seen through workflows that list it and pack some of its files."""

    def __init__(
        self,
        readers: ReaderWorkflows,
        folder: str,
        say: Callable[[str], None],
        pause: Callable[[float], None] = sleep,
    ) -> None:
        self._readers = readers
        self._folder = folder
        self._say = say
        self._pause = pause

    def list(self) -> Listing | None:
        """Return what is in the folder, None when there is no such folder."""
        printed = self._readers.list(self._folder)
        return None if printed == MISSING else read_listing(printed)

    def download(self, wanted: Sequence[Entry], store: Store) -> Transfer:
        """Bring ``wanted``, the files that are new.

        What changed meanwhile is listed and packed once more.
        """
        transfer = Transfer()
        meter = Meter(self._say, sum(each.size for each in wanted))
        lacking = list(wanted)
        for round_ in range(_ROUNDS):
            if round_ and lacking:
                names = {each.path for each in lacking}
                again = self.list() or Listing()
                lacking = [each for each in again.files if each.path in names]
            readable = [each for each in lacking if each.sum]
            for batch in batches(readable, _ARCHIVE, _MOST_NAMES):
                self._download(batch, store, transfer, meter)
            lacking = transfer.unsettled(lacking)
        transfer.give_up(lacking)
        return transfer

    def _download(
        self, entries: Sequence[Entry], store: Store, transfer: Transfer, meter: Meter
    ) -> None:
        by_path = {each.path: each for each in entries}

        def receive_all() -> None:
            for path, pieces in unpacked(archive(), compressed=True):
                entry = by_path.get(path)
                if entry is not None and not transfer.is_settled(entry):
                    pieces = without_first(store.arrived(entry), pieces)
                    transfer.receive(entry, meter.counted(pieces), store)

        with self._readers.packed(self._folder, entries) as archive:
            backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE, self._pause)
            retry(receive_all, backoff, _PAUSES)


def rights(namespace: str, user: str) -> str:
    """Return the YAML by which ``user`` may start a pod and run programs in it."""
    return grant("hera-experiment-reader", namespace, user or "USER", *_READER)


def repository(namespace: str, user: str) -> str:
    """Return the YAML of an artifact repository that ``user`` may read; capitals to fill in.

    Argo's server in mode client reads an artifact with the rights of whoever asks for it.
    """
    right = grant("hera-experiment-artifacts", namespace, user or "USER", _SECRET)
    right = right.replace("verbs: [get]", "resourceNames: [SECRET], verbs: [get]")
    return f"{_REPOSITORY.format(namespace=namespace)}---\n{right}"


def _user_of(cluster: KubernetesAccess) -> str:
    """Return what Kubernetes calls the user of the kubeconfig; empty where it does not say."""
    try:
        return user_name(user_review(cluster.client))
    except UserError:
        return ""
