"""Pipelines built in code."""

import io
from pathlib import Path

import nbformat
import pytest

import nbexp
from nbexp import PipelineError, State
from nbexp.display import told
from nbexp.runs.events import Event, EventKind


class Heard:
    """Keeps the events of a run."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events

    def notify(self, event: Event) -> None:
        self._events.append(event)


def write(path: Path, source: str, parameters: str) -> Path:
    cells = [nbformat.v4.new_code_cell(parameters), nbformat.v4.new_code_cell(source)]
    cells[0].metadata["tags"] = ["parameters"]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec}), path)
    return path


@pytest.fixture
def pipeline(tmp_path: Path) -> nbexp.Pipeline:
    train = write(
        tmp_path / "train.ipynb",
        "import nbexp\nnbexp.glue('score', -((lr - 0.1) ** 2) * width)",
        "lr = 0.0\nwidth = 1\nepochs = 1",
    )
    report = write(
        tmp_path / "report.ipynb", "import nbexp\nnbexp.glue('seen', score)", "score = 0"
    )
    return nbexp.Pipeline(
        "code",
        [
            nbexp.Stage(
                "train",
                train,
                params={
                    "lr": nbexp.grid([0.1, 0.5]),
                    "width": nbexp.randint(1, 100),
                    "epochs": "@params.epochs",
                },
                metric="score",
                keep=1,
                samples=2,
            ),
            nbexp.Stage("report", str(report), params={"score": "@train.score"}),
        ],
        params={"epochs": 3},
        seed=5,
        folder=tmp_path,
    )


def test_plan_lists_variants_and_writes_nothing(pipeline, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    plan = pipeline.plan()
    assert [(stage.name, len(stage.variants), stage.is_open) for stage in plan.stages] == [
        ("train", 4, False),
        ("report", 0, True),
    ]
    assert all(variant.state is State.PENDING for variant in plan.variants)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.timeout(300)
def test_run_returns_results_as_objects_and_as_a_table(pipeline):
    lines: list[str] = []
    result = pipeline.run(progress=lines.append)
    assert result.state is State.FINISHED
    assert lines[:2] == ["starting…", f"run {result.id} of code: train, report"]
    assert "plan: train 4 variants, report later" in lines
    assert sum(line.startswith("✓ train-") for line in lines) == 4
    assert any(line.startswith("stage report: 1 finished") for line in lines)
    assert lines[-1].endswith(f"runs/{result.id}")
    assert any(line.startswith("finished in ") for line in lines[-3:])
    assert [v.params["epochs"] for v in result.stage("train")] == [3] * 4
    (best,) = [v for v in result.stage("train") if v.is_kept]
    assert best.params["lr"] == 0.1
    (report,) = result.stage("report")
    assert report.scraps["seen"] == best.scraps["score"] == best.metric
    table = result.dataframe()
    assert len(table) == 5
    assert {"variant", "stage", "state", "metric", "params.lr", "scraps.score"} <= set(table)


@pytest.mark.timeout(300)
def test_run_prints_how_it_goes_unless_it_is_to_be_silent(tmp_path: Path, capsys):
    stage = nbexp.Stage("t", write(tmp_path / "t.ipynb", "print(x)", "x = 1"), params={"x": 2})
    pipeline = nbexp.Pipeline("told", [stage], folder=tmp_path)
    pipeline.run(progress=False)
    assert capsys.readouterr().out == ""
    heard: list[Event] = []
    again = pipeline.run(listeners=[Heard(heard)])
    out = capsys.readouterr().out.splitlines()
    assert out[:3] == ["starting…", f"run {again.id} of told: t", "stage t: 1 cached"]
    assert "waiting for Ray…" not in out
    assert EventKind.WORKERS_AWAITED not in {event.kind for event in heard}


def test_lines_that_a_stream_can_not_hold_are_printed_as_far_as_it_can(monkeypatch):
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", narrow)
    with told(True, Path("runs")) as (_, lines):
        lines.notify(Event(EventKind.WARNING, 1.0, {"message": "no \x1b[2Jroom: ü"}))
    narrow.seek(0)
    assert narrow.read() == "starting?\n! no room: ?\n"


def test_mistakes_in_code_are_told_like_those_in_files(tmp_path):
    train = write(tmp_path / "train.ipynb", "", "lr = 0.0")
    stage = nbexp.Stage("train", train, params={"lr": nbexp.uniform(1, 0), "x": nbexp.grid([])})
    with pytest.raises(PipelineError) as error:
        nbexp.Pipeline("code", [stage], folder=tmp_path)
    places = [problem.where for problem in error.value.problems]
    assert places[:2] == ["pipeline: stages.train.params.lr", "pipeline: stages.train.params.x"]
    assert "expected lower < upper" in str(error.value)


@pytest.mark.parametrize(
    ("value", "variants"),
    [
        (lambda np: nbexp.grid(np.arange(1, 4)), [1, 2, 3]),
        (lambda np: nbexp.grid([np.float32(0.5), np.int8(2), np.bool_(True)]), [0.5, 2, True]),
        (lambda np: np.array([[1, 2], [3, 4]]), [[[1, 2], [3, 4]]]),
        (lambda np: {"a": np.float64(0.25), "b": (np.str_("x"),)}, [{"a": 0.25, "b": ["x"]}]),
        (lambda np: nbexp.choice(np.array(["a"])), ["a"]),
        (lambda np: nbexp.uniform(np.float32(1), np.int64(1) + 1e-9), None),
    ],
)
def test_values_of_numpy_are_taken_as_numbers(tmp_path: Path, value, variants):
    import numpy as np

    write(tmp_path / "t.ipynb", "print(x)", "x = 1")
    stage = nbexp.Stage(
        "t", "t.ipynb", params={"x": value(np)}, retries=np.int64(1), timeout=np.float32(5)
    )
    pipeline = nbexp.Pipeline("numpy", [stage], folder=tmp_path, seed=np.int64(3))
    found = [variant.parts["params"]["x"] for variant in pipeline.plan().variants]
    assert variants is None or found == variants
    assert [type(x) for x in found] == [type(x) for x in variants or [0.5]]
