"""Ray for the time of a run: a cluster that is there, or a local one that dies with the driver."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nbexp.errors import RunError
from nbexp.execute.guard import Guard
from nbexp.run.discovery import check_usable, cluster_address, is_named
from nbexp.run.worker import LIGHT

_TRIES = 3
_QUIET = {"namespace": "nbexp", "log_to_driver": False, "logging_level": "error"}
_SPARED = ("start_monitor", "start_api_server", "start_log_monitor")
_SETTINGS = {"RAY_prestart_worker_first_driver": "0", "RAY_worker_niceness": "0"}
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
    from ray._private.node import Node

    path = os.pathsep.join(filter(None, (LIGHT, os.environ.get("PYTHONPATH"))))
    with contextlib.ExitStack() as stack:
        variables = {name: value for name, value in _SETTINGS.items() if name not in os.environ}
        stack.enter_context(_environment({**variables, "PYTHONPATH": path}))
        for name in _SPARED:
            if hasattr(Node, name):  # a later Ray may do without by itself
                stack.callback(setattr, Node, name, getattr(Node, name))
                setattr(Node, name, lambda *_args, **_options: None)
        yield


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class Cluster:
    """A connection to Ray.

    Where there is none to connect to (`cluster_address`), Ray is started on this machine, in a
    folder of its own. A guard sees to it that nothing of it outlives this process.
    """

    def __init__(self) -> None:
        self._guard = Guard()
        self._folder: Path | None = None
        self._is_ours = False

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
        address = cluster_address()
        if address and not is_named() and self._connect_if_usable(address):
            return
        named = address if is_named() else None
        try:
            if named:
                ray.init(address=named, **_QUIET)
            else:
                self._start_local()
        except Exception as error:
            where = f"at RAY_ADDRESS={named}" if named else "on this machine"
            remedy = "`nbexp doctor` tells what Ray needs."
            raise RunError(f"Ray can't be used {where}: {error}. {remedy}") from error

    def _connect_if_usable(self, address: str) -> bool:
        """Connect to a Ray that was found, and not named; return whether it can be used."""
        import ray

        try:
            ray.init(address=address, **_QUIET)
            check_usable()
        except Exception as error:
            reason = " ".join(str(error).split())
            _log.warning(
                "The Ray at %s can't be used, so the run starts its own: %s", address, reason
            )
            with contextlib.suppress(Exception):
                ray.shutdown()
            return False
        return True

    def _start_local(self) -> None:
        """Start Ray here; on a busy machine, which Ray gives 30 s to come up, try again."""
        import psutil
        import ray

        before = set(psutil.Process().children(recursive=True))
        for attempt in range(1, _TRIES + 1):
            try:
                with _sparing():
                    ray.init(**self._local())
            except Exception:
                for process in set(psutil.Process().children(recursive=True)) - before:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.kill()
                self._remove_folder()
                if attempt == _TRIES:
                    raise
            else:
                return

    def nodes(self) -> list[dict[str, float]]:
        """Return the resources of each living node."""
        import ray

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
            shutil.rmtree(self._folder, ignore_errors=True)
            self._guard.forget(self._folder)

    def _local(self) -> dict[str, Any]:
        node = local_node()
        # Ray's sockets lie in this folder, and their paths may have a hundred characters or so.
        parent = tempfile.gettempdir()
        name = f"nbexp-ray-{secrets.token_hex(4)}"
        self._folder = Path(parent if len(parent) < 30 else "/tmp", name)
        self._guard.watch(self._folder)  # before it is there: nothing is left of a killed driver
        self._folder.mkdir(mode=0o700)
        return {
            "address": "local",
            "num_cpus": int(node["CPU"]),
            "num_gpus": int(node["GPU"]),
            "_memory": node["memory"],
            "_temp_dir": str(self._folder),
            "include_dashboard": False,
            **_QUIET,
        }
