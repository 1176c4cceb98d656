"""What a run answers to requests: whatever is written to its control file, it goes on."""

import json
import threading
from types import SimpleNamespace

import pytest
from run_folders import emit, make_run
from test_runner import Case
from test_suggestions import case_of, loss

import nbexp
from nbexp import State
from nbexp.runs.control import Request, await_reply, send
from nbexp.runs.events import EventKind
from nbexp.runs.folder import RunFolder

FIT = {"request": "add", "stage": "a", "params": {"x": 7}, "id": "1"}


def replies(run: RunFolder) -> list[tuple[object, bool, str]]:
    events = [event.data for event in run.read_events() if event.kind is EventKind.REPLIED]
    return [(each["id"], each["is_done"], each["message"]) for each in events]


def run_with(folder, *lines: str) -> tuple[State, Case]:
    """Run a stage of two variants, with lines written to the control file while it runs."""
    case = Case(folder, params={"x": nbexp.grid([1, 2])})
    work = case.pool.work

    def writes(job):
        if len(case.pool.jobs) == 1:
            case.folder.control.write_text("".join(f"{line}\n" for line in lines))
        return work(job)

    return case.run(writes), case


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"params": [1]}, "params: expected a table of values by parameter, or null; came [1]"),
        ({"params": "x=1"}, "params: expected a table"),
        ({"samples": "3"}, 'samples: expected a whole number from 1 to 10000, or null; came "3"'),
        ({"samples": 0}, "came 0"),
        ({"samples": 2.5}, "came 2.5"),
        ({"samples": True}, "came true"),
        ({"samples": 10**12}, "came 1000000000000"),
        ({"stage": ["a"]}, 'stage: expected the name of a stage, or null; came ["a"]'),
        ({"stage": None}, "no stage to add to was named. Choose one of: a."),
        ({"stage": "b"}, "there is no stage 'b'"),
        ({"variant": {}}, "variant: expected the name of a variant, or null; came {}"),
        ({"request": None}, "request: expected what to do, as text; came null"),
        ({"request": 1}, "came 1"),
        ({"request": "dance"}, "there is no request 'dance'"),
        ({"id": 5}, "id: expected text that the answer is to carry, or null; came 5"),
        ({"params": {"y": 1}}, "has no parameter 'y'"),
        ({"params": {"x": "\ud800"}}, "expected text that UTF-8 can hold"),
        ({"params": {"x": json.loads("[" * 40 + "]" * 40)}}, "tables in tables 32 deep at most"),
    ],
)
def test_request_that_makes_no_sense_is_refused_with_what_was_expected(tmp_path, change, expected):
    state, case = run_with(tmp_path, json.dumps(FIT | change), json.dumps(FIT))
    assert state is State.FINISHED
    (refused, done) = replies(case.folder)
    assert refused[1] is False
    assert expected in refused[2]
    assert done == ("1", True, "1 variant of a added")
    assert len(case.pool.jobs) == 3


def test_lines_that_are_no_requests_break_nothing(tmp_path):
    lines = ["", "nonsense", "[1]", "null", "[" * 100_000, '{"a": ' * 5000, '{"$float": "x"}']
    missing = json.dumps({"stage": "a"})
    nothing = json.dumps(FIT | {"params": None, "samples": None, "variant": None, "more": 1})
    state, case = run_with(tmp_path, *lines, missing, nothing, '{"request": "stop')
    assert state is State.FINISHED
    assert [(done, message[:24]) for _, done, message in replies(case.folder)] == [
        (False, "request: expected what t"),
        (False, "there is nothing to add:"),
    ]


def test_samples_added_once_a_search_has_closed_are_run(tmp_path):
    case = case_of(tmp_path, workers=2, samples=3, concurrent=1)
    spaces = [{"x": nbexp.uniform(low, low + 1.0)} for low in (0.0, 5.0)]
    search = {"algorithm": "optuna", "samples": 3, "concurrent": 1}
    settings = {"metric": "loss", "mode": "min", "search": search, "variants": spaces}
    stage = nbexp.Stage("a", "a.ipynb", **settings)
    case.spec = nbexp.Pipeline("p", [stage], folder=tmp_path).spec
    pool = case.pool
    # The first search comes to its end before the second one begins.
    x_of = lambda place: pool.busy[place].parameters["x"]  # noqa: E731
    pool.rng = SimpleNamespace(randrange=lambda count: min(range(count), key=x_of))

    def asks(job):
        if job.parameters["x"] > 5 and not case.folder.control.exists():
            assert sum(each.parameters["x"] < 5 for each in pool.jobs) == 3
            send(case.folder, Request("add", stage="a", samples=2))
        return loss(job)

    assert case.run(asks) is State.FINISHED
    assert replies(case.folder)[0][1:] == (True, "4 variants of a added")
    files = list(case.folder.path.glob("searches/*.jsonl"))
    counts = [file.read_text().count('"values"') for file in files]
    assert counts == [5, 5]
    assert len(pool.jobs) == 10


def test_variants_added_before_their_stage_begins_are_promised(tmp_path):
    case = Case(tmp_path, "import nbexp; nbexp.glue('y', x)")
    first = nbexp.Stage("a", "a.ipynb", params={"x": nbexp.grid([1, 2])}, metric="y", keep=1)
    second = nbexp.Stage("b", "a.ipynb", params={"x": "@a.y"})
    case.spec = nbexp.Pipeline("p", [first, second], folder=tmp_path).spec
    work = case.pool.work

    def asks(job):
        if len(case.pool.jobs) == 1:
            send(case.folder, Request("add", stage="b", params={"x": 7}))
        return work(job)

    assert case.run(asks) is State.FINISHED
    ((_, is_done, message),) = replies(case.folder)
    assert (is_done, message) == (True, "variants of b will be added once a has run")
    assert sorted(job.parameters["x"] for job in case.pool.jobs) == [1, 2, 7]  # b of a is known


def test_reply_is_read_from_where_the_request_was_sent(tmp_path):
    run = make_run(tmp_path)
    assert run.try_lock()
    request = Request("pause")
    emit(run, "replied", id=request.id, is_done=False, message="long ago")
    since = send(run, request)
    assert await_reply(run, request, 0.0, since) is None
    assert await_reply(run, request, 0.0).message == "long ago"
    answer = {"id": request.id, "is_done": True, "message": "done"}
    threading.Timer(0.1, emit, [run, "replied"], answer).start()
    assert await_reply(run, request, 10.0, since).is_done
    run.unlock()


def test_reply_is_not_awaited_from_a_run_that_has_ended(tmp_path):
    run = make_run(tmp_path)
    request = Request("pause")
    assert await_reply(run, request, 60.0, send(run, request)) is None
