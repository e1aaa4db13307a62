"""CachedFacts: what checks need to know, found out once, whichever of them asks first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from functools import partial
from typing import Any, Generic, TypeVar, cast, overload

T = TypeVar("T")
Owner = TypeVar("Owner", bound="CachedFacts")


class CachedFacts:
    """Remembers what was found out, and what went wrong in doing so; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Hashable, Future[Any]] = {}

    def once(self, key: Hashable, find: Callable[[], T]) -> T:
        """Return ``find()``, called once for each ``key``; others wait. Errors are kept too."""
        with self._lock:
            known = self._known.get(key)
            future = known or self._known.setdefault(key, Future())
        if known is None:
            try:
                future.set_result(find())
            except BaseException as error:  # whoever asks next must see it too
                future.set_exception(error)
        return cast(T, future.result())


class fact(Generic[Owner, T]):
    """An attribute of a :class:`CachedFacts` that is found out at first use."""

    def __init__(self, find: Callable[[Owner], T]) -> None:
        self._find = find
        self.__doc__ = find.__doc__

    @overload
    def __get__(self, owner: None, kind: type[Owner]) -> fact[Owner, T]: ...
    @overload
    def __get__(self, owner: Owner, kind: type[Owner]) -> T: ...
    def __get__(self, owner: Owner | None, kind: type[Owner]) -> fact[Owner, T] | T:
        if owner is None:
            return self
        return owner.once(self, partial(self._find, owner))


def run_concurrently(*finders: Callable[[], T]) -> list[T]:
    """Call ``finders`` side by side; return what each returned, or raise what the first raised."""
    futures: list[Future[T]] = [Future() for _ in finders]

    def work(future: Future[T], find: Callable[[], T]) -> None:
        try:
            future.set_result(find())
        except BaseException as error:  # raised below
            future.set_exception(error)

    for future, find in list(zip(futures, finders, strict=True))[1:]:
        # Named like its caller: who looks at threads sees whose work it is.
        name = threading.current_thread().name
        threading.Thread(target=work, args=(future, find), name=name, daemon=True).start()
    if futures:
        work(futures[0], finders[0])
    return [future.result() for future in futures]
