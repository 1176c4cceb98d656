"""Starts a run that outlives whoever started it: a terminal, a notebook, a server."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from nbexp.errors import RunError, UsageError
from nbexp.runs.events import Event, EventKind
from nbexp.runs.folder import RunFolder
from nbexp.runs.request import RunRequest
from nbexp.runs.run import Run
from nbexp.runs.variant_folder import RUNS

_NAME_TO = "NBEXP_NAME_TO"  # a file descriptor, to which a run writes its name
_MISTAKE = 2  # exit code
_SHOWN = 4_000  # characters of what a run wrote that did not begin


def start(request: RunRequest) -> Run:
    """Start a run in a process of its own, and return it as soon as it has a name.

    What its process writes goes to ``output.txt`` in the run's folder.

    Args:
        request: What is to be run.

    Raises:
        UsageError: The pipeline can't run as it is written.
        RunError: It did not begin for another reason.

    Example:
        >>> from nbexp.runs.request import RunRequest
        >>> run = start(RunRequest(Path("pipeline.toml"), only=("train",)))  # doctest: +SKIP
        >>> for event in run.follow(): ...  # doctest: +SKIP
    """
    runs = request.pipeline.absolute().parent / RUNS
    try:
        runs.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".starting-", suffix=".txt", dir=runs)
    except OSError as error:
        raise RunError(f"No run can be started in {runs.parent}: {error.strerror}.") from error
    output = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            process, run_name = _start(request, file.fileno())
        if not run_name:
            text = output.read_text(errors="replace").strip()[-_SHOWN:]
            is_mistake = process.wait() == _MISTAKE
            raise (UsageError if is_mistake else RunError)(text or "It ended before it began.")
        run = RunFolder(runs / run_name)
        output.replace(run.output)
    finally:
        output.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # there are runs in it
            runs.rmdir()
    threading.Thread(target=process.wait, daemon=True).start()  # it leaves no zombie
    started = Run(run)
    for addition in request.additions:
        if not (reply := started.ask(addition)).is_done:
            raise RunError(f"{run.id} goes on, but nothing was added to it: {reply.message}.")
    return started


def _start(request: RunRequest, output: int) -> tuple[subprocess.Popen[bytes], str]:
    """Start the process; return it with the name of its run, which is empty if it ended before."""
    command = [sys.executable, "-P", "-m", "nbexp", "run", str(request.pipeline.absolute())]
    mine, its = os.pipe()
    try:
        process = subprocess.Popen(
            [*command, *request.words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(its,),
            start_new_session=True,  # the end of a terminal is not its end
            env={**os.environ, _NAME_TO: str(its)},
        )
    finally:
        os.close(its)
    with os.fdopen(mine) as names:
        try:
            return process, names.readline().strip()
        except BaseException:  # Ctrl-C: nobody would know of the run
            process.terminate()
            process.wait()
            raise


class NameTeller:
    """Tells who started this process the name of its run; a listener of the run's events."""

    def __init__(self) -> None:
        self._to = int(os.environ.pop(_NAME_TO, "-1"))
        if self._to >= 0:
            os.set_inheritable(self._to, False)

    def notify(self, event: Event) -> None:
        """Tell it once."""
        if event.kind is EventKind.RUN_STARTED and self._to >= 0:
            with contextlib.suppress(OSError):  # nobody waits for it any more
                os.write(self._to, f"{event.data['run']}\n".encode())
            self.close()

    def close(self) -> None:
        """Let go of whoever waits."""
        if self._to >= 0:
            os.close(self._to)
            self._to = -1
