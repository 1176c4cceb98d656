"""Calls into search libraries: with random numbers of their own, and quiet."""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_LOGGERS = ("ray.tune", "ray.train", "optuna", "hyperopt", "hpbandster", "bayes_opt")


class Sandbox:
    """Where a library may draw from Python's and numpy's global generators without harm.

    They are exchanged for generators of the sandbox during a call and put back after it, so that
    what else the process draws neither changes what the library decides nor is changed by it.

    Args:
        seed: Seed of the sandbox's generators.
    """

    def __init__(self, seed: int) -> None:
        import numpy as np

        self._python = random.Random(seed).getstate()
        self._numpy = np.random.RandomState(seed % 2**32).get_state()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Exchange the generators, and keep warnings and log records to errors, for a while."""
        import numpy as np

        python, numpy = random.getstate(), np.random.get_state()
        random.setstate(self._python)
        np.random.set_state(self._numpy)
        try:
            with _quiet():
                yield
        finally:
            self._python, self._numpy = random.getstate(), np.random.get_state()
            random.setstate(python)
            np.random.set_state(numpy)


@contextmanager
def _quiet() -> Iterator[None]:
    with ExitStack() as stack:
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL)
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        yield
