"""Brings a notebook's reports to whoever decides on them, and the decisions to its kernel."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nbexp.decisions import Decision
from nbexp.execute.job import MetricReport
from nbexp.files import from_json, write_atomic
from nbexp.states import State

ENDING = "nbexp_ending"  # marks the output that says where a notebook was stopped or paused
# What the kernel raises, by the name that its reply gives, and the state in which that ends.
ENDINGS = {
    "nbexp.Stopped": State.PRUNED,
    "nbexp.Paused": State.PAUSED,
    "nbexp.Exploited": State.PAUSED,
}


class Desk:
    """Where reports wait for their answers; the two sides are different threads."""

    def __init__(self) -> None:
        self._reports: queue.SimpleQueue[MetricReport] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._count = 0
        self._waiting: tuple[asyncio.AbstractEventLoop, asyncio.Future[Decision]] | None = None

    async def ask(self, report: MetricReport) -> Decision:
        """Lay down a report, and return the answer once it is there; one report at a time."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Decision] = loop.create_future()
        with self._lock:
            self._count += 1
            self._waiting = (loop, future)
            self._reports.put(replace(report, number=self._count))
        return await future

    def exchange(self, answer: Decision | None) -> MetricReport:
        """Answer the last report, if any, and wait for the next."""
        if answer is not None:
            with self._lock:
                is_current = answer.report == self._count
                waiting = self._waiting if is_current else None
            if waiting is not None:
                loop, future = waiting
                with contextlib.suppress(RuntimeError):  # the loop is closed: the notebook ended
                    loop.call_soon_threadsafe(_settle, future, answer)
        return self._reports.get()


def _settle(future: asyncio.Future[Decision], answer: Decision) -> None:
    if not future.done():
        future.set_result(answer)


@contextlib.asynccontextmanager
async def channel(path: Path, variant: str, desk: Desk) -> AsyncIterator[None]:
    """Serve a kernel's reports on a Unix socket: a JSON line each, answered by a JSON line."""
    turn = asyncio.Lock()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ValueError, TypeError, LookupError):
            while line := await reader.readline():
                asked = from_json(line)
                report = MetricReport(variant, int(asked["step"]), float(asked["value"]))
                async with turn:  # a notebook may report from several threads
                    answer = await desk.ask(report)
                writer.write(answer.to_line())
                await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield
    finally:
        server.close()


def tell_history(notebook: Any, history: Sequence[Mapping[str, Any]]) -> None:
    """Say in a notebook, above its injected parameters, how they came about."""
    if not history:
        return
    notebook.metadata["nbexp"] = {"history": [dict(event) for event in history]}
    language = notebook.metadata.get("kernelspec", {}).get("language", "python")
    told = [_sentence(event) for event in history if event["event"] == "exploited"]
    if not told or language.lower() not in ("python", "r", "julia", "bash"):
        return
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.source = "\n".join([*(f"# {line}" for line in told), cell.source])


def _sentence(event: Mapping[str, Any]) -> str:
    changes = ", ".join(f"{key} = {value!r}" for key, value in event["params"].items())
    return f"went on from {event['donor']} after step {event['step']}, with {changes or 'the same'}"


def retell_ending(path: Path, text: str) -> None:
    """Say in an executed notebook that what had only paused there has ended for good."""
    notebook = json.loads(path.read_bytes())
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if ENDING in output.get("metadata", {}):
                output["data"] = {"text/plain": [text], "text/markdown": [f"**{text}**"]}
    write_atomic(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
