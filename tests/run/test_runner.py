"""The loop of a run, with workers and a tracker that only pretend: what they do wrong, it bears."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

import nbexp
from nbexp import State
from nbexp.execute import Job
from nbexp.files import write_json
from nbexp.run import Parts, RunIndex, Runner
from nbexp.run.workers import Done, Slot
from nbexp.run.writer import RunWriter
from nbexp.runs import manifest
from nbexp.runs.control import Request, request_stop, send
from nbexp.runs.events import Event, EventKind, EventLog, Events
from nbexp.runs.history import read_history
from nbexp.runs.outcome import CellError, Outcome

Work = Callable[[Job], Outcome | None]


def ends(job: Job, state: State = State.FINISHED) -> Outcome:
    """Do what a worker does at the end of a notebook."""
    error = CellError("ValueError", "bad") if state is State.FAILED else None
    outcome = Outcome(job.variant, job.key, state, 1.0, 2.0, scraps={"y": 1}, error=error)
    (job.folder / "notebook.ipynb").write_text('{"cells": []}')
    manifest.write(job.folder, ["notebook.ipynb"])
    write_json(job.folder / "result.json", outcome.to_record())
    return outcome


class OneWorker:
    """A pool of one worker, whose notebooks end when it is waited for."""

    are_processes = True

    def __init__(self, shape, work: Work = ends) -> None:
        self.slot = Slot(shape, None, is_up=True)
        self.work, self.job, self.jobs, self.stops = work, None, [], []
        self.is_killed = False

    def start(self) -> None: ...

    def scale(self, waiting) -> None: ...

    def idle(self):
        return [] if self.job else [self.slot]

    def room(self, _shape) -> int:
        return len(self.idle())

    def run(self, _slot, job) -> None:
        self.job = job
        self.jobs.append(job)

    def stop(self, task) -> None:
        self.stops.append(task)

    def wait(self, _timeout_s):
        if self.job is None:
            return []
        outcome = self.work(self.job)
        if outcome is not None and outcome.state is State.RUNNING:
            return []
        job, self.job = self.job, None
        return [Done(job.variant, outcome, "killed")]

    def kill(self) -> None:
        self.is_killed = True


class Memory:
    """A tracker that keeps what it is told."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.known: dict[str, Path] = {}
        self.ended: list[tuple[str, State]] = []
        self.state: State | None = None

    def find(self, keys):
        return {key: [self.known[key]] for key in keys if key in self.known}

    def begin(self, _record, _folder):
        return None, {}

    def finish(self, record, outcome, folder, done) -> None:
        self.ended.append((record.name, outcome.state))
        if outcome.state is State.FINISHED:
            self.known[record.key] = folder
        done()

    def close_run(self, state) -> None:
        self.state = state


class Case:
    """A pipeline of one stage, and the parts of a run of it."""

    def __init__(self, folder: Path, source: str = "1", **stage) -> None:
        nbformat.write(notebook(source), folder / "a.ipynb")
        self.spec = nbexp.Pipeline("p", [nbexp.Stage("a", "a.ipynb", **stage)], folder=folder).spec
        self.tracker = Memory()
        self.pool = OneWorker(self.spec.stages["a"].resources)

    def run(self, work: Work = ends, *, fresh: bool = False) -> State:
        self.folder = RunWriter.create(self.spec)
        self.pool.work = work
        events, index = Events([EventLog(self.folder)]), RunIndex(self.folder.path.parent)
        parts = Parts(self.folder, self.tracker, self.pool, events, index)
        try:
            return Runner(self.spec, parts, fresh=fresh).run()
        finally:
            self.folder.unlock()

    def states(self) -> list[State]:
        return [v.state for v in read_history(self.folder).variants.values()]


def notebook(source: str):
    cells = [nbformat.v4.new_code_cell("x = 0"), nbformat.v4.new_code_cell(source)]
    cells[0].metadata["tags"] = ["parameters"]
    return nbformat.v4.new_notebook(cells=cells)


def test_run_that_breaks_off_tells_how_everything_stands(tmp_path):
    case = Case(tmp_path, params={"x": nbexp.grid([1, 2])})

    def breaks(job: Job) -> Outcome:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        case.run(breaks)
    assert case.pool.is_killed
    assert case.tracker.ended == [(case.pool.jobs[0].variant, State.STOPPED)]
    assert case.tracker.state is State.FAILED
    assert read_history(case.folder).state is State.FAILED
    assert case.states() == [State.STOPPED] * 2


def test_look_up_that_fails_is_a_warning_and_everything_is_executed(tmp_path):
    case = Case(tmp_path, params={"x": nbexp.grid([1, 2])})

    def unreachable(keys):
        raise ConnectionError("gone")

    case.tracker.find = unreachable
    assert case.run() is State.FINISHED
    assert len(case.pool.jobs) == 2
    (warning,) = read_history(case.folder).warnings
    assert "gone" in warning


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        ({"scheduler": "asha"}, "asha had nothing to decide by"),
        ({"scheduler": "asha", "keep": 1}, "reduce kept the first"),
    ],
)
def test_metric_that_no_variant_has_is_told(tmp_path, stage, told):
    case = Case(tmp_path, "import nbexp; nbexp.log(str(x), 1)", metric="loss", **stage)
    assert case.run() is State.FINISHED
    (warning,) = read_history(case.folder).warnings
    assert warning == f"no variant of a has a number for the metric 'loss'; {told}"


def test_listener_whose_reader_has_gone_is_dropped_without_a_word(caplog):
    class Piped:
        def notify(self, _event) -> None:
            raise BrokenPipeError

    heard: list[Event] = []
    events = Events([Piped(), SimpleNamespace(notify=heard.append)])
    events.emit(EventKind.RUN_PAUSED)
    events.emit(EventKind.RUN_CONTINUED)
    assert [event.kind for event in heard] == [EventKind.RUN_PAUSED, EventKind.RUN_CONTINUED]
    assert not caplog.records


@pytest.mark.parametrize("one", [True, False], ids=["one variant", "the whole run"])
def test_stop_is_asked_for_until_it_is_heard(tmp_path, one):
    case = Case(tmp_path, retries=3)

    def is_deaf_at_first(job: Job) -> Outcome:
        if not case.pool.stops:
            request_stop(case.folder, job.variant if one else None)
        is_heard = len(case.pool.stops) >= 3
        return ends(job, State.STOPPED if is_heard else State.RUNNING)

    assert case.run(is_deaf_at_first) is State.STOPPED
    assert case.states() == [State.STOPPED]
    assert len(case.pool.jobs) == 1


def test_variant_that_was_asked_to_stop_is_not_tried_again(tmp_path):
    case = Case(tmp_path, retries=3)

    def fails_after_the_request(job: Job) -> Outcome:
        request_stop(case.folder, job.variant)
        return ends(job, State.FAILED if case.pool.stops else State.RUNNING)

    case.run(fails_after_the_request)
    assert case.states() == [State.FAILED]
    assert len(case.pool.jobs) == 1


def test_lost_worker_costs_no_retry_until_it_happens_again_and_again(tmp_path):
    case = Case(tmp_path)
    assert case.run(lambda _: None) is State.FAILED
    assert len(case.pool.jobs) == 3
    assert (
        read_history(case.folder).variants[case.pool.jobs[0].variant].error["name"] == "WorkerLost"
    )
    assert case.run(lambda job: None if len(case.pool.jobs) < 6 else ends(job)) is State.FINISHED


def test_worker_lost_after_the_result_was_written_has_finished(tmp_path):
    case = Case(tmp_path)

    def writes_and_dies(job: Job) -> None:
        ends(job)

    assert case.run(writes_and_dies) is State.FINISHED
    assert len(case.pool.jobs) == 1


def test_retry_after_a_module_was_mended_has_the_identity_of_what_it_runs(tmp_path):
    module = tmp_path / "own.py"
    module.write_text("1 / 0")
    case = Case(tmp_path, "import own", retries=1)

    def mends(job: Job) -> Outcome:
        is_first = len(case.pool.jobs) == 1
        module.write_text("1 / 1")
        return ends(job, State.FAILED if is_first else State.FINISHED)

    assert case.run(mends) is State.FINISHED
    first, second = case.pool.jobs
    assert first.key != second.key
    assert list(case.tracker.known) == [second.key]


def test_what_ran_before_is_taken_over_unless_it_is_gone(tmp_path):
    case = Case(tmp_path)
    case.run()
    assert case.run() is State.FINISHED
    assert case.states() == [State.CACHED]
    for folder in case.tracker.known.values():
        (folder / "notebook.ipynb").unlink()
    case.run()
    assert case.states() == [State.FINISHED]
    case.run(fresh=True)
    assert case.states() == [State.FINISHED]


def test_input_that_goes_away_fails_what_needs_it_and_nothing_else(tmp_path):
    (tmp_path / "data.csv").write_text("1")
    case = Case(tmp_path, inputs=["data.csv"])
    (tmp_path / "data.csv").unlink()
    assert case.run() is State.FAILED
    (variant,) = read_history(case.folder).variants.values()
    assert variant.error["name"] == "FileNotFoundError"
    assert "data.csv" in variant.error["message"]


def pauses(job: Job) -> Outcome:
    """Do what a worker does where a notebook pauses: nothing is written."""
    (job.folder / "notebook.ipynb").write_text('{"cells": []}')
    return Outcome(job.variant, job.key, State.PAUSED, 1.0, 2.0)


def test_variant_that_pauses_after_the_run_was_asked_to_go_on_goes_on(tmp_path):
    case = Case(tmp_path)

    def is_late(job: Job) -> Outcome:
        if len(case.pool.jobs) > 1:
            return ends(job)
        send(case.folder, Request("pause"))
        send(case.folder, Request("continue"))
        return pauses(job)

    assert case.run(is_late) is State.FINISHED
    assert len(case.pool.jobs) == 2
    (variant,) = read_history(case.folder).variants.values()
    assert variant.duration_s == 2.0  # both executions


def test_paused_variants_of_a_run_that_stops_have_stopped(tmp_path):
    case = Case(tmp_path, params={"x": nbexp.grid([1, 2])})

    def work(job: Job) -> Outcome:
        send(case.folder, Request("pause" if len(case.pool.jobs) == 1 else "stop"))
        return pauses(job)

    case.pool.wait = lambda timeout_s, wait=case.pool.wait: wait(timeout_s) or stop_once(case)
    assert case.run(work) is State.STOPPED
    assert case.states() == [State.STOPPED] * 2
    assert case.tracker.ended == [(case.pool.jobs[0].variant, State.STOPPED)]


def stop_once(case: Case) -> list[Done]:
    if not case.folder.control.read_text().count("stop"):
        send(case.folder, Request("stop"))
    return []


def test_paused_variant_alone_is_stopped(tmp_path):
    case = Case(tmp_path)

    def work(job: Job) -> Outcome:
        send(case.folder, Request("pause"))
        return pauses(job)

    def wait(timeout_s, wait=case.pool.wait):
        done = wait(timeout_s)
        if not done:
            send(case.folder, Request("stop", case.pool.jobs[0].variant))
            send(case.folder, Request("continue"))
        return done

    case.pool.wait = wait
    assert case.run(work) is State.STOPPED
    assert case.states() == [State.STOPPED]
    assert len(case.pool.jobs) == 1


def test_what_was_saved_before_a_snapshot_is_there_when_it_goes_on(tmp_path):
    case = Case(tmp_path, retries=1)

    def work(job: Job) -> Outcome:
        if len(case.pool.jobs) > 1:
            assert (job.folder / "artifacts" / "model" / "artifact.json").is_file()
            assert (job.folder / "snapshots" / "1").is_dir()
            return ends(job)
        (job.folder / "artifacts" / "model").mkdir(parents=True)
        (job.folder / "artifacts" / "model" / "artifact.json").write_text("{}")
        (job.folder / "snapshots" / "1").mkdir(parents=True)
        return ends(job, State.FAILED)

    assert case.run(work) is State.FINISHED
    assert len(case.pool.jobs) == 2


def test_next_variant_starts_before_the_tracker_is_told_of_the_last(tmp_path):
    case, finish, started = Case(tmp_path, params={"x": nbexp.grid([1, 2])}), Memory.finish, []

    def counts(*ending) -> None:
        started.append(len(case.pool.jobs))
        finish(case.tracker, *ending)

    case.tracker.finish = counts
    case.run()
    assert started == [2, 2]


@pytest.mark.parametrize("is_alone", [True, False])
def test_what_ran_before_is_looked_up_again_only_beside_another_driver(tmp_path, is_alone):
    case, looked_up = Case(tmp_path, params={"x": nbexp.grid([1, 2, 3])}), []

    def find(keys):
        looked_up.append(len(keys))
        return {}

    def work(job: Job) -> Outcome:
        if not is_alone:
            with (tmp_path / "runs" / ".keys.lock").open("ab") as file:
                file.write(b".")  # as another one's start does
        return ends(job)

    case.tracker.find = find
    case.run(work)
    assert looked_up == [3] if is_alone else [3, 1, 1]
