"""Which Ray a run uses: one that is named, one that runs on this machine already, or its own."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OWN = "local"
_ANSWER_S = 0.5
_PROBE_S = 20.0


@dataclass(frozen=True)
class ClusterSettings:
    """Which Ray a run uses.

    Attributes:
        address: Its address; None for one of the run's own, on this machine.
        is_named: Whether the user has said so, so that no other will do.
        resources: Those that a Ray of its own offers, by Ray's names; None for the machine's.
    """

    address: str | None = None
    is_named: bool = False
    resources: Mapping[str, float] | None = None

    @classmethod
    def from_environment(cls) -> ClusterSettings:
        """Return what ``RAY_ADDRESS`` says, and what is found on this machine."""
        return cls(cluster_address(), is_named())


def cluster_address() -> str | None:
    """Return the address of the Ray to use, or None where a run starts one of its own.

    It is that in ``RAY_ADDRESS``, where ``local`` stands for one of its own; else that of a Ray
    which this user has started on this machine with ``ray start``, and which answers.
    """
    named = os.environ.get("RAY_ADDRESS")
    if named:
        return None if named == OWN else named
    return running_address()


def is_named() -> bool:
    """Whether the user has said which Ray to use, so that no other will do."""
    return bool(os.environ.get("RAY_ADDRESS"))


def running_address() -> str | None:
    """Return the address of the Ray that ``ray start`` has left on this machine, if it answers.

    The file is Ray's own way to tell. Rays that a program started for itself are not in it: they
    end when that program does.
    """
    file = _folder() / "ray" / "ray_current_cluster"
    try:
        if file.stat().st_uid != os.getuid():  # another user's: notebooks would run as that user
            return None
        address = file.read_text().strip()
    except (OSError, ValueError):
        return None
    return address if answers(address) else None


def answers(address: str) -> bool:
    """Whether anything takes connections at an address."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S).close()
    except (OSError, ValueError):
        return False
    return True


def check_usable() -> None:
    """Check that workers of the Ray that this process is connected to can run notebooks.

    Raises:
        RuntimeError: They can't, in words.
    """
    import ray

    import nbexp

    try:
        found = ray.get(ray.remote(_versions).options(num_cpus=0).remote(), timeout=_PROBE_S)
    except ray.exceptions.GetTimeoutError as error:
        raise RuntimeError(f"its workers did not start within {_PROBE_S:g} s") from error
    except ray.exceptions.RayError as error:
        raise RuntimeError(f"its workers can't import nbexp: {_last_line(error)}") from error
    expected = (sys.version_info[:3], nbexp.__version__)
    if found != expected:
        raise RuntimeError(f"its workers have Python and nbexp {found}, not {expected}")


def _versions() -> tuple[Any, ...]:
    import nbexp

    return sys.version_info[:3], nbexp.__version__


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


def _folder() -> Path:
    """Return the folder in which Ray looks, by its own rules."""
    with contextlib.suppress(KeyError):
        return Path(os.environ["RAY_TMPDIR"])
    if sys.platform.startswith("linux") and os.environ.get("TMPDIR"):
        return Path(os.environ["TMPDIR"])
    return Path("/tmp" if os.name == "posix" else tempfile.gettempdir())
