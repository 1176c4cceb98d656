"""How a variant ended, and what it left."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

from nbexp.files import read_json
from nbexp.metrics import Reported
from nbexp.records import check, fits
from nbexp.runs import manifest
from nbexp.runs.variant_folder import VariantFolder
from nbexp.states import State

_log = logging.getLogger(__name__)
_OBSERVED = {
    "inputs": Mapping[str, Mapping[str, Any]], "written": Sequence[str],
    "variables": Mapping[str, Any], "unseen": Sequence[str],
}  # fmt: skip


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


def read_outcome(folder: PathLike[str], key: str | None = None) -> Outcome | None:
    """Return how the variant in a folder ended, or None where that is not known.

    Args:
        folder: The variant's folder.
        key: Identity that it must have finished with (or have been pruned with), with its
            notebook, figures and artifacts whole: what is damaged is not known.
    """
    try:
        outcome = Outcome.from_record(read_json(VariantFolder.of(folder).result))
    except (OSError, ValueError, TypeError, LookupError):
        return None
    if key is None:
        return outcome
    if outcome.state not in (State.FINISHED, State.PRUNED) or outcome.key != key:
        return None
    if reason := manifest.damage(Path(folder), parts_of(outcome)):
        _log.warning("%s is not used again: %s", folder, reason)
        return None
    return outcome


def parts_of(outcome: Outcome) -> list[str]:
    """Return the parts of a variant's folder that its manifest covers."""
    return manifest.parts_of(outcome.artifacts, outcome.figures)


def read_end(folder: PathLike[str], *keys: str) -> Outcome | None:
    """Return how the variant in a folder ended, well or not, with one of some identities."""
    outcome = read_outcome(folder)
    if outcome is None or outcome.key not in keys:
        return None
    return read_outcome(folder, outcome.key) if outcome.state.is_success else outcome
