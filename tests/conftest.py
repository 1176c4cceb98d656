"""What holds for all tests: nothing of the developer's own settings gets in."""

from __future__ import annotations

import importlib.util
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

# Of a shell in which nbexp, MLflow or Ray is used; they would lead the tests to its servers.
_FOREIGN = (
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_RUN_ID",
    "MLFLOW_TRACKING_URI",
    "JUPYTER_PATH",
    "JUPYTER_CONFIG_PATH",
)
_FOLDERS = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")


def pytest_configure(config: pytest.Config) -> None:
    """Set the environment before test modules are collected, and MLflow and Jupyter imported."""
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    home = tempfile.mkdtemp(prefix="nbexp-tests-")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    for name in _FOREIGN:
        patch.delenv(name, raising=False)
    for name in _FOLDERS:
        patch.setenv(name, str(Path(home) / name.lower()))
    patch.setenv("RAY_ADDRESS", "local")  # one of the tests' own, whatever runs on the machine
    patch.setenv("MPLBACKEND", "agg")
    patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    expect.set_options(timeout=120_000)  # the machine may be busy
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        # Under nohup; what tests start would inherit it, but not a handler.
        signal.signal(signal.SIGHUP, lambda *_: None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out BOHB's tests where there was no C compiler to build its library with."""
    if importlib.util.find_spec("hpbandster") is None:
        reason = "hpbandster is not installed: pip install 'nbexp[bohb]' needs a C compiler"
        for item in items:
            is_of_search = "/search/" in item.nodeid or "early_stopping" in item.nodeid
            if is_of_search and "bohb" in item.nodeid.lower():
                item.add_marker(pytest.mark.skip(reason=reason))
