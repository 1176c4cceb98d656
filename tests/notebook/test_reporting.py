"""Reports: what is written, what is refused, and what a scheduler's decisions do."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import nbexp
from nbexp.errors import LogError
from nbexp.metrics import read_metrics
from nbexp.notebook.interrupts import Exploited, Paused, Stopped

torch = pytest.importorskip("torch")


def entries(kernel):
    return read_metrics(kernel.folder / "metrics.jsonl")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3.0),
        (True, 1.0),
        (10**400, math.inf),
        (np.float32(0.5), 0.5),
        (np.bool_(True), 1.0),
        (np.array(2), 2.0),
        (np.array([7]), 7.0),
        (torch.tensor(0.25, dtype=torch.bfloat16, requires_grad=True), 0.25),
        (math.nan, math.nan),
        (-math.inf, -math.inf),
    ],
)
def test_numbers_of_all_libraries_are_numbers(kernel, value, expected):
    nbexp.log("x", value)
    (entry,) = entries(kernel)
    assert entry.values["x"] == pytest.approx(expected, nan_ok=True)


def test_several_are_one_entry(kernel):
    nbexp.log({"loss": 0.5, "note": "well"}, step=np.int64(4))
    (entry,) = entries(kernel)
    assert (entry.step, entry.values) == (4, {"loss": 0.5})
    assert entry.rich == {"note": {"kind": "text", "text": "well"}}


def figure():
    from matplotlib.figure import Figure

    made = Figure(figsize=(1, 1))
    made.subplots().plot([1, 2])
    return made


def picture():
    from PIL import Image

    return Image.new("RGB", (4, 3))


@pytest.mark.parametrize(
    ("make", "size"),
    [
        (lambda: np.zeros((3, 4), np.uint8), (4, 3)),
        (lambda: np.full((3, 4, 1), 0.5), (4, 3)),
        (lambda: np.zeros((5, 4, 3), np.uint8), (4, 5)),
        (lambda: np.zeros((5, 4, 4), np.float32), (4, 5)),
        (lambda: torch.rand(3, 6, 7), (7, 6)),
        (lambda: np.eye(4, dtype=bool), (4, 4)),
        (picture, (4, 3)),
        (figure, None),
    ],
)
def test_images_are_files(kernel, make, size):
    from PIL import Image

    nbexp.log("a/picture", make())
    (entry,) = entries(kernel)
    record = entry.rich["a/picture"]
    assert record["kind"] == "image"
    with Image.open(kernel.folder / record["file"]) as image:
        image.load()
        assert size is None or image.size == size


def test_pixels_and_png_bytes_are_kept(kernel):
    from PIL import Image

    pixels = np.arange(60, dtype=np.uint8).reshape(5, 4, 3)
    nbexp.log("image", pixels)
    file = kernel.folder / entries(kernel)[0].rich["image"]["file"]
    with Image.open(file) as image:
        assert np.array_equal(np.asarray(image), pixels)
    nbexp.log("again", file.read_bytes())
    again = kernel.folder / entries(kernel)[1].rich["again"]["file"]
    assert again.read_bytes() == file.read_bytes()


def test_one_dimension_is_a_histogram(kernel):
    nbexp.log("weights", torch.tensor([0.0, 1.0, 1.0, math.nan]))
    record = entries(kernel)[0].rich["weights"]
    assert sum(record["counts"]) == 3
    assert len(record["edges"]) == len(record["counts"]) + 1
    assert (record["edges"][0], record["edges"][-1]) == (0, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", ["a"]), "a list can't be logged"),
        (("x", None), "a NoneType can't be logged"),
        (("x", 1j), "a complex can't be logged"),
        (("x", b"GIF89a"), "a bytes can't be logged"),
        (("x", np.zeros((2, 2, 2, 2))), "of shape"),
        (("x", np.zeros((5, 6, 7))), "1, 3 or 4 channels"),
        (("x", np.array([[0.0, 2.0]])), "between 0 and 1"),
        (("x", np.full(3, math.nan)), "none of these 3 numbers is finite"),
        (("x",), "the value is missing"),
        (({},), "is empty"),
        (({"x": 1}, 3), "the step by its name"),
        ((3, 1), "a name must be a text"),
        (("x", 1, math.nan), "a step must be a whole number"),
        (("x", 1, "2"), "a step must be a whole number"),
    ],
)
def test_what_does_not_fit_is_refused_and_not_written(kernel, arguments, message):
    with pytest.raises(LogError, match=message):
        nbexp.log(*arguments)
    assert entries(kernel) == []


def test_steps_are_those_of_the_outermost_loop_or_count_the_calls(kernel):
    for _ in range(2):
        nbexp.log("a", 0)
    nbexp.log("b", 0)
    nbexp.log("a", 0, step=7)
    nbexp.log("a", 0)
    for _ in nbexp.loop("epoch", 2):
        for _ in nbexp.loop("batch", 1):
            nbexp.log("c", 0)
    steps = [(name, e.step) for e in entries(kernel) for name in e.values]
    assert steps == [("a", 0), ("a", 1), ("b", 0), ("a", 7), ("a", 8), ("c", 0), ("c", 1)]


def test_a_line_that_was_cut_off_costs_no_other(kernel):
    (kernel.folder / "metrics.jsonl").write_text('{"time": 1, "st')
    nbexp.log("x", 1)
    nbexp.log("x", 2)
    assert [entry.values["x"] for entry in entries(kernel)] == [1, 2]


def test_a_folder_that_was_replaced_gets_what_follows(kernel):
    nbexp.log("x", 1)
    (kernel.folder / "metrics.jsonl").unlink()
    nbexp.log("x", 2)
    assert [entry.values["x"] for entry in entries(kernel)] == [2]


def test_threads_do_not_mix_their_lines(kernel):
    def work(name):
        for n in range(100):
            nbexp.log(name, n, step=n)

    threads = [threading.Thread(target=work, args=(f"x{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(entries(kernel)) == 400


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # that it has threads
def test_a_forked_process_reports_too(kernel):
    nbexp.log("x", 1)
    child = os.fork()
    if child == 0:
        try:
            nbexp.log("x", 2)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    nbexp.log("x", 3, step=2)
    assert [entry.values["x"] for entry in entries(kernel)] == [1, 2, 3]


def test_nothing_is_lost_when_the_kernel_is_killed(kernel):
    code = (
        "import os, signal, nbexp\n"
        "for n in range(1000): nbexp.log('x', n)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -signal.SIGKILL
    assert [entry.values["x"] for entry in entries(kernel)] == list(range(1000))


def test_by_hand_it_prints_sparingly_and_the_last_values_of_a_loop(by_hand, tmp_path, capsys):
    for step in nbexp.loop("epoch", 500):
        nbexp.log({"loss": step / 2, "image": np.zeros((2, 2))})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "0: loss=0  image=(image)"
    assert lines[-1] == "499: loss=249.5  image=(image)"
    assert len(lines) <= 3
    assert list(tmp_path.iterdir()) == []


class Scheduler:
    """Answers reports as a worker does, each on a connection of its own."""

    def __init__(self, path: Path) -> None:
        self.answers: dict[int, dict] = {}
        self.asked: list[dict] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                with connection, connection.makefile("rwb") as stream:
                    question = json.loads(stream.readline())
                    self.asked.append(question)
                    answer = self.answers.get(question["step"], {"kind": "continue"})
                    stream.write(json.dumps(answer).encode() + b"\n")

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def scheduler(kernel, monkeypatch):
    path = kernel.folder / "channel"
    made = Scheduler(path)
    monkeypatch.setenv("NBEXP_CHANNEL", str(path))
    monkeypatch.setenv("NBEXP_METRIC", "accuracy")
    yield made
    made.close()


def train(kernel):
    nbexp.checkpoint(x=[0])
    for epoch in nbexp.loop("epoch", 5):
        kernel.tick(epoch)
        for _ in nbexp.loop("batch", 2):
            nbexp.log("loss", epoch)
        nbexp.log("accuracy", epoch / 2)
    kernel.tick("after")


def test_a_metric_is_asked_about_once_a_step(kernel, scheduler):
    def program(kernel):
        train(kernel)
        nbexp.log("accuracy", 3, step=4)
        nbexp.log("accuracy", "a text", step=9)

    kernel.live(program)
    assert scheduler.asked == [{"step": n, "value": n / 2} for n in range(5)]


@pytest.mark.parametrize(("verdict", "kind"), [("stop", Stopped), ("exploit", Exploited)])
def test_after_stop_no_further_iteration_runs(kernel, scheduler, verdict, kind):
    scheduler.answers[1] = {"kind": verdict, "reason": "worse than others"}

    def stubborn(kernel):
        for _ in range(3):
            try:
                train(kernel)
            except BaseException as error:
                kernel.events.append(error)

    with pytest.raises(kind, match="worse than others") as caught:
        kernel.live(train)
    assert kernel.events == [0, 1]
    assert caught.type.__name__ == f"nbexp.{verdict.title().replace('Stop', 'Stopp')}ed"
    assert caught.value._render_traceback_() == [f"{caught.type.__name__}: worse than others"]
    assert not isinstance(caught.value, Exception)
    kernel.live(stubborn)
    assert kernel.events[:2] == [0, 1]
    assert [type(event) for event in kernel.events[2:]] == [kind] * 3


def test_after_end_the_rest_of_the_notebook_runs(kernel, scheduler):
    scheduler.answers[2] = {"kind": "end"}
    kernel.live(train)
    assert kernel.events == [0, 1, 2, "after"]


def test_a_pause_comes_after_a_snapshot_at_the_next_iteration(kernel, scheduler):
    scheduler.answers[1] = {"kind": "pause", "reason": "waits"}
    with pytest.raises(Paused, match="waits"):
        kernel.live(train)
    assert kernel.events == [0, 1]
    assert kernel.snapshots() == ["epoch-2"]
    kernel.live(train)
    assert kernel.events == [2, 3, 4, "after"]


def test_a_pause_without_anything_to_keep_comes_at_once(kernel, scheduler):
    scheduler.answers[0] = {"kind": "pause"}
    with pytest.raises(Paused):
        nbexp.log("accuracy", 1)


def test_a_snapshot_can_be_asked_for(kernel, scheduler):
    scheduler.answers[1] = scheduler.answers[4] = {"kind": "continue", "snapshot": True}
    kernel.live(train)
    assert kernel.snapshots() == ["epoch-2", "epoch-5-done"]


def test_without_a_scheduler_it_carries_on(kernel, scheduler, monkeypatch):
    monkeypatch.setenv("NBEXP_CHANNEL", str(kernel.folder / "gone"))
    kernel.live(train)
    assert kernel.events[-1] == "after"


def test_a_notebook_shows_one_sentence(tmp_path):
    interactiveshell = pytest.importorskip("IPython.core.interactiveshell")
    code = "from nbexp.notebook.interrupts import Stopped\nraise Stopped('worse than others')"
    script = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        f"InteractiveShell.instance().run_cell({code!r})"
    )
    assert interactiveshell
    environment = {**os.environ, "IPYTHONDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip().splitlines() == ["nbexp.Stopped: worse than others"]
