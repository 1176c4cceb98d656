"""What goes into the execution of one notebook, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from nbexp.metrics import Reported
from nbexp.records import check, fits
from nbexp.states import State

_OBSERVED = {
    "inputs": Mapping[str, Mapping[str, Any]], "written": Sequence[str],
    "variables": Mapping[str, Any], "unseen": Sequence[str],
}  # fmt: skip
OBSERVED = "observed.jsonl"  # what a notebook was heard to use, until it has ended well


@dataclass(frozen=True)
class Report:
    """A value of the stage's metric, on which the notebook waits for an answer.

    Attributes:
        variant: Name of the variant.
        step: The step, such as an epoch.
        value: The value.
        number: Counts the reports of a worker; the decision on it has it too.
    """

    variant: str
    step: int
    value: float
    number: int = 0


@dataclass(frozen=True)
class Job:
    """One notebook to execute.

    Attributes:
        variant: Name of the variant, such as ``train-3f9a2c``.
        template: Absolute path of the notebook.
        folder: Absolute path of the variant's folder, which exists.
        parameters: Values for the notebook's parameters; JSON values.
        key: Identity of the variant; written into its result.
        kernel: Name of the kernel, or None for the template's own.
        environment: Environment variables for the kernel, over those of the worker.
        secrets: Environment variables whose values are masked in all that is written.
        withheld: Secrets of other stages: kept from the kernel, and masked all the same.
        timeout_s: Seconds after which the execution is ended, or None.
        source: The file to execute in the place of the template, such as a copy of it as it was.
        pruned_key: Identity of what is left if the notebook is stopped early.
        metric: Name of the metric of its stage.
        is_steered: Whether reports of the metric wait for an answer.
        history: What happened to the variant in its earlier executions, oldest first.
        warm: Whether the kernel may be forked from a process that has its imports done.
        imports: What the notebook imports at its top level, by dotted name.
        project: Folder of the pipeline; None for the template's.
        observe: Whether what the notebook uses is recorded.
        cwd: The folder that the kernel starts in; None for the template's.
        mirrored: A folder above the template's whose files are laid out in the variant's folder,
            so that the kernel starts among copies of its own; None for none.
    """

    variant: str
    template: Path
    folder: Path
    parameters: Mapping[str, Any]
    key: str = ""
    kernel: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    withheld: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float | None = None
    source: Path | None = None
    pruned_key: str = ""
    metric: str | None = None
    is_steered: bool = False
    history: tuple[Mapping[str, Any], ...] = ()
    warm: bool = True
    imports: tuple[str, ...] = ()
    project: Path | None = None
    observe: bool = True
    cwd: Path | None = None
    mirrored: Path | None = None


@dataclass(frozen=True)
class CellError:
    """Why and where a notebook ended.

    Attributes:
        cell: Number of the cell in the executed notebook, among all cells, from 1; None where no
            cell is to blame.
        source: The user's own line that failed, with an arrow, among its neighbours or below the
            cell's line that called it; the first lines of the cell where that is not known.
        name: Kind of the error, such as ``ValueError`` or ``KernelDied``.
        message: Text of the error.
        traceback: What is left to say, without colours: the library's innermost line, where the
            error came from, and the error; the end of a traceback that can't be read.
        template: Path of the template, from the pipeline's folder.
        template_cell: Number of the cell in the template; None for the cell that was put in with
            the parameters.
    """

    name: str
    message: str
    cell: int | None = None
    source: str = ""
    traceback: str = ""
    template: str = ""
    template_cell: int | None = None


def place_of(error: Mapping[str, Any]) -> str:
    """Return in which cell a notebook failed, as its author counts them; empty where in none.

    Args:
        error: The fields of a `CellError`; one of an earlier version lacks those of the template.
    """
    cell, number, template = (error.get(key) for key in ("cell", "template_cell", "template"))
    executed = f"cell {cell} of the executed notebook"
    if cell is None:
        return ""
    if not template:
        return executed
    if number is None:
        return f"the parameters given to {template} ({executed})"
    return f"cell {number} of {template}{f' ({executed})' if number != cell else ''}"


@dataclass(frozen=True)
class Outcome:
    """How one execution ended, and what it left; also the content of ``result.json``.

    Attributes:
        variant: Name of the variant.
        key: Identity of the variant.
        state: `State.FINISHED`, `PRUNED`, `FAILED`, `STOPPED` or `TIMED_OUT`; `PAUSED` where it
            is to go on later, which is not written.
        scraps: Values that the notebook glued, by name; JSON values.
        artifacts: Content hash of each saved artifact, by name; it lies in ``artifacts/NAME``.
        figures: Names of the image files written into ``figures/``.
        started: Seconds since 1970 when the execution began.
        ended: Seconds since 1970 when it ended.
        cells: Number of code cells that ran to their end.
        error: Why it did not finish, where it did not.
        note: A remark for the user, such as that a cell ended the notebook early.
        reported: What it logged as numbers, in short, by name.
        timings: Seconds that its parts took: ``launch`` of the kernel's process, ``start`` until
            that answers, ``cells``, ``shutdown`` of the kernel, ``save`` of what it leaves,
            ``observe`` to look at what it used.
        usage: What the kernel's process used: ``cpu_s`` of processors, ``memory_mib`` at the most.
        observed: What the notebook was seen to use, as `nbexp.observe` records it; empty where it
            was not observed. ``inputs`` by path, ``written`` paths, ``variables`` and ``unseen``;
            paths in the project (the pipeline's folder, ``project``) are relative to it.
    """

    variant: str
    key: str
    state: State
    started: float
    ended: float
    scraps: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, str] = field(default_factory=dict)
    figures: tuple[str, ...] = ()
    cells: int = 0
    error: CellError | None = None
    note: str = ""
    reported: Mapping[str, Reported] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    usage: Mapping[str, float] = field(default_factory=dict)
    observed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """Seconds from start to end."""
        return self.ended - self.started

    def to_record(self) -> dict[str, Any]:
        """Return the outcome as a table for JSON."""
        kept = {"state": self.state.value, "observed": self.observed}  # it may be very large
        return asdict(replace(self, observed={})) | kept

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Outcome:
        """Return the outcome that `to_record` gave.

        Raises:
            ValueError: It holds none, or not the types of its fields.
            TypeError: It has a field that is not known.
        """
        check(record, cls)
        if not fits(record.get("observed", {}), _OBSERVED):
            raise ValueError("what was observed has not the form of that")
        error = record.get("error")
        return cls(
            **{
                **record,
                "state": State(record["state"]),
                "figures": tuple(record.get("figures", ())),
                "error": CellError(**error) if error else None,
                "reported": {k: Reported(**v) for k, v in record.get("reported", {}).items()},
            }
        )
