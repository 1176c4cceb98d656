"""Ray for the time of a run: a cluster that is there, or a local one that dies with the driver."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbexp.errors import RunError
from nbexp.execute.guard import Guard
from nbexp.run.worker import LIGHT

_TRIES = 3
_QUIET = {"namespace": "nbexp", "log_to_driver": False, "logging_level": "error"}


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


def cluster_address() -> str | None:
    """Return the address of the Ray cluster to use, or None for a local one."""
    return os.environ.get("RAY_ADDRESS") or None


@contextlib.contextmanager
def _light_imports() -> Iterator[None]:
    """Spare the processes that are started meanwhile what takes long to import, and isn't used."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([LIGHT, *([before] if before else [])])
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


class Cluster:
    """A connection to Ray.

    Where the environment names no cluster (``RAY_ADDRESS``), Ray is started on this machine, in a
    folder of its own. A guard sees to it that nothing of it outlives this process.
    """

    def __init__(self) -> None:
        self._guard = Guard()
        self._folder: Path | None = None
        self._is_ours = False

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
        try:
            if address:
                ray.init(address=address, **_QUIET)
            else:
                self._start_local()
        except Exception as error:
            where = f"at RAY_ADDRESS={address}" if address else "on this machine"
            remedy = "`nbexp doctor` tells what Ray needs."
            raise RunError(f"Ray can't be used {where}: {error}. {remedy}") from error

    def _start_local(self) -> None:
        """Start Ray here; on a busy machine, which Ray gives 30 s to come up, try again."""
        import psutil
        import ray

        before = set(psutil.Process().children(recursive=True))
        for attempt in range(1, _TRIES + 1):
            try:
                with _light_imports():
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
        self._folder = Path(
            tempfile.mkdtemp(prefix="nbexp-ray-", dir=parent if len(parent) < 30 else "/tmp")
        )
        self._guard.watch(self._folder)
        return {
            "address": "local",
            "num_cpus": int(node["CPU"]),
            "num_gpus": int(node["GPU"]),
            "_memory": node["memory"],
            "_temp_dir": str(self._folder),
            "include_dashboard": False,
            **_QUIET,
        }
