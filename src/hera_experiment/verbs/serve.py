"""Keep the laptop's Argo server up, for the argo program and any other client."""

from __future__ import annotations

import argparse
import os
import shlex
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hera_experiment import garbage
from hera_experiment.errors import UserError, report, tell
from hera_experiment.experiment import Experiment
from hera_experiment.signals import Ending

if TYPE_CHECKING:
    from hera_experiment.local.engine.controller import Engine
    from hera_experiment.local.server import Server
    from hera_experiment.platform.local_server import LocalServer

_IDLE_POLL_SECONDS = 0.25
_SHARED_POLL_SECONDS = 1.0
_PATIENCE = 30.0
"""Seconds that workflows may take to end when the server does; their tasks have ten."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; the four without help are how a client starts a server."""
    parser.add_argument(
        "--runtime",
        default="auto",
        metavar="NAME",
        help="how the printed token's containers run: bubblewrap, process, docker or podman",
    )
    parser.add_argument(
        "--port", type=int, default=0, help="port of 127.0.0.1 (any free one unless named)"
    )
    parser.add_argument(
        "--parallelism",
        type=int,
        default=0,
        metavar="N",
        help="how many tasks run at the same time (as many as there are processors)",
    )
    parser.add_argument("--listen-fd", type=int, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--lock-fd", type=int, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--idle-exit", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--make-ready", default="", help=argparse.SUPPRESS)


def main(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM; started by a client, until nobody needs the server."""
    garbage.look_seldom()
    garbage.give_back_large()
    from hera_experiment.local.runtimes.base import RUNTIMES

    if args.runtime not in RUNTIMES:
        raise UserError(
            f"no runtime is named '{args.runtime}'", "--runtime", f"choose {', '.join(RUNTIMES)}"
        )
    for option, most in (("parallelism", sys.maxsize), ("port", 65535)):
        number = getattr(args, option)
        if not 0 <= number <= most:
            known = f"{option.upper()}={number} is out of range"
            raise UserError(known, f"--{option}", "leave it out for the default")
    parallelism = args.parallelism or _processors()
    experiment = Experiment.find(Path.cwd())
    with Ending() as ending:
        if args.listen_fd is not None:
            return _serve_clients(experiment, args, parallelism, ending)
        return _serve_person(experiment, args, parallelism, ending)


def _serve_clients(
    experiment: Experiment, args: argparse.Namespace, parallelism: int, ending: Ending
) -> int:
    """Be the server that a client started: leave when no workflow runs and no client is left."""
    from hera_experiment.platform import local_server, state_folder

    found = local_server.running(experiment)
    if found is None:
        raise UserError("the client that started this server took its address back")
    listener = socket.socket(fileno=args.listen_fd)
    # Tasks must inherit neither: they would keep the port and the lock after the server's end.
    os.set_inheritable(args.listen_fd, False)
    if args.lock_fd is not None:
        os.set_inheritable(args.lock_fd, False)
    engine, server = _build(experiment, listener, found.secret, parallelism)
    server.start()
    engine.scheduler.start()
    if args.make_ready:
        engine.make_ready(args.make_ready)
    users = state_folder.open_lock(experiment.state / "users.lock")
    while not ending.wait(_IDLE_POLL_SECONDS):
        if not args.idle_exit or engine.busy():
            continue
        # Whoever comes from here on waits for this lock until this process has ended.
        if state_folder.try_lock(users, state_folder.EXCLUSIVE):
            break
    _close(engine, server, found)
    return 0


def _serve_person(
    experiment: Experiment, args: argparse.Namespace, parallelism: int, ending: Ending
) -> int:
    """Serve in the foreground, or keep up and show the server that is already there."""
    from hera_experiment.platform import local_server

    bound = local_server.claim_socket(experiment, port=args.port)
    if bound is None:
        return _share(experiment, args, ending)
    engine, server = _build(experiment, bound.listening, bound.server.secret, parallelism)
    server.start()
    engine.scheduler.start()
    _show(bound.server, args.runtime, "the local server is up")
    ending.wait()
    if engine.busy():
        tell("ending the workflows that run")
    _close(engine, server, bound.server)
    os.close(bound.lock)
    return 0


def _share(experiment: Experiment, args: argparse.Namespace, ending: Ending) -> int:
    from hera_experiment.platform import local_server

    if args.port or args.parallelism:
        raise UserError(
            "a local server of this experiment is already up",
            "--port or --parallelism",
            "end it, or leave the option out to share that server",
        )
    with local_server.acquire(experiment) as lease:
        _show(lease.server, args.runtime, "a local server was already up and stays so")
        while not ending.wait(_SHARED_POLL_SECONDS):
            now = local_server.running(experiment)
            if now is None or now.url != lease.server.url:
                raise UserError("the local server has ended", next_step="start it again")
    return 0


def _build(
    experiment: Experiment, listener: socket.socket, secret: str, parallelism: int
) -> tuple[Engine, Server]:
    from datetime import datetime, timezone

    from hera_experiment.local.engine.controller import Engine
    from hera_experiment.local.runtimes.leftovers import adopt_orphans
    from hera_experiment.local.runtimes.registry import Runtimes
    from hera_experiment.local.server import Server
    from hera_experiment.local.store import Store

    def clock() -> datetime:
        return datetime.now(timezone.utc)

    adopt_orphans()
    store = Store(experiment.state, clock)
    runtimes = Runtimes(
        slug=experiment.slug,
        containers=experiment.containers,
        state=experiment.state,
        objects=store.objects,
        environ=os.environ,
    )
    engine = Engine(
        store=store,
        runtime=runtimes.get,
        parallelism=parallelism,
        clock=clock,
        random_suffix=_random_suffix(),
    )
    server = Server(store, engine, secret, listener=listener)
    garbage.keep_what_is()
    return engine, server


def _close(engine: Engine, server: Server, address: LocalServer) -> None:
    # The engine first: who watches shall see how the workflows end.
    ending = threading.Thread(target=engine.close, name="end of the engine", daemon=True)
    ending.start()
    ending.join(_PATIENCE)
    if ending.is_alive():
        tell("a workflow does not end: the next server notes that it was left")
    server.close()
    for name in server.services.store.close():
        tell(f"{name} is not written down to its end: there is no room in {address.state}")
    (address.state / "server.json").unlink(missing_ok=True)


def _show(server: LocalServer, runtime: str, sentence: str) -> None:
    exports = server.exports("", "" if runtime == "auto" else runtime)
    exports.update(_without_proxy(os.environ))
    for name, value in exports.items():
        print(f"export {name}={shlex.quote(value)}")
    sys.stdout.flush()
    tell(f"{sentence}: type the lines above in another terminal; Ctrl-C here ends it")


def _without_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """Return NO_PROXY for clients that would send 127.0.0.1 through the proxy of ``environ``."""
    if not any(environ.get(name) for name in ("http_proxy", "HTTP_PROXY", "all_proxy")):
        return {}
    hosts = [host for host in environ.get("NO_PROXY", "").split(",") if host.strip()]
    value = ",".join(hosts if "127.0.0.1" in hosts else [*hosts, "127.0.0.1"])
    return {"NO_PROXY": value, "no_proxy": value}


def _random_suffix() -> Callable[[], str]:
    """Return what makes the five characters that Kubernetes puts behind a generateName."""
    import random

    # The alphabet of Kubernetes' names: no vowels, so that no words appear.
    letters, source = "bcdfghjklmnpqrstvwxz2456789", random.SystemRandom()
    return lambda: "".join(source.choice(letters) for _ in range(5))


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if __name__ == "__main__":
    # How a client starts a server; see platform/local_server.py.
    _parser = argparse.ArgumentParser()
    add_arguments(_parser)
    try:
        sys.exit(main(_parser.parse_args()))
    except UserError as error:
        sys.exit(report(error))
