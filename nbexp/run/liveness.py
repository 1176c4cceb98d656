"""Whether a Ray that a run has connected to is there still: where it dies, calls wait for ever."""

from __future__ import annotations

import socket
import time

_LOOK_S = 1.0
_ANSWER_S = 1.0
_PATIENCE_S = 10.0  # a GCS that keeps its state elsewhere may come back


class Liveness:
    """The two processes of a cluster without which this one gets nowhere.

    Args:
        gcs: Address of the cluster's GCS.
        raylet: Address of the raylet through which this process is connected.
    """

    def __init__(self, gcs: str, raylet: str) -> None:
        self._gcs = gcs
        self._raylet = raylet
        self._looked = 0.0
        self._answered = time.monotonic()

    @classmethod
    def of_connection(cls) -> Liveness | None:
        """Return that of the cluster to which this process is connected; None where Ray's client
        is between them, which tells by itself.
        """  # noqa: D205
        import ray

        if ray.util.client.ray.is_connected():
            return None
        context = ray.get_runtime_context()
        own = next(node for node in ray.nodes() if node["NodeID"] == context.get_node_id())
        raylet = f"{own['NodeManagerAddress']}:{own['NodeManagerPort']}"
        return cls(context.gcs_address, raylet)

    def lost(self) -> str | None:
        """Return what is to be told of a process that is gone; None where both are there."""
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return None
        self._looked = now
        if _refuses(self._raylet):
            return self._told_of("raylet", self._raylet)
        if not _refuses(self._gcs):
            self._answered = now
        return self._told_of("GCS", self._gcs) if now - self._answered > _PATIENCE_S else None

    def _told_of(self, name: str, address: str) -> str:
        return (
            f"Ray has died: the {name} of the cluster at {self._gcs} is gone, nothing answers at "
            f"{address}. What has finished is kept, and the next run goes on from there; check the "
            "cluster with `ray status`, and start it again."
        )


def _refuses(address: str) -> bool:
    """Whether there is nobody at an address; one that takes long to answer is there."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S).close()
    except TimeoutError:
        return False
    except OSError:
        return True
    return False
