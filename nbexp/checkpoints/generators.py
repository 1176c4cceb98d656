"""The states of the global generators: Python's, numpy's and torch's, on CPU and CUDA."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


def capture() -> dict[str, Any]:
    """Return the states of the generators of the libraries that are imported."""
    states: dict[str, Any] = {}
    if python := sys.modules.get("random"):
        states["python"] = python.getstate()
    if numpy := sys.modules.get("numpy.random"):
        states["numpy"] = numpy.get_state(legacy=False)
    if torch := sys.modules.get("torch"):
        states["torch"] = torch.get_rng_state()
        if torch.cuda.is_initialized():
            states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def restore(states: dict[str, Any]) -> None:
    """Set the states that `capture` returned; devices that are not here are left out."""
    if "python" in states:
        import_module("random").setstate(states["python"])
    if "numpy" in states:
        import_module("numpy.random").set_state(states["numpy"])
    if "torch" in states:
        torch = import_module("torch")
        torch.set_rng_state(states["torch"])
        devices = torch.cuda.device_count() if "cuda" in states else 0
        for device, state in enumerate(states.get("cuda", ())[:devices]):
            torch.cuda.set_rng_state(state, device)
