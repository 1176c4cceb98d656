"""What ends a notebook from outside: `Stopped`, `Paused` and `Exploited`.

They are no `Exception`, so that a notebook's ``except Exception`` lets them through. Jupyter shows
one sentence of them, and the engine knows them by their names, ``nbexp.Stopped`` and so on.
"""

from __future__ import annotations


class Interrupt(BaseException):
    """Base of what ends a notebook from outside."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in the place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class Stopped(Interrupt):
    """The scheduler stopped the variant early; it counts as pruned."""


class Paused(Interrupt):
    """The variant gives up its slot, and goes on from its newest snapshot later."""


class Exploited(Interrupt):
    """The variant goes on from another's snapshot, with other parameters."""


for _kind in (Stopped, Paused, Exploited):
    _kind.__name__ = _kind.__qualname__ = f"nbexp.{_kind.__name__}"
    _kind.__module__ = "builtins"  # so that a plain traceback names it as Jupyter does
