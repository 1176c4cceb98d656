"""What variants log while they run, in MLflow on SQLite: nothing is lost, nothing is twice."""

import json
import math
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

import nbexp
from nbexp.files import append_line, write_json
from nbexp.metrics import Entry, mark_return
from nbexp.run.tracker import KnownResult
from nbexp.run.writer import RunWriter
from nbexp.runs.outcome import CellError, Outcome
from nbexp.runs.record import VariantRecord
from nbexp.states import State
from nbexp.tracking import MlflowTracker
from nbexp.tracking.series import SeriesWriter

KEY = "1" * 64
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


class Driver:
    """One run whose variants are told of by the test, as a driver would."""

    def __init__(self, spec):
        self.tracker = MlflowTracker(spec)
        self.client = self.tracker._client()
        self.run = RunWriter.create(spec)
        self.run.unlock()
        self.tracker.open_run(self.run.path)

    def begin(self, name: str, **fields) -> tuple[VariantRecord, Path]:
        folder = self.run.variant(name).path
        folder.mkdir()
        fields = {"label": "", "params": {}, "key": KEY} | fields
        record = VariantRecord(
            name, "train", lineage={}, parts={"code": "c"}, template="a.ipynb", **fields
        )
        tracking_id, _ = self.tracker.begin(record, folder)
        write_json(folder / "variant.json", {**vars(record), "tracking_id": tracking_id})
        return VariantRecord.read(folder), folder

    def finish(self, record, folder, state=State.FINISHED, **scraps) -> None:
        self.tracker.finish(record, outcome_of(record, state, **scraps), folder, lambda: None)
        self.settle()

    def settle(self) -> None:
        """Wait until all that was asked for is written."""
        self.tracker._connection.submit(int).result()

    def history(self, record, name: str) -> list[tuple[int, float]]:
        found = self.client.get_metric_history(record.tracking_id, name)
        return [(metric.step, metric.value) for metric in found]

    def data(self, record):
        return self.client.get_run(record.tracking_id).data

    def status(self, record) -> str:
        return self.client.get_run(record.tracking_id).info.status

    def media(self, record) -> set[str]:
        return {item.path for item in self.client.list_artifacts(record.tracking_id, "media")}

    def text(self, record, path: str) -> str:
        return Path(self.client.download_artifacts(record.tracking_id, path)).read_text()


def outcome_of(record, state=State.FINISHED, key=KEY, **scraps) -> Outcome:
    error = CellError("ValueError", "bad") if state is State.FAILED else None
    return Outcome(record.name, key, state, 1e9, 2e9, scraps=scraps, error=error)


def entry(step: int, rich=None, **values) -> Entry:
    return Entry(1e9 + step, step, values, rich or {})


def append(folder: Path, *entries: Entry) -> list[Entry]:
    for each in entries:
        append_line(folder / "metrics.jsonl", each.to_record())
    return list(entries)


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    nbformat.write(nbformat.v4.new_notebook(), folder / "a.ipynb")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        stage = nbexp.Stage("train", notebook="a.ipynb")
        yield nbexp.Pipeline("series", [stage], folder=folder).spec


@pytest.fixture(scope="module")
def driver(spec):
    return Driver(spec)


def test_numbers_are_there_while_the_variant_runs_with_step_and_time(driver):
    record, folder = driver.begin("live")
    entries = append(folder, entry(1, loss=0.5), entry(2, loss=0.25, **{"acc (top@1)": 1}))
    driver.tracker.log(record, folder, entries)
    driver.settle()
    assert driver.history(record, "loss") == [(1, 0.5), (2, 0.25)]
    assert driver.history(record, "acc _top_1_") == [(2, 1.0)]
    found = driver.client.get_metric_history(record.tracking_id, "loss")
    assert [metric.timestamp for metric in found] == [1_000_000_001_000, 1_000_000_002_000]
    assert driver.status(record) == "RUNNING"


def test_numbers_that_are_not_finite_and_steps_out_of_range_hinder_nothing(driver):
    record, folder = driver.begin("odd")
    entries = [
        entry(0, a=math.nan),
        entry(1, a=math.inf, b=10**400),
        Entry(-5.0, 2**70, {"a": 1.0}, {}),
    ]
    driver.tracker.log(record, folder, append(folder, *entries))
    driver.settle()
    steps = dict(driver.history(record, "a"))
    assert math.isnan(steps[0])
    assert steps[1] > 1e308
    assert steps[2**63 - 1] == 1.0


def test_texts_images_and_histograms_are_artifacts(driver):
    record, folder = driver.begin("rich")
    (folder / "media").mkdir()
    (folder / "media" / "plot-3.png").write_bytes(PNG)
    histogram = {"kind": "histogram", "edges": [0.0, 1.0, 2.0], "counts": [3, 4]}
    rich = {
        "note": {"kind": "text", "text": "größer"},
        "plot": {"kind": "image", "file": "media/plot-3.png"},
        "gone": {"kind": "image", "file": "media/gone-3.png"},
        "weights": histogram,
    }
    driver.tracker.log(record, folder, append(folder, entry(3, rich)))
    driver.settle()
    names = {"media/note-3.txt", "media/plot-3.png", "media/weights-3.json"}
    assert driver.media(record) == names
    assert driver.text(record, "media/note-3.txt") == "größer"
    assert json.loads(driver.text(record, "media/weights-3.json")) == histogram
    (folder / "media" / "gone-3.png").write_bytes(PNG)
    driver.finish(record, folder)
    assert driver.media(record) == {*names, "media/gone-3.png"}


def test_finish_writes_what_was_logged_and_never_told(driver):
    record, folder = driver.begin("untold")
    told, _ = append(folder, entry(1, loss=0.5), entry(2, loss=0.25))
    driver.tracker.log(record, folder, [told])
    driver.finish(record, folder)
    assert driver.history(record, "loss") == [(1, 0.5), (2, 0.25)]
    assert driver.data(record).tags["nbexp.key"] == KEY


def test_variant_that_mlflow_did_not_see_begin_is_written_at_its_end(driver):
    record, folder = driver.begin("late")
    unseen = replace(record, tracking_id=None)
    driver.tracker.log(unseen, folder, append(folder, entry(1, loss=0.5)))
    driver.finish(unseen, folder)
    runs = driver.client.search_runs(
        [driver.tracker._experiment_id], "tags.`nbexp.variant` = 'late' and status = 'FINISHED'"
    )
    assert [run.data.metrics for run in runs] == [{"loss": 0.5}]


def test_what_one_logs_that_goes_on_from_another_is_there_beside_what_was(driver):
    record, folder = driver.begin("exploited")
    driver.tracker.log(record, folder, append(folder, entry(1, loss=3.0), entry(2, loss=2.0)))
    append_line(folder / "metrics.jsonl", mark_return(1))
    again = Entry(1.5e9, 2, {"loss": 1.0}, {})
    driver.tracker.log(record, folder, append(folder, again))
    driver.finish(record, folder)
    assert driver.history(record, "loss") == [(1, 3.0), (2, 2.0), (2, 1.0)]
    assert driver.data(record).metrics == {"loss": 1.0}


def test_executions_of_one_variant_share_a_run(driver):
    record, folder = driver.begin("resumed")
    entries = append(folder, entry(1, loss=0.5), entry(2, loss=0.25))
    driver.tracker.log(record, folder, entries)
    append(folder, entry(2, loss=0.25))  # the last iteration runs again
    driver.tracker.log(record, folder, [entries[1]])
    driver.tracker.log(record, folder, append(folder, entry(3, loss=0.125)))
    driver.finish(record, folder)
    assert driver.history(record, "loss") == [(1, 0.5), (2, 0.25), (3, 0.125)]


@pytest.mark.parametrize(
    ("scrap", "history"),
    [
        (0.7, [(1, 0.5), (5, 0.9), (5, 0.7)]),
        (0.9, [(1, 0.5), (5, 0.9)]),
    ],
    ids=["differs", "same"],
)
def test_glued_number_is_the_latest_of_its_name(driver, scrap, history):
    record, folder = driver.begin(f"glued-{scrap}")
    append(folder, entry(1, score=0.5), entry(5, score=0.9))
    driver.finish(record, folder, score=scrap, other=2)
    assert driver.data(record).metrics == {"score": scrap, "other": 2}
    assert driver.history(record, "score") == history
    assert driver.history(record, "other") == [(0, 2.0)]


def test_pruned_variant_is_finished_under_the_key_of_what_is_left(driver):
    record, folder = driver.begin("pruned", pruned_key="p" * 64)
    append(folder, entry(1, score=0.5))
    outcome = outcome_of(record, State.PRUNED, key="p" * 64)
    driver.tracker.finish(record, outcome, folder, lambda: None)
    driver.settle()
    tags = driver.data(record).tags
    assert driver.status(record) == "FINISHED"
    assert (tags["nbexp.state"], tags["nbexp.key"]) == ("pruned", "p" * 64)


def test_ten_thousand_points_are_written_in_batches_and_only_once(driver):
    record, folder = driver.begin("many")
    entries = [entry(step, a=float(step), b=-float(step)) for step in range(5000)]
    (folder / "metrics.jsonl").write_text(
        "".join(f"{json.dumps(e.to_record())}\n" for e in entries)
    )
    for start in range(0, 5000, 50):
        driver.tracker.log(record, folder, entries[start : start + 50])
    driver.finish(record, folder)
    for name, sign in (("a", 1), ("b", -1)):
        assert driver.history(record, name) == [(step, float(sign * step)) for step in range(5000)]


class Faltering:
    """A client whose writes fail after some, as those to a server that goes away."""

    def __init__(self, client, writes: int):
        self._client = client
        self.writes = writes
        self.asked = 0

    def __getattr__(self, name):
        return getattr(self._client, name)

    def log_batch(self, *arguments, **more):
        if self.writes == 0:
            raise ConnectionError("the server is gone")
        self.writes -= 1
        self._client.log_batch(*arguments, **more)

    def get_metric_history(self, *arguments):
        self.asked += 1
        return self._client.get_metric_history(*arguments)


def test_after_a_failure_mlflow_is_asked_and_all_made_up_for(driver):
    record, folder = driver.begin("faltering")
    client = Faltering(driver.client, writes=1)
    series, run_id = SeriesWriter(lambda: client), record.tracking_id
    series.begin(run_id)
    entries = append(folder, *(entry(step, loss=float(step)) for step in range(1500)))
    with pytest.raises(ConnectionError):
        series.append(run_id, folder, entries)  # two batches
    assert len(driver.history(record, "loss")) == 1000
    client.writes = 10
    series.append(run_id, folder, append(folder, entry(1500, loss=1500.0)))
    assert client.asked == 1
    assert driver.history(record, "loss") == [(step, float(step)) for step in range(1501)]
    series.append(run_id, folder, append(folder, entry(1501, loss=1501.0)))
    series.complete(run_id, folder)
    assert client.asked == 1, "it is certain again"
    assert len(driver.history(record, "loss")) == 1502


def test_server_that_went_away_leaves_no_gap_once_it_is_back(driver, monkeypatch):
    record, folder = driver.begin("away")
    with monkeypatch.context() as patch:
        patch.setattr(driver.client, "log_batch", Faltering(driver.client, writes=0).log_batch)
        driver.tracker.log(record, folder, append(folder, entry(1, loss=0.5)))
        driver.settle()
    assert driver.history(record, "loss") == []
    driver.tracker.log(record, folder, append(folder, entry(2, loss=0.25)))
    driver.settle()
    assert driver.history(record, "loss") == [(1, 0.5), (2, 0.25)]
    assert driver.tracker.failures == [], "nothing is missing"


def test_results_of_earlier_variants_are_found_newest_first(spec):
    driver = Driver(spec)
    params = {"optimizer": {"lr": 0.1, "name": "adam"}, "layers": [8, 4], "deep": True}
    for name, state, score in (
        ("won", State.FINISHED, 0.9),
        ("nan", State.FINISHED, math.nan),
        ("inf", State.FINISHED, -math.inf),
        ("bad", State.FAILED, 0.1),
        ("cut", State.PRUNED, 0.5),
    ):
        record, folder = driver.begin(name, params=params, search=f"search of {name}")
        append(folder, entry(1, gain=0.1), entry(2, gain=score))
        driver.finish(record, folder, state)
    flat = {"optimizer.lr": 0.1, "optimizer.name": "adam", "layers": [8, 4], "deep": True}
    cut, won = KnownResult(flat, 0.5, "search of cut"), KnownResult(flat, 0.9, "search of won")
    assert driver.tracker.results("train", "gain", 10) == [cut, won]
    assert driver.tracker.results("train", "gain", 1) == [cut]
    assert driver.tracker.results("other", "gain", 10) == []
    assert driver.tracker.results("train", "unknown", 10) == []


def test_failed_variant_keeps_what_it_logged(driver):
    record, folder = driver.begin("failed")
    append(folder, entry(1, loss=0.5))
    driver.finish(record, folder, State.FAILED)
    assert driver.status(record) == "FAILED"
    assert "nbexp.key" not in driver.data(record).tags
    assert driver.history(record, "loss") == [(1, 0.5)]
