"""Does one thing for several containers at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from hera_experiment.errors import UserError
from hera_experiment.images.engine import Ended


def run_concurrently(
    work: Callable[[str], None], names: Sequence[str], limit: int, stop: Callable[[], None]
) -> dict[str, UserError]:
    """Call ``work`` for each of ``names``, ``limit`` at a time; return what went wrong.

    What goes wrong for one name does not keep the others from being done. When we are interrupted
    ``stop`` is called, which has to make ``work`` end, and the interruption goes on.
    """
    waiting: SimpleQueue[str] = SimpleQueue()
    for name in names:
        waiting.put(name)
    errors: dict[str, UserError] = {}
    surprises: list[BaseException] = []

    def worker() -> None:
        while True:
            try:
                name = waiting.get_nowait()
            except Empty:
                return
            try:
                work(name)
            except UserError as error:
                errors[name] = error
            except OSError as error:
                errors[name] = UserError(f"containers/{name}: {error}")
            except Ended:
                return
            except BaseException as error:
                surprises.append(error)
                return

    threads = [threading.Thread(target=worker, daemon=True) for _ in names[:limit]]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except BaseException:
        stop()
        for thread in threads:
            if thread.ident is not None:
                thread.join(10)
        raise
    if surprises:
        raise surprises[0]
    return {name: errors[name] for name in names if name in errors}
