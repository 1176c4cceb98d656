"""Does in a warm parent what is the same in all kernels that are forked from it."""

from __future__ import annotations

import os

from nbexp.observe.calls import prepare
from nbexp.observe.hook import LOOKS, SIZES
from nbexp.observe.names import installed_prefixes


def prepare_observation() -> None:
    """Make what the hook needs when it is installed: nothing is observed yet."""
    installed_prefixes()
    for owner, name in (*LOOKS, *SIZES, (type(os.environ), "__iter__")):
        prepare(owner, name)
    prepare(type(os.environ), "__getitem__", argument=1)
