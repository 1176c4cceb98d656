"""Ray for the time of a run: a cluster that is there, or a local one that dies with the driver."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import secrets
import signal
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nbexp.errors import RunError
from nbexp.execute.guard import Guard
from nbexp.execute.private import PrivateFolder, sweep
from nbexp.run.discovery import ClusterSettings, answers, check_usable
from nbexp.run.liveness import Liveness
from nbexp.run.worker import LIGHT

_TRIES = 3
_QUIET = {"namespace": "nbexp", "log_to_driver": False, "logging_level": "error"}
_SPARED = ("start_monitor", "start_api_server", "start_log_monitor")
_SETTINGS = {"RAY_prestart_worker_first_driver": "0", "RAY_worker_niceness": "0"}
_BUSY = 3  # times as many that want to run as there are cores: Ray's own time limits may pass
_ESSENTIAL = ("gcs_server", "raylet")  # without either, Ray neither goes on nor says so
_SESSION = "r"
_TOKEN = "token"
_LONGEST = 20  # bytes: Ray's sockets lie 85 bytes further down, and 103 to 107 are all there may be
_THREADS = 140  # of all processes of a run of one notebook, with two cores
_log = logging.getLogger(__name__)


def local_node() -> dict[str, float]:
    """Return the resources of this machine, by Ray's names."""
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "CPU": float(cores or 1),
        "GPU": float(_gpus()),
        "memory": float(psutil.virtual_memory().total),
    }


def _gpus() -> int:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([device for device in visible.split(",") if device.strip() not in ("", "-1")])
    driver = Path("/proc/driver/nvidia/gpus")
    return len(list(driver.iterdir())) if driver.is_dir() else 0


@contextlib.contextmanager
def _sparing() -> Iterator[None]:
    """Have Ray started with what one run on one machine needs, and nothing besides.

    Ray's own processes are spared imports that take long and aren't used; workers are started
    when they are asked for, not beforehand, and with the priority of any other program; and
    Ray's monitor (which adds nodes), API server and log monitor are left out: each is a Python
    process of its own, for the first of which `ray.init` waits.
    """
    import ray._private.utils
    import ray._private.worker
    from ray._private import ray_constants
    from ray._private.node import Node

    path = os.pathsep.join(filter(None, (LIGHT, os.environ.get("PYTHONPATH"))))
    variables = {name: value for name, value in _SETTINGS.items() if name not in os.environ}
    with _environment({**variables, "PYTHONPATH": path}), contextlib.ExitStack() as stack:
        for name in _SPARED:
            if hasattr(Node, name):  # a later Ray may do without by itself
                _replace(stack, Node, name, lambda *_args, **_options: None)
        # What Ray's processes say of one another would go right into the middle of the screen.
        _replace(stack, ray._private.worker, "listen_error_messages", lambda *_args: None)
        # Its handler would have a run end with the signal's number as its exit code.
        _replace(stack, ray._private.utils, "set_sigterm_handler", lambda *_args: None)
        # A Ray that can have no other nodes, as on macOS, listens on the loopback alone.
        _replace(stack, ray_constants, "ENABLE_RAY_CLUSTER", False)
        yield


def _replace(stack: contextlib.ExitStack, owner: Any, name: str, value: Any) -> None:
    """Give an attribute another value, until the stack is closed."""
    stack.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, value)


@contextlib.contextmanager
def _authenticated(token: Path) -> Iterator[None]:
    """Have Ray started so that only who can read a new token gets an answer from it.

    Its processes inherit the path of the token's file, not the token: that would be in the
    environment of each.
    """
    token.touch(mode=0o600, exist_ok=False)
    token.write_text(secrets.token_hex(32))
    variables = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    with _environment({**variables, "RAY_AUTH_TOKEN": None}):
        _reread_authentication()
        yield


def _reread_authentication() -> None:
    """Have Ray in this process take its settings from the environment as it is now."""
    from ray import _raylet

    compiled: Any = _raylet  # its types don't tell of all that is in it
    compiled.Config.initialize("")
    compiled.AuthenticationTokenLoader.instance().reset_cache()


@contextlib.contextmanager
def _environment(variables: Mapping[str, str | None]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    _set(variables)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


class Cluster:
    """A connection to Ray.

    Where there is none to connect to, Ray is started on this machine, in a folder of its own. A
    guard sees to it that nothing of it outlives this process.

    Args:
        settings: Which Ray to use.

    Attributes:
        settings: Which Ray it uses.
        is_lost: Whether Ray has died, so that it answers no more.
    """

    def __init__(self, settings: ClusterSettings) -> None:
        self.settings = settings
        self._guard = Guard()
        self._folder: PrivateFolder | None = None
        self._is_ours = False
        self.is_lost = False
        self._liveness: Liveness | None = None  # of a Ray that was not started here
        self._nodes: list[dict[str, float]] = []

    def load(self) -> None:
        """Import Ray, which `start` does otherwise."""
        import ray  # noqa: F401

    def start(self) -> None:
        """Connect to the cluster, or start one.

        Raises:
            RunError: Ray can't be reached or started.
        """
        logging.getLogger("ray").setLevel(logging.ERROR)
        import ray

        if ray.is_initialized():
            return
        self._is_ours = True
        address = self.settings.address
        if address and not self.settings.is_named and self._connect_if_usable(address):
            return
        named = address if self.settings.is_named else None
        try:
            if named:
                self._connect(named)
            else:
                self._start_local()
        except Exception as error:
            where = f"at RAY_ADDRESS={named}" if named else "on this machine"
            told = str(error).strip().rstrip(".")
            raise RunError(f"Ray can't be used {where}: {told}. {_remedy(named)}") from error

    def _connect(self, address: str) -> None:
        import ray
        import ray._private.worker

        with contextlib.ExitStack() as stack:  # as where Ray is started
            _replace(stack, ray._private.worker, "listen_error_messages", lambda *_args: None)
            ray.init(address=address, **_QUIET)
        self._liveness = Liveness.of_connection()

    def _connect_if_usable(self, address: str) -> bool:
        """Connect to a Ray that was found, and not named; return whether it can be used."""
        import ray

        try:
            self._connect(address)
            check_usable()
        except Exception as error:
            reason = " ".join(str(error).split())
            _log.warning(
                "The Ray at %s can't be used, so the run starts its own: %s. %s",
                address,
                reason.rstrip("."),
                _remedy(address),
            )
            self._liveness = None
            with contextlib.suppress(Exception):
                ray.shutdown()
            return False
        return True

    def _start_local(self) -> None:
        """Start Ray here; on a busy machine, which Ray gives 30 s to come up, try again."""
        import psutil

        _check_limit()
        threading.Thread(target=sweep, daemon=True).start()
        before = set(psutil.Process().children(recursive=True))
        for attempt in range(1, _TRIES + 1):
            try:
                self._init_local()
            except Exception:
                for process in set(psutil.Process().children(recursive=True)) - before:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.kill()
                self._remove_folder()
                if attempt == _TRIES:
                    raise
            else:
                return

    def _init_local(self) -> None:
        import ray

        node = self.settings.resources or local_node()
        self._folder = PrivateFolder(self._guard, prefix="ray-", longest=_LONGEST)
        folder = self._folder.path
        with _sparing(), _authenticated(folder / _TOKEN):
            ray.init(
                address="local",
                num_cpus=int(node["CPU"]),
                num_gpus=int(node["GPU"]),
                _memory=node["memory"],
                _temp_dir=str(folder / _SESSION),  # Ray opens it to all, but not what is above it
                include_dashboard=False,
                **_QUIET,
            )
        self._nodes = self.nodes()

    def check(self) -> None:
        """Check that Ray is alive, and what guards it where it was started here.

        Raises:
            RunError: A process of it has died, without which it hangs.
        """
        if self.is_lost:
            return
        if self._folder is not None:
            self._guard.renew()
        if lost := self._liveness.lost() if self._liveness is not None else self._lost():
            self.is_lost = True
            self._guard.close()  # what is left of Ray, workers and kernels with it
            raise RunError(lost)

    def _lost(self) -> str | None:
        """Return what is to be told of a process of the local Ray that has died."""
        if self._folder is None:
            return None
        from ray._private import worker

        node = worker._global_node
        for name, process in node.dead_processes() if node is not None else ():
            if name in _ESSENTIAL:
                return _told_of(name, process.pid, process.poll())
        return None

    def nodes(self) -> list[dict[str, float]]:
        """Return the resources of each living node."""
        import ray

        if self._nodes:  # those of a local Ray stay; one that has died would never answer
            return self._nodes
        return [dict(node["Resources"]) for node in ray.nodes() if node["Alive"]]

    def close(self) -> None:
        """Let go of Ray, and end it where it was started here."""
        if not self._is_ours:
            return
        self._is_ours = False
        import ray

        with contextlib.suppress(Exception):
            ray.shutdown()
        self._guard.close()
        self._remove_folder()

    def _remove_folder(self) -> None:
        if self._folder is not None:
            self._folder.close()
            _reread_authentication()
        self._folder, self._nodes = None, []


def _remedy(address: str | None) -> str:
    """Return what to do where a Ray can't be used."""
    if address is None or not answers(address):
        load, cores = os.getloadavg()[0], os.cpu_count() or 1
        busy = f" This machine is busy (load {load:.0f} on {cores} cores): try again later."
        return "`nbexp doctor` tells what Ray needs." + (busy if load > _BUSY * cores else "")
    return (
        "Something answers there: where the cluster was started with RAY_AUTH_MODE=token, set that "
        "for nbexp too, and its token (RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH)."
    )


def _check_limit() -> None:
    """Check that Ray may start; where its threads can't, it waits for itself, for minutes.

    Raises:
        RuntimeError: It may not.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if os.getuid() != 0 and limit != resource.RLIM_INFINITY and limit < _THREADS:  # root is free
        raise RuntimeError(
            f"it needs at least {_THREADS} processes and threads, and this user may have {limit} "
            "(`ulimit -u`); raise that limit"
        )


def _told_of(name: str, pid: int, code: int | None) -> str:
    """Return what is to be told of a process of Ray's that has died."""
    how = f"ended with exit code {code}"
    remedy = "`nbexp doctor` tells what Ray needs"
    if code is not None and code < 0:
        how = f"was killed by {signal.Signals(-code).name}"
        if -code == signal.SIGKILL:
            remedy = (
                "the system does so where memory runs out (`dmesg` tells): "
                "let fewer notebooks run at once, with `resources = { memory = … }` in their stages"
            )
    return (
        f"Ray has died: its process {name} ({pid}) {how}. What has finished is kept, and the next "
        f"run goes on from there; {remedy}."
    )
