"""Takes requests to a run, does what concerns its graph alone, and answers."""

from __future__ import annotations

from collections.abc import Iterable

from nbexp.errors import did_you_mean
from nbexp.plan import Graph
from nbexp.run.announcer import Announcer
from nbexp.run.control import ControlFile, Request
from nbexp.run.events import EventKind
from nbexp.run.folder import RunFolder

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
        return [request for request in self._control.take() if self._is_fit(request)]

    def reply(self, request: Request) -> None:
        """Do what is left to do of a request, and answer it."""
        if request.request != "add":
            return self._reply(request, True, _DONE[request.request])
        count = self._graph.add(str(request.stage), dict(request.params), request.samples)
        if count == 0:
            message = "there is nothing to add: the stage has these variants already"
            return self._reply(request, False, f"{message}, or no distribution to draw from")
        variants = "1 variant" if count == 1 else f"{count} variants"
        return self._reply(request, True, f"{variants} of {request.stage} added")

    def _is_fit(self, request: Request) -> bool:
        wrong = self._wrong(request)
        if wrong:
            self._reply(request, False, wrong)
        return not wrong

    def _wrong(self, request: Request) -> str:
        if request.request not in ("add", *_DONE):
            known = ["add", *_DONE]
            return (
                f"there is no request {request.request!r}. {did_you_mean(request.request, known)}"
            )
        if request.variant is not None and request.variant not in self._graph.nodes:
            known = list(self._graph.nodes)
            return (
                f"there is no variant {request.variant!r}. {did_you_mean(request.variant, known)}"
            )
        return self._wrong_addition(request) if request.request == "add" else ""

    def _wrong_addition(self, request: Request) -> str:
        stages = self._graph.stages
        if request.stage not in stages:
            return (
                f"there is no stage {request.stage!r}. {did_you_mean(str(request.stage), stages)}"
            )
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

    def _reply(self, request: Request, is_done: bool, message: str) -> None:
        self._tell.emit(EventKind.REPLIED, id=request.id, is_done=is_done, message=message)


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    return f"there is no {what} {name!r}. {did_you_mean(name, list(known))}"
