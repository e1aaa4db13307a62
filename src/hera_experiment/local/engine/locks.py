"""Mutexes and semaphores, over all workflows of the server.

Source: ``sync_manager.go``, ``semaphore.go``, ``lock_name.go`` and ``syncitems.go`` in
``workflow/sync``, and ``workflow_types.go`` of argoproj/argo-workflows. Of locks that a database
keeps it says what a cluster without such a database says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hera_experiment.local.engine.config_values import ConfigValue, NoConfigValue

MUTEX, SEMAPHORE = "mutex", "semaphore"


class LockError(ValueError):
    """What is asked for is no lock, or one without a limit."""


@dataclass(frozen=True)
class Wanted:
    """A lock by the name that Argo gives it; a semaphore's limit stands in a ConfigMap."""

    kind: str
    name: str
    config_map: str = ""
    key: str = ""
    of_database: bool = False


def wanted_locks(synchronization: Mapping[str, Any], namespace: str) -> list[Wanted]:
    """Return what a workflow or template wants; raises :class:`LockError`."""
    found = []
    for each in _listed(synchronization, "semaphore", "semaphores"):
        where, source = each.get("namespace") or namespace, each.get("configMapKeyRef")
        database = each.get("database")
        if source is not None and database is not None:
            raise LockError(
                "requested configuration is invalid: invalid semaphore with both ConfigMapKeyRef "
                "and Database"
            )
        if database is not None:
            name = f"{where}/Database/{database.get('key', '')}"
            found.append(Wanted(SEMAPHORE, name, of_database=True))
            continue
        if source is None:
            raise LockError(
                "requested configuration is invalid: cannot get LockName for a Semaphore without a "
                "ConfigMapRef or Database"
            )
        config_map, key = source.get("name", ""), source.get("key", "")
        name = f"{where}/ConfigMap/{config_map}/{key}"
        found.append(Wanted(SEMAPHORE, name, config_map, key))
    for each in _listed(synchronization, "mutex", "mutexes"):
        where = each.get("namespace") or namespace
        database = bool(each.get("database"))
        name = f"{where}/{'Database' if database else 'Mutex'}/{each.get('name', '')}"
        found.append(Wanted(MUTEX, name, of_database=database))
    if len(set(found)) < len(found):
        raise LockError("requested configuration is invalid: duplicate synchronization item found")
    return found


def _listed(synchronization: Mapping[str, Any], one: str, many: str) -> list[Mapping[str, Any]]:
    single = synchronization.get(one)
    return [*([single] if single else []), *(synchronization.get(many) or ())]


@dataclass(frozen=True)
class Outcome:
    """What became of a wish: ``waits_for`` is the first lock that could not be had, or empty.

    ``holders`` are those of all locks that were wanted, by the name of the lock.
    """

    waits_for: str = ""
    message: str = ""
    holders: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Asking:
    """Who wants locks: ``key`` is ``NAMESPACE/WORKFLOW`` or ``NAMESPACE/WORKFLOW/NODE``.

    The greater ``priority`` comes first, then what was ``created`` first. ``wake`` is called, from
    any thread, when it is time to ask again.
    """

    key: str
    priority: int
    created: str
    wake: Callable[[], None]

    @property
    def rank(self) -> tuple[int, str]:
        """Who comes first has less."""
        return (-self.priority, self.created)

    def is_of_workflow_of(self, other: Asking) -> bool:
        """Tell whether both are nodes of one workflow, or that workflow itself."""
        mine, others = self.key.split("/"), other.key.split("/")
        return len(mine) == len(others) and mine[1] == others[1]


class _Lock:
    def __init__(self) -> None:
        self.limit = 1
        self.holders: dict[str, None] = {}
        self.pending: dict[str, Asking] = {}

    @property
    def free(self) -> int:
        return self.limit - len(self.holders)

    def first(self) -> list[Asking]:
        return sorted(self.pending.values(), key=lambda asking: asking.rank)

    def wake(self) -> None:
        for asking in self.first()[: max(self.free, 0)]:
            asking.wake()


class Locks:
    """The locks of all workflows; safe to use from any thread. ``config`` reads ConfigMaps."""

    def __init__(self, config: ConfigValue) -> None:
        self._config = config
        self._locks: dict[str, _Lock] = {}
        self._guard = threading.Lock()

    def acquire(self, asking: Asking, wanted: Iterable[Wanted]) -> Outcome:
        """Take all that is ``wanted``, or nothing, and then wait; raises :class:`LockError`."""
        wishes = list(wanted)
        with self._guard:
            for wish in wishes:
                lock = self._lock(wish)
                if asking.key not in lock.holders:
                    lock.pending[asking.key] = asking
            missing = [(wish, why) for wish in wishes if (why := self._obstacle(asking, wish))]
            if not missing:
                for wish in wishes:
                    lock = self._locks[wish.name]
                    lock.pending.pop(asking.key, None)
                    lock.holders[asking.key] = None
                    lock.wake()
            holders = {wish.name: list(self._locks[wish.name].holders) for wish in wishes}
        if not missing:
            return Outcome(holders=holders)
        wish, why = missing[0]
        return Outcome(wish.name, why, holders)

    def release(self, key: str, wanted: Iterable[Wanted]) -> None:
        """Give back what ``key`` holds, and wait for it no longer."""
        with self._guard:
            for wish in wanted:
                if wish.name in self._locks:
                    self._release(self._locks[wish.name], key)

    def release_all(self, workflow: str) -> None:
        """Give back all that a workflow and its nodes hold; ``workflow`` is ``NAMESPACE/NAME``."""
        with self._guard:
            for lock in self._locks.values():
                for key in [*lock.holders, *lock.pending]:
                    if key == workflow or key.startswith(f"{workflow}/"):
                        self._release(lock, key)

    def _release(self, lock: _Lock, key: str) -> None:
        lock.pending.pop(key, None)
        if key in lock.holders:
            del lock.holders[key]
            lock.wake()

    def _lock(self, wish: Wanted) -> _Lock:
        lock = self._locks.get(wish.name)
        if lock is None:
            if wish.of_database:
                raise LockError(f"database session is not available for {wish.kind} {wish.name}")
            lock = _Lock()
            if wish.kind == SEMAPHORE and not self._limit(wish, 0):
                raise LockError(f"failed to initialize semaphore {wish.name} with limit")
            self._locks[wish.name] = lock
        if wish.kind == SEMAPHORE:
            lock.limit = self._limit(wish, lock.limit)
        return lock

    def _limit(self, wish: Wanted, known: int) -> int:
        try:
            return int(self._config(wish.config_map, wish.key))
        except (NoConfigValue, ValueError):
            # Argo goes by what it knew last.
            return known

    def _obstacle(self, asking: Asking, wish: Wanted) -> str:
        """Return why a lock cannot be had, as Argo says it, or nothing."""
        lock = self._locks[wish.name]
        if asking.key in lock.holders:
            return ""
        if not lock.limit:
            return f"Failed to get semaphore limit for {wish.name}"
        first = lock.first()[0]
        if not asking.is_of_workflow_of(first):
            if lock.free > 0:
                first.wake()
        elif lock.free > 0:
            return ""
        return f"Waiting for {wish.name} lock. Lock status: {lock.free}/{lock.limit}"


class LockStatus:
    """``status.synchronization`` of one workflow."""

    def __init__(self) -> None:
        self._holding: dict[str, dict[str, list[str]]] = {MUTEX: {}, SEMAPHORE: {}}
        self._waiting: dict[str, dict[str, list[str]]] = {MUTEX: {}, SEMAPHORE: {}}
        self._kinds: set[str] = set()

    def heed(self, key: str, wanted: Iterable[Wanted], outcome: Outcome) -> None:
        """Write down what became of a wish of ``key``."""
        for wish in wanted:
            self._kinds.add(wish.kind)
            holding, waiting = self._holding[wish.kind], self._waiting[wish.kind]
            others = list(outcome.holders.get(wish.name, ()))
            if outcome.waits_for:
                if wish.kind == SEMAPHORE or others:
                    waiting[wish.name] = others if wish.kind == SEMAPHORE else others[:1]
                continue
            if wish.kind == MUTEX:
                holding[wish.name] = [key]
                continue
            holders = holding.setdefault(wish.name, [])
            if key not in holders:
                holders.append(key)
            if wish.name in waiting:
                waiting[wish.name] = [other for other in waiting[wish.name] if other != key]
                if not waiting[wish.name]:
                    del waiting[wish.name]

    def released(self, key: str, wanted: Iterable[Wanted]) -> None:
        """Write down that ``key`` has given its locks back."""
        for wish in wanted:
            holders = self._holding[wish.kind].get(wish.name, [])
            if key in holders:
                holders.remove(key)
                if wish.kind == MUTEX:
                    del self._holding[wish.kind][wish.name]

    def document(self) -> dict[str, Any]:
        """Return Argo's JSON object."""
        return {kind: self._of(kind) for kind in (SEMAPHORE, MUTEX) if kind in self._kinds}

    def _of(self, kind: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for word, names in (("holding", self._holding[kind]), ("waiting", self._waiting[kind])):
            if names:
                found[word] = [_entry(kind, name, holders) for name, holders in names.items()]
        return found


def _entry(kind: str, name: str, holders: list[str]) -> dict[str, Any]:
    if kind == MUTEX:
        return {"mutex": name, "holder": holders[0]}
    return {"semaphore": name, **({"holders": list(holders)} if holders else {})}


class WorkflowLocks:
    """The locks of one workflow and of its nodes, for who has its operator's turn.

    ``changed`` hears of a new ``status.synchronization``. ``waiting`` has what to do, by the id of
    the node that waits, when it is time to ask again.
    """

    def __init__(
        self,
        locks: Locks,
        metadata: Mapping[str, Any],
        priority: int,
        wake: Callable[[], None],
        changed: Callable[[dict[str, Any] | None], None],
    ) -> None:
        self._locks = locks
        self._namespace = metadata["namespace"]
        self._workflow = f"{self._namespace}/{metadata['name']}"
        self._priority = priority
        self._created = metadata["creationTimestamp"]
        self._wake = wake
        self._changed = changed
        self._status = LockStatus()
        self.waiting: dict[str, Callable[[], None]] = {}

    def acquire(self, synchronization: Mapping[str, Any], node: str = "") -> Outcome:
        """Take what a node wants, or the workflow itself; raises :class:`LockError`."""
        wanted, key = wanted_locks(synchronization, self._namespace), self._key(node)
        asking = Asking(key, self._priority, self._created, self._wake)
        outcome = self._locks.acquire(asking, wanted)
        self._status.heed(key, wanted, outcome)
        self._changed(self._status.document())
        return outcome

    def release(self, synchronization: Mapping[str, Any], node: str = "") -> None:
        """Give back what a node holds or waits for."""
        wanted, key = wanted_locks(synchronization, self._namespace), self._key(node)
        self.waiting.pop(node, None)
        self._locks.release(key, wanted)
        self._status.released(key, wanted)
        self._changed(self._status.document())

    def ask_again(self) -> None:
        """Let all that waits ask again."""
        for ask in list(self.waiting.values()):
            ask()

    def end(self) -> None:
        """Give everything back: the workflow has ended."""
        self.waiting.clear()
        self._locks.release_all(self._workflow)
        if self._status.document():
            self._changed(None)

    def _key(self, node: str) -> str:
        return f"{self._workflow}/{node}" if node else self._workflow
