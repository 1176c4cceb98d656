"""What is started for real to see whether it works: kernels, Ray, MLflow."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nbexp.doctor.finding import Finding, Level
from nbexp.errors import RunError
from nbexp.pipeline import Pipeline
from nbexp.run import Cluster, ClusterSettings, cluster_address
from nbexp.states import State
from nbexp.wording import counted

_KERNEL_S = 60.0
_SHOWN = 200  # characters of a message


def check_kernels(*, is_quick: bool) -> Iterator[Finding]:
    """Look at the kernels that are installed, and start one.

    Args:
        is_quick: Whether to start nothing.
    """
    from jupyter_client.kernelspec import KernelSpecManager

    specs = KernelSpecManager().get_all_specs()
    for name, entry in sorted(specs.items()):
        program = (entry["spec"].get("argv") or [""])[0]
        finding = f"kernel {name}"
        if program.startswith("{") or shutil.which(program):
            yield Finding(finding, Level.OK, entry["resource_dir"])
        else:
            message = f"its program {program!r} is not there"
            remedy = f"jupyter kernelspec remove {name}, or install it anew."
            yield Finding(finding, Level.WARNING, message, remedy)
    remedy = f"{sys.executable} -m ipykernel install --sys-prefix"
    if "python3" not in specs:
        yield Finding("kernel python3", Level.PROBLEM, "not installed", remedy)
    elif not is_quick:
        yield _start_kernel("kernel python3 starts", {}, remedy)
        yield from _check_warm_kernels(remedy)


def _check_warm_kernels(remedy: str) -> Iterator[Finding]:
    from nbexp.warm import provisioner
    from nbexp.warm.program import LeftOut

    if not sys.platform.startswith("linux"):
        yield Finding("warm kernels", Level.OK, "not on this system; kernels start the usual way")
        return
    warm = {"kernel_provisioner": provisioner(())}
    yield _start_kernel("warm kernel starts", warm, f"{remedy} Or set warm = false.")
    for module, reason in LeftOut().reasons().items():
        message = f"{module} is imported in each kernel, not before: it {reason}"
        yield Finding("warm kernels", Level.OK, " ".join(message.split())[:_SHOWN])


def _start_kernel(name: str, metadata: Mapping[str, Any], remedy: str) -> Finding:
    from jupyter_client.manager import KernelManager

    manager = KernelManager(kernel_name="python3", transport="ipc")
    manager.kernel_spec.metadata.update(metadata)
    try:
        manager.start_kernel()
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=_KERNEL_S)
        finally:
            client.stop_channels()
    except Exception as error:
        return Finding(name, Level.PROBLEM, f"it does not: {error}", remedy)
    finally:
        if manager.has_kernel:
            manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
    return Finding(name, Level.OK, "it answers")


def check_ray(*, is_quick: bool) -> Iterator[Finding]:
    """Look at the Ray that runs would use, and start or reach it.

    Args:
        is_quick: Whether to start nothing.
    """
    address, named = cluster_address(), os.environ.get("RAY_ADDRESS")
    where = f"at RAY_ADDRESS={named}" if named else f"at {address}, which runs already"
    if address is None:
        where = "on this machine" if named else "on this machine (RAY_ADDRESS is not set)"
    if is_quick:
        yield Finding("Ray", Level.OK, f"runs would use it {where}; not started")
        return
    cluster = Cluster(ClusterSettings(address, is_named=bool(named)))
    try:
        cluster.start()
        nodes = cluster.nodes()
        cores = sum(node.get("CPU", 0.0) for node in nodes)
        verb = "answers" if address else "starts"
        found = f"{verb} {where}: {counted(len(nodes), 'node')}, {cores:g} CPUs"
        yield Finding("Ray", Level.OK, found)
    except RunError as error:
        remedy = (
            "Unset RAY_ADDRESS or correct it." if address else "See /tmp/nbexp-ray-*/ for logs."
        )
        yield Finding("Ray", Level.PROBLEM, str(error), remedy)
    finally:
        cluster.close()


def check_mlflow(root: Path, *, is_quick: bool) -> Iterator[Finding]:
    """Look at the MLflow that runs would write to, and open it.

    Args:
        root: Folder of the pipeline.
        is_quick: Whether to start nothing.
    """
    # A server that does not answer is told soon; MLflow would try for minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    from nbexp.tracking import MlflowTracker

    tracker = MlflowTracker(Pipeline("doctor", root.absolute(), {}))
    try:
        if is_quick:
            yield Finding("MLflow", Level.OK, f"runs would use {tracker.shown_uri}; not opened")
        elif tracker.is_new:
            yield Finding("MLflow", Level.OK, f"the first run creates {tracker.shown_uri}")
        else:
            tracker.connect()
            yield Finding("MLflow", Level.OK, f"{tracker.shown_uri} answers")
    except RunError as error:
        remedy = "Correct MLFLOW_TRACKING_URI, or unset it to use mlflow.db beside the pipeline."
        yield Finding("MLflow", Level.PROBLEM, str(error), remedy)
    finally:
        tracker.close_run(State.FINISHED)  # none was opened: this ends its thread
