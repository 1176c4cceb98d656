from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from notebook_files import write_notebook

from nbexp.execute import Job, NotebookExecutor


@pytest.fixture(scope="session")
def executor() -> Iterator[NotebookExecutor]:
    executor = NotebookExecutor()
    yield executor
    executor.close()


@pytest.fixture
def make_job(tmp_path: Path) -> Callable[..., Job]:
    def make(*sources: str, kernel: str = "python3", language: str = "python", **kw: Any) -> Job:
        template = tmp_path / "template.ipynb"
        write_notebook(template, *sources, kernel=kernel, language=language)
        folder = tmp_path / "variant"
        folder.mkdir()
        parameters = kw.pop("parameters", {})
        return Job("train-3f9a2c", template, folder, parameters, **kw)

    return make


@pytest.fixture
def install_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def install(name: str, argv: list[str], language: str) -> None:
        folder = tmp_path / "jupyter" / "kernels" / name
        folder.mkdir(parents=True)
        spec = {"argv": argv, "display_name": name, "language": language}
        (folder / "kernel.json").write_text(json.dumps(spec))
        monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))

    return install


@pytest.fixture
def bash_kernel(install_kernel: Callable[..., None]) -> None:
    argv = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]
    install_kernel("bash", argv, "bash")
