"""Takes requests to a run, does what concerns its graph alone, and answers."""

from __future__ import annotations

from collections.abc import Iterable

from nbexp.errors import did_you_mean
from nbexp.plan import Addition, Graph
from nbexp.run.announcer import Announcer
from nbexp.runs.control import ControlFile, Malformed, Request
from nbexp.runs.events import EventKind
from nbexp.runs.folder import RunFolder

_DONE = {
    "stop": "it stops",
    "pause": "what can pause does, and nothing more starts",
    "continue": "it goes on",
}


class Requests:
    """The requests that come to a run.

    Args:
        folder: The run's folder.
        graph: Its graph.
        tell: Who is told.
    """

    def __init__(self, folder: RunFolder, graph: Graph, tell: Announcer) -> None:
        self._control = ControlFile(folder)
        self._graph = graph
        self._tell = tell

    def take(self) -> list[Request]:
        """Return the new requests that make sense; the others are refused."""
        fit = []
        for request in self._control.take():
            wrong = request.reason if isinstance(request, Malformed) else self._wrong(request)
            if wrong:
                self._reply(request, False, wrong)
            elif isinstance(request, Request):
                fit.append(request)
        return fit

    def reply(self, request: Request) -> None:
        """Do what is left to do of a request, and answer it."""
        if request.request != "add":
            self._reply(request, True, _DONE[request.request])
            return
        stage = str(request.stage)
        added = self._graph.add(stage, dict(request.params), request.samples)
        self._reply(request, bool(added.count or added.awaited), _told(stage, added))

    def _wrong(self, request: Request) -> str:
        if request.request not in ("add", *_DONE):
            return _unknown("request", request.request, ("add", *_DONE))
        if request.variant is not None and request.variant not in self._graph.nodes:
            return _unknown("variant", request.variant, self._graph.nodes)
        return self._wrong_addition(request) if request.request == "add" else ""

    def _wrong_addition(self, request: Request) -> str:
        stages = self._graph.stages
        if request.stage is None:
            return f"no stage to add to was named. {did_you_mean('', stages)}"
        if request.stage not in stages:
            return _unknown("stage", request.stage, stages)
        if self._graph.stage_has_ended(request.stage):
            return f"the stage {request.stage} has ended; add values to the pipeline, and run it"
        parameters = {
            name: template.name
            for template in stages[request.stage].templates
            for name in template.parameters or request.params
        }
        for name in request.params:
            if name not in parameters:
                remedy = did_you_mean(name, parameters)
                return f"the notebook of {request.stage} has no parameter {name!r}. {remedy}"
        return ""

    def _reply(self, request: Request | Malformed, is_done: bool, message: str) -> None:
        self._tell.emit(EventKind.REPLIED, id=request.id, is_done=is_done, message=message)


def _told(stage: str, added: Addition) -> str:
    """Return what is answered where variants were to be added."""
    verb = "has" if len(added.awaited) == 1 else "have"
    later = f"once {' and '.join(added.awaited)} {verb} run"
    if added.count:
        variants = "1 variant" if added.count == 1 else f"{added.count} variants"
        return f"{variants} of {stage} added" + (f", and more {later}" if added.awaited else "")
    if added.awaited:
        return f"variants of {stage} will be added {later}"
    return (
        "there is nothing to add: the stage has these variants already, no distribution to draw "
        "from, or no search that can go on"
    )


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    return f"there is no {what} {name!r}. {did_you_mean(name, list(known))}"
