"""Nothing that a notebook or a file holds steers the terminal that it is shown on."""

from __future__ import annotations

import io
import logging
import os
import re
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest
from run_folders import emit, make_run, start_variant

from nbexp.cli._main import cli
from nbexp.cli._progress import JsonLines, LiveProgress
from nbexp.cli._screen import Screen
from nbexp.cli._terminal import guarded_streams
from nbexp.controls import clean, one_line
from nbexp.display import Lines, Tally
from nbexp.files import write_json
from nbexp.runs.events import Event, EventKind
from nbexp.runs.outcome import CellError, Outcome
from nbexp.states import State

SEQUENCES = {
    "title": "\x1b]0;T\x07",
    "clipboard": "\x1b]52;c;aGk=\x1b\\",
    "link": "\x1b]8;;http://127.0.0.1\x07x\x1b]8;;\x07",
    "clear": "\x1b[2J\x1b[3J\x1bc",
    "cursor": "\x1b[9A\x1b[1;1H\x1b[?25l",
    "modify keys": "\x1b[>4;2m",
    "device": "\x1bPq\x1b\\\x1b_x\x1b\\\x1b^x\x1b\\",
    "charset": "\x1b(0\x1b#8\x0e",
    "unfinished": "\x1b]0;T \x1b[12",
    "in two": "\x1b\x1b[0m[2J \x9b\x1b[0m2J",
    "8 bits": "\x9b2J \x9d0;T\x9c \x90q\x9c \x85",
    "bells": "\x07\x08\x7f\x00\x0c",
    "bidi": "\u202eT\u2066x\u200f",
    "return": "hidden\rshown",
    "half": "\udc9b2J",
}
ALL = " ".join(SEQUENCES.values())
# What steers: any escape but of a colour, and what rich writes to draw anew what it has drawn.
STEERING = re.compile(
    r"\x1b(?!\[[0-9;:]*m)|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u200f\u202e\u2066]"
)
OF_RICH = re.compile(r"\x1b\[(?:\?25[lh]|[0-9]*[AK]|2K|1A)|\r")


@pytest.mark.parametrize("sequence", SEQUENCES.values(), ids=list(SEQUENCES))
def test_what_steers_a_terminal_is_left_out(sequence: str):
    assert not STEERING.search(clean(f"a{sequence}b"))
    assert not re.search(r"[\n\r\t\x1b]", one_line(f"a\n{sequence}\tb"))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\x1b[1;38:5:9mred\x1b[0m\n", "\x1b[1;38:5:9mred\x1b[0m\n"),
        ("\x1b[31mred\n", "\x1b[31mred\x1b[0m\n"),
        (" 10%\r 50%\r100%\r\nä\tb\n", "100%\nä\tb\n"),
        ("half done\r\x1b[K", "half done"),
        ("\x1b]0;title\x07text", "text"),
    ],
)
def test_colours_and_the_last_state_of_a_line_are_left(text: str, left: str):
    assert clean(text) == left


class Terminal:
    """A terminal in the place of the streams of this process; `shown` is what has come to it."""

    def __init__(self) -> None:
        self.shown = ""
        self._master, slave = os.openpty()
        self._stream = os.fdopen(slave, "w", errors="surrogateescape")
        self._before = sys.stdout, sys.stderr
        self._reader = threading.Thread(target=self._read)

    def __enter__(self) -> Self:
        self._reader.start()
        sys.stdout = sys.stderr = self._stream
        return self

    def __exit__(self, *_error: object) -> None:
        sys.stdout, sys.stderr = self._before
        self._stream.close()
        self._reader.join()

    def _read(self) -> None:
        parts = []
        with io.FileIO(self._master) as file, suppress(OSError):  # the other end is closed
            while part := file.read(65536):
                parts.append(part)
        self.shown = b"".join(parts).decode(errors="surrogateescape").replace("\r\n", "\n")


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline with mistakes, and a run that holds sequences wherever a text can be."""
    (tmp_path / "pipeline.toml").write_text(
        'name = "\\u009b2J"\n["\\u001b]0;T\\u0007"]\n[stages.train]\nnotebook = "\\u001b[2J"\n'
    )
    run = make_run(tmp_path)
    emit(run, "run_started", run=run.id, pipeline=ALL, stages=["train"],
         metrics={"train": [ALL, "max"]})  # fmt: skip
    for name, state in (("train-1", State.FAILED), ("train-2", State.FINISHED)):
        folder = start_variant(run, name)
        record = {"name": name, "stage": "train", "label": ALL, "params": {ALL: ALL, "n": [ALL]},
                  "lineage": {}, "key": ALL, "parts": {"code": ALL}, "template": ALL}  # fmt: skip
        write_json(folder / "variant.json", record)
        error = CellError(ALL, ALL, 1, ALL, ALL) if state is State.FAILED else None
        outcome = Outcome(name, ALL, state, 1.0, 2.0, scraps={ALL: ALL, "t": {ALL: [ALL]}},
                          artifacts={ALL: ALL}, error=error, note=ALL)  # fmt: skip
        write_json(folder / "result.json", outcome.to_record())
        (folder / "log.txt").write_bytes((ALL + "\n").encode(errors="replace"))
        (folder / SEQUENCES["clear"]).touch()
        emit(run, "variant_ended", variant=name, stage="train", label=ALL, state=state.value,
             metric=1.0, duration_s=1.0, note=ALL, reason=ALL,
             error=vars(error) if error else None)  # fmt: skip
    emit(run, "warning", message=ALL)
    emit(run, "run_ended", state="failed")
    monkeypatch.chdir(tmp_path)
    return tmp_path


ODD = ALL.replace("\0", "")
COMMANDS = [
    ("ls",), ("ls", "--json"), ("show",), ("show", "--json"), ("show", "train-1"),
    ("show", "train-2", "--json"), ("show", ODD), ("logs",), ("logs", "train-1"), ("logs", "train"),
    ("logs", "-f"), ("why", "train"), ("why", "train-1", "--json"), ("table",),
    ("table", "--format", "latex"), ("plan",), ("plan", ODD), ("run",), ("run", "--set", ODD),
    ("stop", ODD), ("add", ODD, "--samples", "1"), ("export", ODD), ("report", ODD), (ODD,),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: " ".join(c).replace(ODD, "ODD"))
def test_no_command_lets_a_notebook_steer_the_terminal(command: tuple[str, ...], project: Path):
    with Terminal() as terminal, pytest.raises(SystemExit) as ended:
        cli.main(list(command), prog_name="nbexp")
    shown = terminal.shown
    assert shown
    assert ended.value.code in (0, 1, 2)
    assert not STEERING.findall(shown)
    assert "Traceback" not in shown, shown[-2000:]


@pytest.mark.parametrize("kind", [JsonLines, Lines, LiveProgress])
def test_no_event_of_a_run_steers_the_terminal(kind: Callable[..., Any]):
    variant = {"variant": "train-1", "stage": "train", "label": ALL}
    error = vars(CellError(ALL, ALL, 1, ALL, ALL))
    events = [
        (EventKind.RUN_STARTED, {"run": ALL, "pipeline": ALL, "stages": ["train"],
                                 "metrics": {"train": [ALL, "max"]}}),
        (EventKind.VARIANT_ADDED, {**variant, "lineage": {}}),
        (EventKind.VARIANT_STARTED, {**variant, "attempt": 1, "params": {ALL: ALL}}),
        (EventKind.METRICS, {**variant, "entries": [{"step": 1, "values": {ALL: 1.0}}]}),
        (EventKind.VARIANT_EXPLOITED, {**variant, "step": 1, "donor": ALL, "params": {ALL: ALL}}),
        (EventKind.VARIANT_RETRIED, {**variant, "attempt": 1, "reason": ALL}),
        (EventKind.WARNING, {"message": ALL}),
        (EventKind.VARIANT_ENDED, {**variant, "state": "failed", "error": error, "note": ALL}),
        (EventKind.RUN_STOPPING, {"reason": ALL}),
        (EventKind.STAGE_ENDED, {"stage": "train", "kept": []}),
    ]  # fmt: skip
    with Terminal() as terminal, guarded_streams():
        tally = Tally()
        screen = Screen()
        estimate = type("Estimate", (), {"phrase": lambda *_: ""})()
        arguments = {Lines: (screen.line, tally), LiveProgress: (screen, tally, estimate)}
        with kind(*arguments.get(kind, ())) as progress:
            for event, data in events:
                told = Event(event, 1.0, data)
                tally.notify(told)
                progress.notify(told)
            print(ALL)
            logging.StreamHandler(sys.stderr).emit(logging.makeLogRecord({"msg": ALL}))
    shown = OF_RICH.sub("", terminal.shown) if kind is LiveProgress else terminal.shown
    assert not STEERING.findall(shown)
