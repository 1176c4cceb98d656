from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_project import Nbexp
from click.testing import CliRunner, Result

from nbexp.cli._main import cli


@pytest.fixture(scope="module", autouse=True)
def _own_environment() -> Iterator[None]:
    """Keep a cluster or a server of the developer's own out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", "local")
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture(scope="session")
def nbexp() -> Nbexp:
    """Call the command line in this process."""

    def call(*arguments: str | Path) -> Result:
        return CliRunner().invoke(cli, [str(argument) for argument in arguments])

    return call
