"""The folder of a variant: where everything is that it was given, and that it left."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

NOTEBOOK = "notebook.ipynb"
LOG = "log.txt"
ARTIFACTS = "artifacts"
FIGURES = "figures"
MEDIA = "media"
VARIANTS = "variants"  # the folder of these folders
RUNS = "runs"  # beside a pipeline: the folder of its runs
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class VariantFolder:
    """All paths of a variant.

    Attributes:
        path: The variant's folder.
    """

    path: Path

    @classmethod
    def of(cls, place: PathLike[str]) -> VariantFolder:
        """Return the folder at a place, which may be one of these already."""
        return cls(Path(place))

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        """Name of the variant."""
        return self.path.name

    @property
    def run(self) -> Path:
        """Folder of its run."""
        return self.path.parent.parent

    @property
    def record(self) -> Path:
        """Its parameters, lineage and identity; written before it runs."""
        return self.path / "variant.json"

    @property
    def notebook(self) -> Path:
        """The executed notebook."""
        return self.path / NOTEBOOK

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.path / LOG

    @property
    def figures(self) -> Path:
        """Folder of the images among its outputs."""
        return self.path / FIGURES

    @property
    def artifacts(self) -> Path:
        """Folder of what it saved."""
        return self.path / ARTIFACTS

    @property
    def result(self) -> Path:
        """How it ended; written last."""
        return self.path / "result.json"

    @property
    def manifest(self) -> Path:
        """Sizes and hashes of what it left."""
        return self.path / MANIFEST

    @property
    def metrics(self) -> Path:
        """What it logged."""
        return self.path / "metrics.jsonl"

    @property
    def cell(self) -> Path:
        """The cell that runs, once it has run for a moment; only while it does."""
        return self.path / "cell.json"

    @property
    def media(self) -> Path:
        """Folder of the files that lines of `metrics` refer to."""
        return self.path / MEDIA

    @property
    def tracked(self) -> Path:
        """What its notebook told MLflow."""
        return self.path / "mlflow.json"

    @property
    def history(self) -> Path:
        """What happened to it in earlier executions, where it was paused or went on from others."""
        return self.path / "history.json"

    @property
    def snapshots(self) -> Path:
        """Folder of the snapshots that it goes on from."""
        return self.path / "snapshots"

    @property
    def observed(self) -> Path:
        """What its notebook was heard to use, until it has ended well."""
        return self.path / "observed.jsonl"

    @property
    def cut(self) -> Path:
        """Says why a loop was ended before its own end."""
        return self.path / "cut.txt"

    @property
    def pause(self) -> Path:
        """Asks its notebook to pause, while it is there."""
        return self.path / "pause"

    @property
    def work(self) -> Path:
        """Folder that its kernel starts in, where it has one of its own."""
        return self.path / "work"

    @property
    def attempts(self) -> Path:
        """Folder of executions that failed and were retried."""
        return self.path / "attempts"

    def attempt(self, number: int) -> VariantFolder:
        """Return the folder that keeps an attempt that failed, from 1."""
        return VariantFolder(self.attempts / str(number))


def is_manifest(path: str) -> bool:
    """Whether a path is that of a variant's manifest.

    It says how what the variant left looks, and is written again wherever that is copied to: so it
    is no input of a notebook that loads an artifact.
    """
    place = Path(path)
    names = (place.name, place.parent.parent.name, place.parent.parent.parent.parent.name)
    return names == (MANIFEST, VARIANTS, RUNS) and VariantFolder(place.parent).record.is_file()
