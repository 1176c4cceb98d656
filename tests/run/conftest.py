"""Projects to run for real, with one Ray for all tests of this process."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nbexp.runs.events import Event

Write = Callable[..., Path]


@pytest.fixture(scope="module", autouse=True)
def _quiet_environment() -> Iterator[None]:
    """Keep a cluster or a server of the developer's own out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", "local")
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """Start Ray once; runs in this process use it, and leave it running."""
    from nbexp.run import Cluster, ClusterSettings

    cluster = Cluster(ClusterSettings())
    cluster.start()
    yield
    cluster.close()


@pytest.fixture(scope="module", params=["ray", "inline"])
def inline(request: pytest.FixtureRequest) -> bool:
    """Whether a module's runs are inline; it runs once with Ray's workers, and once so."""
    if request.param == "ray":
        request.getfixturevalue("ray_cluster")
    return bool(request.param == "inline")


@pytest.fixture
def only_ray(inline: bool) -> None:
    """Leave out inline what is about the results of earlier runs, kills or time limits."""
    if inline:
        pytest.skip("not of runs inline")


class Recorder:
    """A listener that keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.kind == kind]


class Project:
    """A folder with a pipeline and its templates."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "pipeline.toml"

    def template(
        self, name: str, *cells: str, parameters: str | None = None, kernel: str = "python3"
    ) -> Path:
        import nbformat

        notebook = nbformat.v4.new_notebook()
        language = "bash" if kernel == "bash" else "python"
        notebook.metadata = {
            "kernelspec": {"name": kernel, "display_name": kernel, "language": language},
            "language_info": {"name": language},
        }
        if parameters is not None:
            cell = nbformat.v4.new_code_cell(parameters)
            cell.metadata["tags"] = ["parameters"]
            notebook.cells.append(cell)
        notebook.cells += [nbformat.v4.new_code_cell(cell) for cell in cells]
        path = self.folder / "templates" / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, path)
        return path

    def pipeline(self, text: str) -> Path:
        self.file.write_text(text)
        return self.file

    def start(self, *arguments: str, environment: dict[str, str] | None = None):
        """Run the pipeline in a process of its own, as a user would."""
        command = [sys.executable, "-m", "nbexp", "run", str(self.file), *arguments]
        with (self.folder / "out.txt").open("ab") as output:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **(environment or {})},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def runs(self) -> list[Path]:
        return sorted(p for p in (self.folder / "runs").glob("*") if (p / "driver.lock").exists())


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture(scope="module")
def module_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that the tests of a module share, or one beside a test's own."""
    return Project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def own_project(tmp_path_factory: pytest.TempPathFactory, inline: bool) -> Project:
    """A project that the tests of a module share, with one way of running them."""
    return Project(tmp_path_factory.mktemp("inline" if inline else "ray"))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()
