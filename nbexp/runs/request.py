"""What a run was asked for on the command line: kept in its folder, for another that goes on."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbexp.errors import UsageError
from nbexp.files import read_json, write_json
from nbexp.lines import read_lines
from nbexp.records import Name, fits
from nbexp.runs.control import Request, send
from nbexp.runs.events import Event, EventKind
from nbexp.runs.folder import RunFolder

_FORM = {"pipeline": Name, "sets": list[str], "only": list[str], "warm": bool}


@dataclass(frozen=True)
class RunRequest:
    """What is to be run, as the command line says it.

    Attributes:
        pipeline: The TOML file.
        sets: Values to lay over it.
        only: Stages to run, with those that they need; all by default.
        fresh: Whether everything is executed, whatever ran before.
        warm: Whether kernels may be forked from processes that have their imports done.
        inline: Whether notebooks run in the process of the run itself.
        additions: Requests for variants that the run begins with.
    """

    pipeline: Path
    sets: Sequence[str] = ()
    only: Sequence[str] = ()
    fresh: bool = False
    warm: bool = True
    inline: bool = False
    additions: Sequence[Request] = ()

    @property
    def options(self) -> str:
        """What was set and chosen, as it is typed; empty for nothing."""
        sets = [word for each in self.sets for word in ("--set", each)]
        return shlex.join([*sets, *(word for each in self.only for word in ("--only", each))])

    @property
    def words(self) -> list[str]:
        """All options of ``nbexp run``."""
        fresh, cold = ["--fresh"] * self.fresh, ["--no-warm"] * (not self.warm)
        return [*shlex.split(self.options), *fresh, *cold, *["--inline"] * self.inline]


class RequestFile:
    """Keeps what a run was asked for in its folder; a listener of its events.

    Args:
        runs: The folder of runs.
        request: What is run.
    """

    def __init__(self, runs: Path, request: RunRequest) -> None:
        self._runs = runs
        self._request = request

    def notify(self, event: Event) -> None:
        """Write it when the run begins, and ask for what is to be added."""
        if event.kind is not EventKind.RUN_STARTED:
            return
        folder, request = RunFolder(self._runs / event.data["run"]), self._request
        record = {
            "pipeline": request.pipeline.name,
            "sets": list(request.sets),
            "only": list(request.only),
            "warm": request.warm,
            "inline": request.inline,
        }
        write_json(folder.request, record)
        for addition in request.additions:
            send(folder, addition)


def read_request(folder: RunFolder) -> RunRequest:
    """Return what a run was asked for, with what was added to it while it went on.

    Raises:
        UsageError: That is not known.
    """
    try:
        record = read_json(folder.request)
    except (OSError, ValueError):
        record = None
    if not fits(record, _FORM) or record.keys() < _FORM.keys():
        raise UsageError(
            f"What {folder.id} was asked for is not known: it was started from Python or by an "
            "earlier nbexp, or its request.json is damaged. Run its pipeline: nbexp run PIPELINE."
        )
    pipeline = folder.project / record["pipeline"]
    warm, inline = record["warm"], record.get("inline") is True  # earlier versions had none
    sets, only = tuple(record["sets"]), tuple(record["only"])
    return RunRequest(pipeline, sets, only, warm=warm, inline=inline, additions=_additions(folder))


def _additions(folder: RunFolder) -> tuple[Request, ...]:
    """Return the requests for variants that a run has met."""
    met = {
        event.data.get("id")
        for event in folder.read_events()
        if event.kind is EventKind.REPLIED and event.data.get("is_done") is True
    }
    try:
        asked: list[Any] = list(read_lines(folder.control))
    except OSError:
        return ()
    form = {"request": str, "stage": str, "samples": int | None, "params": dict[str, Any]}
    adds = (each for each in asked if fits(each, form) and each.get("request") == "add")
    return tuple(
        Request("add", stage=each["stage"], samples=each["samples"], params=each["params"])
        for each in adds
        if form.keys() <= each.keys() and each.get("id") in met
    )
