"""What searches suggest hangs on the seed and on results, not on how long anything takes."""

import random
import sys
from pathlib import Path

import nbformat
import pytest
from test_runner import Case, OneWorker, ends, notebook

import nbexp
from nbexp import State
from nbexp.execute import Job
from nbexp.files import append_line, write_json
from nbexp.lines import read_lines
from nbexp.pipeline import Resources
from nbexp.run.searches import read_search
from nbexp.run.tracker import KnownResult
from nbexp.run.workers import Done, Slot
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import read_history
from nbexp.runs.outcome import Outcome

SEARCH = {"algorithm": "optuna", "samples": 12, "concurrent": 3}


class ManyWorkers(OneWorker):
    """Workers whose notebooks end in an order drawn at random."""

    def __init__(self, shape: Resources, count: int, seed: int) -> None:
        super().__init__(shape)
        self.rng, self.slots = random.Random(seed), [Slot(shape, None, is_up=True)] * count
        self.busy: list[Job] = []
        self.most = 0

    def idle(self):
        return self.slots[len(self.busy) :]

    def run(self, _slot, job) -> None:
        self.busy.append(job)
        self.jobs.append(job)
        self.most = max(self.most, len(self.busy))

    def wait(self, _timeout_s):
        if not self.busy:
            return []
        job = self.busy.pop(self.rng.randrange(len(self.busy)))
        return [Done(job.variant, self.work(job))]


def loss(job: Job, best: float = 0.3) -> Outcome:
    outcome = ends(job)
    scraps = {"loss": (job.parameters["x"] - best) ** 2}
    outcome = Outcome.from_record(outcome.to_record() | {"scraps": scraps})
    write_json(job.folder / "result.json", outcome.to_record())
    return outcome


def case_of(folder: Path, *, workers: int = 3, order: int = 0, **search) -> Case:
    folder.mkdir(exist_ok=True)
    params = {"x": nbexp.uniform(0.0, 1.0)}
    settings = {"metric": "loss", "mode": "min", "search": {**SEARCH, **search}}
    case = Case(folder, "import nbexp; nbexp.glue('loss', x)", params=params, **settings)
    case.pool = ManyWorkers(case.pool.slot.shape, workers, order)
    case.tracker.results = lambda _stage, _metric, _limit: ()
    case.tracker.log = lambda *_: None
    return case


def suggested(run: RunFolder) -> list[float]:
    (file,) = run.path.glob("searches/*.jsonl")
    return [line["values"]["x"] for line in read_lines(file) if "values" in line]


def test_same_seed_gives_the_same_suggestions_in_whichever_order_variants_end(tmp_path):
    found = []
    for order in range(3):
        case = case_of(tmp_path / str(order), order=order)
        case.run(loss)
        assert case.pool.most == 3
        found.append(suggested(case.folder))
    assert found[0] == found[1] == found[2]
    assert len(set(found[0])) == 12


def test_suggestions_hang_on_results(tmp_path):
    found = []
    for best in (0.1, 0.9):
        case = case_of(tmp_path / str(best), samples=14)
        case.run(lambda job, best=best: loss(job, best))
        found.append(suggested(case.folder))
    assert found[0][:10] == found[1][:10]  # drawn at random, to begin with
    assert found[0][10:] != found[1][10:]


def test_suggestions_survive_a_run_that_was_cut_off(tmp_path):
    whole = case_of(tmp_path / "whole")
    whole.run(loss)
    case = case_of(tmp_path / "cut")

    def breaks(job: Job) -> Outcome:
        if len(case.pool.jobs) >= 7:
            raise KeyboardInterrupt
        return loss(job)

    with pytest.raises(KeyboardInterrupt):
        case.run(breaks)
    first = suggested(case.folder)
    assert first == suggested(whole.folder)[: len(first)]
    done = {job.variant for job in case.pool.jobs} - {job.variant for job in case.pool.busy}
    case.pool.busy.clear()
    case.pool.jobs.clear()
    case.run(loss)
    assert suggested(case.folder) == suggested(whole.folder)
    again = {job.variant for job in case.pool.jobs} & done
    assert len(again) <= 1  # the one that was taken from its worker as the run broke off


def test_suggestions_stand_although_the_algorithm_would_now_make_others(tmp_path):
    case = case_of(tmp_path, samples=6)
    case.run(loss)
    first = suggested(case.folder)
    (file,) = case.folder.path.glob("searches/*.jsonl")
    suggestion, *others = read_lines(file)
    assert suggestion == {"values": {"x": first[0]}}
    file.unlink()
    for line in ({"values": {"x": 0.25}}, *others):
        append_line(file, line)
    case.run(loss)
    assert suggested(case.folder)[0] == 0.25
    assert [job.parameters["x"] for job in case.pool.jobs[6:]] == [0.25]


def test_warm_start_tells_earlier_results_but_not_its_own(tmp_path):
    case = case_of(tmp_path, warm_start=True)
    known = [KnownResult({"x": i / 40}, (i / 40 - 0.3) ** 2) for i in range(41)]
    case.tracker.results = lambda *_: [*known, KnownResult({"other": 1}, 0.0)]
    case.run(loss)
    (file,) = case.folder.path.glob("searches/*.jsonl")
    lines = list(read_lines(file))
    assert lines[0] == {"warm": [[dict(each.params), each.value] for each in known]}
    assert sum(abs(x - 0.3) < 0.15 for x in suggested(case.folder)) >= 6
    first = suggested(case.folder)
    own = [KnownResult({"x": x}, 0.0, file.stem) for x in first]
    case.tracker.results = lambda *_: [*own, *known]
    case.pool.jobs.clear()
    case.run(loss)
    assert suggested(case.folder) == first
    assert case.pool.jobs == []


def test_warm_start_that_fails_is_a_warning(tmp_path):
    case = case_of(tmp_path, samples=4, warm_start=True)

    def unreachable(*_):
        raise ConnectionError("gone")

    case.tracker.results = unreachable
    assert case.run(loss) is State.FINISHED
    assert len(suggested(case.folder)) == 4
    (warning,) = read_history(case.folder).warnings
    assert "begins without earlier results" in warning
    assert "gone" in warning


SOURCE = "import nbexp, own\nnbexp.glue('loss', x)"


def chained(folder: Path, mode: str = "min") -> nbexp.Pipeline:
    """Return a pipeline of a search that takes a file, a local module and a stage before it."""
    params = {"x": nbexp.uniform(0.0, 1.0), "z": "@first.params.x"}
    more = {"metric": "loss", "mode": mode, "inputs": ["data.csv"]}
    more["search"] = {**SEARCH, "samples": 2}
    first = nbexp.Stage("first", "first.ipynb", params={"x": 1})
    return nbexp.Pipeline(
        "p", [first, nbexp.Stage("a", "a.ipynb", params=params, **more)], folder=folder
    )


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("data.csv", "2"),
        ("own.py", "a = 2"),
        ("a.ipynb", f"{SOURCE}\n2"),
        ("first.ipynb", "2"),
        ("mode", "max"),
    ],
)
def test_suggestions_are_not_replayed_once_what_they_hang_on_has_changed(tmp_path, file, content):
    case = case_of(tmp_path)
    names = []

    def run(mode: str = "min", **changed: str) -> None:
        files = {"data.csv": "1", "own.py": "a = 1", "a.ipynb": SOURCE, "first.ipynb": "1"}
        for name, text in (files | changed).items():
            if name.endswith(".ipynb"):
                nbformat.write(taking("x = z = 0", text), tmp_path / name)
            else:
                (tmp_path / name).write_text(text)
        case.spec = chained(tmp_path, mode).spec
        work = {"a": loss, "first": ends}
        assert case.run(lambda job: work[job.variant.split("-")[0]](job)) is State.FINISHED
        (found,) = case.folder.path.glob("searches/*.jsonl")
        names.append(found.name)

    run()
    run()
    run(**{file: content})
    assert names[0] == names[1] != names[2]


def taking(parameters: str, source: str) -> nbformat.NotebookNode:
    written = notebook(source)
    written.cells[0].source = parameters
    return written


def test_searches_take_no_more_at_a_time_than_they_may(tmp_path):
    case = case_of(tmp_path, workers=8, concurrent=2)
    case.run(loss)
    assert case.pool.most == 2


@pytest.mark.parametrize(("fails_in", "made"), [("begin", 0), ("suggest", 2), ("complete", 3)])
def test_search_whose_algorithm_fails_fails_the_run_and_keeps_what_it_suggested(
    tmp_path, monkeypatch, fails_in, made
):
    (tmp_path / "broken_search.py").write_text(
        "from ray.tune.search import Searcher\n"
        "class Broken(Searcher):\n"
        "    def set_search_properties(self, metric, mode, config, **spec):\n"
        "        self.left = {'begin': 0, 'suggest': 2, 'complete': 9}[FAILS_IN]\n"
        "        return True\n"
        "    def suggest(self, trial_id):\n"
        "        self.left -= 1\n"
        "        if self.left < 0:\n"
        "            raise ValueError('no more draws')\n"
        "        return {'x': 0.1 * self.left}\n"
        "    def on_trial_complete(self, trial_id, result=None, error=False):\n"
        "        if FAILS_IN == 'complete':\n"
        "            raise ValueError('no more draws')\n"
        f"FAILS_IN = {fails_in!r}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "broken_search", raising=False)
    case = case_of(tmp_path, algorithm="broken_search:Broken", concurrent=3)
    assert case.run(loss) is State.FAILED
    assert case.states() == [State.FINISHED] * made
    warning = read_history(case.folder).warnings[0]
    assert f"failed in broken_search:Broken after {made} of 12 suggestions" in warning
    assert "no more draws" in warning


def test_algorithm_that_waits_for_a_batch_is_asked_again(tmp_path, monkeypatch):
    (tmp_path / "batch_search.py").write_text(
        "from ray.tune.search import Searcher\n"
        "class Batch(Searcher):\n"
        "    made = done = 0\n"
        "    def set_search_properties(self, metric, mode, config, **spec):\n"
        "        return True\n"
        "    def suggest(self, trial_id):\n"
        "        if self.made >= self.done + 3 or self.done % 3 and self.made % 3 == 0:\n"
        "            return None\n"
        "        self.made += 1\n"
        "        return {'x': self.made / 100}\n"
        "    def on_trial_complete(self, trial_id, result=None, error=False):\n"
        "        self.done += 1\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    case = case_of(tmp_path, algorithm="batch_search:Batch", samples=9)
    assert case.run(loss) is State.FINISHED
    assert suggested(case.folder) == [n / 100 for n in range(1, 10)]


@pytest.mark.parametrize("line", ['{"warm": 5}', '{"warm": [[1]]}', '{"values": 3}', "7", "{", ""])
def test_what_a_search_wrote_down_counts_until_it_is_damaged(tmp_path, line):
    file = tmp_path / "searches" / "train.jsonl"
    file.parent.mkdir()
    append_line(file, {"warm": [[{"lr": 1}, 0.5]]})
    append_line(file, {"values": {"lr": 2}})
    file.write_text(f'{file.read_text()}{line}\n{{"values": {{"lr": 3}}}}\n')
    after = [] if line else [{"lr": 3}]
    assert read_search([tmp_path], "train") == ([[{"lr": 1}, 0.5]], [{"lr": 2}, *after])
