"""One notebook after another, each executed by papermill in a kernel of its own."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbexp.decisions import Decision
from nbexp.errors import ArtifactError, UsageError
from nbexp.execute.cwd import prepared
from nbexp.execute.decision_channel import Desk
from nbexp.execute.guard import Guard
from nbexp.execute.job import Job, MetricReport
from nbexp.files import to_json, with_checksum, write_atomic
from nbexp.formats import FormatError, read_notebook
from nbexp.metrics import read_lineage, summary
from nbexp.notebook.tracked import other_params
from nbexp.runs import manifest
from nbexp.runs.outcome import CellError, Outcome
from nbexp.runs.variant_folder import VariantFolder
from nbexp.states import State

if TYPE_CHECKING:
    from nbexp.execute.execution import Ending, Execution, NotebookKernel
    from nbexp.execute.outputs import Outputs
    from nbexp.masks import Mask


class NotebookExecutor:
    """Executes notebooks in a long-lived process, one at a time.

    `execute` is called from one thread, `stop` and `exchange` from any.

    Args:
        open_kernel: Makes the kernel of a job by its name; None for one that is a process.
    """

    def __init__(self, open_kernel: Callable[[Job, str], NotebookKernel] | None = None) -> None:
        self._open_kernel = open_kernel
        self._guard = Guard()
        self._lock = threading.Lock()
        self._ending: Ending | None = None
        self._desk = Desk()

    def execute(self, job: Job) -> Outcome:
        """Execute a notebook, and write what it leaves into the job's folder.

        The folder receives ``log.txt`` and ``notebook.ipynb`` while the notebook runs,
        ``figures/`` and ``artifacts/`` when it has ended, and last of all ``result.json``.

        Nothing that a notebook or its kernel does raises an error here: the outcome tells it.

        Raises:
            RuntimeError: A job is running already.
            OSError: The job's folder can't be written.
        """
        files = job.files
        goes_on = any(files.snapshots.glob("[0-9]*"))
        for file in (
            files.result,
            files.manifest,
            files.cut,
            *(() if goes_on else (files.observed,)),
        ):
            file.unlink(missing_ok=True)
        with self._running() as ending:
            outcome = _execute(job, ending, self._guard, self._desk, self._open_kernel)
            if outcome.state.is_final:
                outcome = _written(outcome, files.result)
            if outcome.state.is_success:
                files.observed.unlink(missing_ok=True)
        return outcome

    def exchange(self, answer: Decision | None) -> MetricReport:
        """Answer the last report, if any, and wait for the next, of whichever notebook."""
        return self._desk.exchange(answer)

    def stop(self) -> None:
        """End the running job as `State.STOPPED`; without one, do nothing."""
        with self._lock:
            if self._ending is not None:
                self._ending.request(State.STOPPED)

    def close(self) -> None:
        """End the running job, if any, and what watches over its kernel."""
        self.stop()
        self._guard.close()

    @contextlib.contextmanager
    def _running(self) -> Iterator[Ending]:
        from nbexp.execute.execution import Ending

        with self._lock:
            if self._ending is not None:
                raise RuntimeError("expected no running job, but one is; wait for it, or stop it")
            ending = self._ending = Ending()
        try:
            yield ending
        finally:
            with self._lock:
                self._ending = None


def _execute(
    job: Job,
    ending: Ending,
    guard: Guard,
    desk: Desk,
    open_kernel: Callable[[Job, str], NotebookKernel] | None,
) -> Outcome:
    from nbexp.execute.execution import Execution
    from nbexp.execute.recorder import Recorder

    started = time.time()
    deadline = None if job.timeout_s is None else time.monotonic() + job.timeout_s
    execution = Execution(job, Recorder(job), ending, guard, desk, open_kernel, deadline)
    recorder = execution.recorder
    try:
        _run_checked(execution)
        outcome = _outcome(execution, started)
        recorder.line(_summary(outcome))
    finally:
        recorder.close()
    return outcome


def _run_checked(execution: Execution) -> None:
    """Have papermill execute the notebook, unless what it is given was changed; and look again."""
    given = manifest.given_by(execution.job.parameters)
    execution.error = _changed(given)
    if execution.error is not None:
        return
    _run_papermill(execution)
    changed = _changed(given, "While this notebook ran: ")
    if changed is not None and execution.error is None:
        execution.error = changed
        if execution.ended_by is State.PRUNED:
            execution.ended_by = None  # it may have been trained on anything


def _changed(given: Collection[Path], when: str = "") -> CellError | None:
    """Return the error for artifacts and notebooks, given as parameters, that were changed."""
    try:
        for place in given:
            manifest.require(place)
    except ArtifactError as error:
        return CellError(name="ArtifactError", message=f"{when}{error}")
    return None


def _run_papermill(execution: Execution) -> None:
    """Have papermill execute the notebook; what went wrong is noted in the execution."""
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import remove_error_markers

    try:
        _execute_notebook(execution)
    except PapermillExecutionError:
        if execution.error is None:  # only cells failed that are tagged to be allowed to
            execution.notebook = remove_error_markers(execution.notebook)
    except Exception as error:  # papermill's, nbformat's and translators' errors are of all kinds
        execution.error = CellError(name=type(error).__name__, message=str(error))
    finally:
        if execution.notebook is not None:
            with execution.timed("save"):
                _save(execution)


def _save(execution: Execution) -> None:
    """Write the notebook; one that holds what can't be written is left as it was last written."""
    try:
        execution.recorder.save(execution.notebook)
    except OSError:
        raise
    except Exception as error:  # an output can hold anything
        message = f"the executed notebook can't be written: {type(error).__name__}: {error}"
        execution.error = execution.error or CellError("NotebookNotWritten", message)


def _written(outcome: Outcome, path: Path) -> Outcome:
    """Write how a notebook ended; if its values can't be written, that is how it ended."""
    try:
        _write_result(path, outcome)
    except (TypeError, ValueError, RecursionError) as error:
        message = f"what it glued can't be written: {type(error).__name__}: {error}"
        failure = CellError("ResultNotWritten", message)
        outcome = replace(outcome, state=State.FAILED, scraps={}, error=failure)
        _write_result(path, outcome)
    return outcome


def _write_result(path: Path, outcome: Outcome) -> None:
    """Write ``result.json``: what may be very large on one line, since that takes less time."""
    record = outcome.to_record()
    observed = json.dumps(record.pop("observed"))
    text = to_json(record, indent=1).removesuffix("\n}")
    text = with_checksum(f'{text},\n "observed": {observed}\n}}\n')
    write_atomic(path, text, durable=True)


def _execute_notebook(execution: Execution) -> None:
    from papermill import execute_notebook

    from nbexp.execute.engine import ENGINE
    from nbexp.execute.specs import find_kernel

    job = execution.job
    notebook = _read(job.source or job.template)
    execution.read(notebook)
    kernel = job.kernel or notebook.metadata.get("kernelspec", {}).get("name")
    if not kernel:
        raise UsageError(
            f"{job.template} names no kernel. Open it in JupyterLab, choose a kernel and save it, "
            'or name one in the pipeline: kernel = "python3".'
        )
    with prepared(job), _quiet():
        execute_notebook(
            notebook,  # not its path, on which papermill would call str.format
            None,
            parameters=dict(job.parameters),
            engine_name=ENGINE,
            kernel_name=kernel,
            language=find_kernel(kernel).language,
            progress_bar=False,
            execution=execution,
        )


def _read(path: Path) -> Any:
    import nbformat
    from nbformat.validator import normalize

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ids that are missing; they are added here
        try:
            notebook = read_notebook(path.read_bytes())
        except (OSError, FormatError) as error:
            raise UsageError(
                f"{path} is not a readable notebook: {error}. Open it in JupyterLab and save it."
            ) from error
        return normalize(nbformat.v4.upgrade(notebook))[1]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep papermill's messages away from the worker's output; the log tells what happens."""
    logger = logging.getLogger("papermill")
    disabled, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = disabled


def _outcome(execution: Execution, started: float) -> Outcome:
    job = execution.job
    state = execution.ended_by or (State.FAILED if execution.error else State.FINISHED)
    cut = _cut(job.files)
    # What a scheduler cut short is not what a full execution gives.
    is_partial = state is State.PRUNED or bool(cut)
    notes = (
        execution.note,
        cut,
        other_params(job.folder, job.parameters),
        _put_first(execution),
        _goes_on(job, state),
    )
    outcome = Outcome(
        variant=job.variant,
        key=job.pruned_key if is_partial else job.key,
        state=state,
        started=started,
        ended=time.time(),
        cells=execution.cells,
        error=execution.error,
        note="; ".join(note for note in notes if note),
        reported=summary(read_lineage(job.files.metrics)),
    )
    with execution.timed("save"):
        outcome = _with_outputs(outcome, execution)
    if execution.notebook is not None and execution.observer is not None:
        with execution.timed("observe"):
            seen = execution.observer.observed(execution.notebook, execution.open_files.paths)
            outcome = replace(outcome, observed=seen)
    timings = {part: round(seconds, 4) for part, seconds in execution.timings.items()}
    outcome = replace(outcome, timings=timings, usage=execution.usage)
    return _masked(outcome, execution.recorder.mask)


def _put_first(execution: Execution) -> str:
    """Say where the parameters went in a notebook that has no cell for them."""
    cells = execution.notebook.cells if execution.notebook is not None else []
    tags = {tag for cell in cells for tag in cell.metadata.get("tags", ())}
    if not execution.job.parameters or "parameters" in tags or not cells:
        return ""
    is_first = "injected-parameters" in cells[0].metadata.get("tags", ())
    return "no cell is tagged 'parameters', so a cell with them was put first" if is_first else ""


def _cut(folder: VariantFolder) -> str:
    """Return what a loop left that its scheduler ended, or nothing."""
    try:
        return folder.cut.read_text().strip()
    except OSError:
        return ""


def _goes_on(job: Job, state: State) -> str:
    """Say of what did not come to its end that it need not begin at its beginning."""
    if state.is_success or state is State.PAUSED:
        return ""
    has_any = any(job.files.snapshots.glob("[0-9]*"))
    return "run again, it goes on from its newest snapshot" if has_any else ""


def _masked(outcome: Outcome, mask: Mask) -> Outcome:
    """Return an outcome that shows no secret; its scraps come from a masked notebook already."""
    error = outcome.error and CellError(**mask.value(asdict(outcome.error)))
    return replace(outcome, error=error, note=mask.text(outcome.note))


def _with_outputs(outcome: Outcome, execution: Execution) -> Outcome:
    if execution.notebook is None:
        return outcome
    from papermill.execute import remove_error_markers

    from nbexp.execute.outputs import collect

    notebook = remove_error_markers(execution.recorder.shown(execution.notebook))
    try:
        outputs = collect(notebook, execution.job.folder, execution.number_of)
    except Exception as error:  # a notebook can hold anything
        return _without_outputs(outcome, error)
    if outcome.state.is_success:
        parts = manifest.parts_of(outputs.artifacts, outputs.figures)
        manifest.write(execution.job.folder, parts, outputs.hashes)
    return replace(
        outcome,
        ended=time.time(),
        scraps=outputs.scraps,
        artifacts=outputs.artifacts,
        figures=outputs.figures,
        note=_joined(outcome, outputs),
    )


def _without_outputs(outcome: Outcome, error: Exception) -> Outcome:
    """Return a failure where the notebook ran well, but what it left can't be used."""
    if outcome.error is not None:
        return replace(outcome, note=f"its outputs could not be read: {error}")
    failure = CellError(name=type(error).__name__, message=str(error))
    return replace(outcome, state=State.FAILED, error=failure)


def _joined(outcome: Outcome, outputs: Outputs) -> str:
    return "; ".join(note for note in (outcome.note, outputs.note) if note)


def _summary(outcome: Outcome) -> str:
    error = f": {outcome.error.name}: {outcome.error.message}" if outcome.error else ""
    note = f" ({outcome.note})" if outcome.note else ""
    return f"=== {outcome.state} after {outcome.duration_s:.1f} s{error}{note} ==="
