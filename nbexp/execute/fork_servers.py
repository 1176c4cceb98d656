"""Warm parents that are started before the first notebook comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from nbexp.errors import UsageError


class HeldForkServer(Protocol):
    """A warm parent that lives at least until it is let go of."""

    def close(self) -> None:
        """Let go of it."""


def hold_fork_server(
    kernel: str, environment: Mapping[str, str], imports: Sequence[str]
) -> HeldForkServer | None:
    """Start what kernels are going to be forked from; return None where they can't be.

    Args:
        kernel: Name of the kernel.
        environment: What its environment will be, what differs from notebook to notebook aside.
        imports: What the notebooks import at their top level, by dotted name.
    """
    from nbexp.execute.specs import command, find_kernel
    from nbexp.warm.client import ForkServerKind, ForkServerLostError, hold, interpreter

    try:
        spec = find_kernel(kernel)
        python = interpreter(command(spec))
        if python is None:
            return None
        return hold(ForkServerKind.of(python, imports, {**environment, **spec.env}))
    except (UsageError, ForkServerLostError):
        return None  # whoever needs it will say so
