"""Kernels forked from a process that has their imports done, so that they start at once."""

from collections.abc import Iterable
from typing import Any

from nbexp.warm.watching import until_ended

__all__ = ["NAME", "provisioner", "until_ended"]

NAME = "nbexp-warm"
_LINGER_S = 2.0


def provisioner(imports: Iterable[str]) -> dict[str, Any]:
    """Return the part of a kernel's specification that has it forked, for use in a run.

    Args:
        imports: Modules to import beforehand, by dotted name.
    """
    config = {"imports": list(imports), "linger_s": _LINGER_S, "holds": True}
    return {"provisioner_name": NAME, "config": config}
