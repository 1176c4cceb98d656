"""Runs made by hand: folders as the runner leaves them, with notebooks that nothing executed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import nbexp
from nbexp.files import append_line, write_json
from nbexp.metrics import Entry
from nbexp.run.writer import RunWriter
from nbexp.runs.events import EventKind, EventLog, Events
from nbexp.runs.folder import RunFolder
from nbexp.runs.outcome import CellError, Outcome
from nbexp.runs.record import VariantRecord
from nbexp.states import State

START = 1_790_000_000.0


@dataclass(frozen=True)
class Made:
    """A variant to be made.

    Attributes:
        stage: Its stage.
        params: Its parameters.
        state: How it ended.
        metric: What it came to; glued as ``score``.
        epochs: How many steps of ``loss`` it logged.
        scraps: What else it glued.
        lineage: For each stage that it descends from, the name of the variant.
        kept: Whether reduce kept it.
        error: Why it failed.
        notebook: Its notebook; one of two cells by default.
        parts: What its identity is made of.
        key: Its identity.
    """

    stage: str
    params: Mapping[str, Any] = field(default_factory=dict)
    state: State = State.FINISHED
    metric: float | None = None
    epochs: int = 0
    scraps: Mapping[str, Any] = field(default_factory=dict)
    lineage: Mapping[str, str] = field(default_factory=dict)
    kept: bool = False
    error: CellError | None = None
    notebook: Any = None
    parts: Mapping[str, Any] = field(default_factory=dict)
    key: str = "k" * 64

    @property
    def label(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self.params.items())


def notebook_of(made: Made) -> Any:
    output = new_output("stream", name="stdout", text=f"{made.label}\n")
    return new_notebook(
        cells=[
            new_markdown_cell("# Training\nOne variant."),
            new_code_cell("print(label)", execution_count=1, outputs=[output]),
        ],
        metadata={"language_info": {"name": "python"}},
    )


class RunMaker:
    """Makes runs of a pipeline in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "templates").mkdir(parents=True, exist_ok=True)
        for name, source in {"prepare": "glue('data', 1)", "train": "glue('score', 1)"}.items():
            tagged = new_code_cell("data = None", metadata={"tags": ["parameters"]})
            code = new_code_cell(f"from nbexp import glue\n{source}")
            nbformat.write(new_notebook(cells=[tagged, code]), folder / f"templates/{name}.ipynb")

    def make(
        self,
        variants: Mapping[str, Made],
        *,
        pipeline: str = "made",
        task: str | None = None,
        mode: str = "max",
        epochs: int = 3,
        ends: bool = True,
        more: Sequence[str] = (),
    ) -> Path:
        """Make a run of the variants by name.

        Args:
            epochs: A setting of its pipeline.
            more: Names of stages besides `prepare` and `train`.
        """
        stages = [
            nbexp.Stage("prepare", notebook="templates/prepare.ipynb"),
            nbexp.Stage("train", notebook="templates/train.ipynb", metric="score", mode=mode,
                        params={"data": "@prepare.data"}),
        ]  # fmt: skip
        settings = nbexp.Pipeline(
            pipeline, stages, task=task, folder=self.folder, params={"epochs": epochs}
        )
        run = RunWriter.create(settings.spec)
        events = Events([EventLog(run)])
        metrics = {"train": ["score", mode, "last"]}
        events.emit(EventKind.RUN_STARTED, run=run.id, pipeline=pipeline,
                    stages=["prepare", "train", *more], metrics=metrics)  # fmt: skip
        for name, made in variants.items():
            self._variant(run, events, name, made)
        for stage in ("prepare", "train"):
            kept = [n for n, made in variants.items() if made.stage == stage and made.kept]
            events.emit(EventKind.STAGE_ENDED, stage=stage, kept=kept)
        if ends:
            failed = any(made.state.is_failure for made in variants.values())
            state = State.FAILED if failed else State.FINISHED
            events.emit(EventKind.RUN_ENDED, state=state.value)
        run.unlock()
        return run.path

    def _variant(self, run: RunFolder, events: Events, name: str, made: Made) -> None:
        told = {"variant": name, "stage": made.stage, "label": made.label}
        events.emit(EventKind.VARIANT_ADDED, **told, lineage=dict(made.lineage))
        folder = run.variant(name).path
        if made.state is not State.SKIPPED:
            folder.mkdir()
            self._write(folder, name, made)
        error = asdict(made.error) if made.error else None
        events.emit(EventKind.VARIANT_ENDED, **told, state=made.state.value, duration_s=1.5,
                    error=error, note="", folder=str(folder), metric=made.metric)  # fmt: skip

    def _write(self, folder: Path, name: str, made: Made) -> None:
        record = VariantRecord(
            name, made.stage, made.label, made.params, made.lineage, made.key, made.parts,
            f"templates/{made.stage}.ipynb",
        )  # fmt: skip
        write_json(folder / "variant.json", vars(record))
        nbformat.write(made.notebook or notebook_of(made), folder / "notebook.ipynb")
        (folder / "log.txt").write_text(f"=== {name} ===\n")
        for step in range(made.epochs):
            loss = math.exp(-step / (1 + len(name)))
            append_line(
                folder / "metrics.jsonl", Entry(START, step, {"loss": loss}, {}).to_record()
            )
        scraps = {**made.scraps, **({"score": made.metric} if made.metric is not None else {})}
        outcome = Outcome(
            name, made.key, made.state, START, START + 1.5, scraps=scraps, error=made.error
        )
        write_json(folder / "result.json", outcome.to_record())


def small_run() -> dict[str, Made]:
    """Return the variants of a run with all that there can be."""
    error = CellError("ValueError", "lr < 0 & <odd>", 2, "fit(lr)", "Traceback …\nValueError")
    made: dict[str, Made] = {"prepare-1": Made("prepare", {"size": 0.2})}
    for number in range(10):
        params = {"lr": 10.0**-number, "optimizer": {"name": "adam" if number % 2 else "sgd"}}
        made[f"train-{number}"] = Made(
            "train", params, State.PRUNED if number == 7 else State.FINISHED,
            metric=0.9 - abs(number - 3) / 10, epochs=3 if number == 7 else 10,
            scraps={"confusion": [[5, number], [1, 7]], "name": "<b>x</b>"},
            lineage={"prepare": "prepare-1"}, kept=number == 3,
        )  # fmt: skip
    made["train-bad"] = Made("train", {"lr": -1.0}, State.FAILED, error=error,
                             lineage={"prepare": "prepare-1"})  # fmt: skip
    made["train-left"] = Made("train", {"lr": 2.0}, State.SKIPPED)
    return made


@pytest.fixture
def runs(tmp_path: Path) -> RunMaker:
    return RunMaker(tmp_path / "project")


@pytest.fixture
def made() -> Callable[..., Made]:
    return Made


@pytest.fixture
def small() -> Callable[[], dict[str, Made]]:
    return small_run
