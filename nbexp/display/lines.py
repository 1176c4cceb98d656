"""Tells of a run in lines, one for each event that matters."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from nbexp.display.failure import Failed, Failures, short_path
from nbexp.display.parts import STYLES, Part, Write, plain_line
from nbexp.display.tally import StageTally, Tally, VariantTally
from nbexp.runs.events import Event, EventKind, Listener
from nbexp.runs.lineage import changes_text
from nbexp.states import State
from nbexp.wording import counted, counts_text, duration_text, number_text

_PATIENCE_S = 0.5
_SLOW_START_S = 5.0


class Messages:
    """Writes what must be seen at once: failures, warnings, that the run stops.

    Args:
        write: Writes a line.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._failures = Failures(write)

    def tell(self, event: Event) -> None:
        """Write about an event, if it is one of these."""
        data, line = event.data, self._write
        if event.kind is EventKind.WARNING:
            line(("! ", "bold yellow"), data["message"])
        elif event.kind is EventKind.RUN_STOPPING:
            line(("stopping", "bold yellow"), f" ({data['reason']}); what was done is kept")
            line("Ctrl-C once more ends everything at once")
        elif event.kind is EventKind.VARIANT_RETRIED:
            reason = data["reason"].splitlines()[0] if data["reason"] else "failed"
            line(("↻ ", "yellow"), f"{data['variant']}  attempt {data['attempt']}: {reason}; again")
        elif event.kind is EventKind.VARIANT_ENDED:
            self._variant_ended(data)

    def _variant_ended(self, data: Any) -> None:
        state = State(data["state"])
        title = f"{data['variant']} {data['label']}".strip()
        if data.get("note") and state is not State.PRUNED:
            self._write(("! ", "bold yellow"), f"{title}: {data['note']}")
        if not state.is_failure:
            return
        folder = Path(data["folder"]) if "folder" in data else None
        names = (data["variant"], data["stage"], data["label"])
        self._failures.add(Failed(*names, state, data.get("error") or {}, folder))


class Lines:
    """Writes a line for each event that matters.

    Args:
        write: Writes a line.
        tally: How the run stands; told of each event before this.
    """

    def __init__(self, write: Write, tally: Tally) -> None:
        self._write = write
        self._tally = tally
        self._messages = Messages(write)
        self._begun: set[tuple[str, int]] = set()  # variant and attempt
        self._stops = False
        self._ray = threading.Timer(_PATIENCE_S, self._tell_of_ray)
        self._ray.daemon = True

    def __enter__(self) -> Self:
        self._write("starting…")
        return self

    def __exit__(self, *_error: object) -> None:
        self._ray.cancel()

    def notify(self, event: Event) -> None:
        """Show an event."""
        data, line = event.data, self._write
        if event.kind is EventKind.RUN_STARTED:
            line(f"run {data['run']} of {data['pipeline']}: {', '.join(data['stages'])}")
        elif event.kind is EventKind.WORKERS_AWAITED:
            line(f"plan: {', '.join(map(_planned, self._tally.stages.values()))}")
            self._ray.start()
        elif event.kind is EventKind.RUN_PAUSED:
            line("‖ paused: what can pause does, and nothing more starts; nbexp continue ends that")
        elif event.kind is EventKind.RUN_CONTINUED:
            line("▶ the run goes on")
        elif event.kind is EventKind.RUN_STOPPING:
            self._stops = True
        elif event.kind is EventKind.STAGE_ENDED:
            self._stage_ended(self._tally.stages[data["stage"]])
        elif "variant" in data:
            self._tell_of_variant(event, self._tally.stages[data["stage"]])
        self._messages.tell(event)

    def _tell_of_variant(self, event: Event, stage: StageTally) -> None:
        data, line = event.data, self._write
        variant = stage.variant(data["variant"])
        if event.kind is EventKind.VARIANT_STARTED:
            attempt = (variant.name, data["attempt"])
            if attempt not in self._begun:  # one that goes on after a pause is no news
                line(f"▶ {variant.title}")
            self._begun.add(attempt)
        elif event.kind is EventKind.VARIANT_EXPLOITED:
            changed = changes_text(variant.params, data["params"]) or "the same parameters"
            after = f"after step {data['step']}"
            line(f"⇄ {variant.name} went on from {data['donor']} {after}: {changed}")
        elif event.kind is EventKind.VARIANT_ENDED and data["state"] == State.FINISHED:
            line(f"✓ {self._finished(data)}")
        elif event.kind is EventKind.VARIANT_ENDED and data["state"] == State.PRUNED:
            self._pruned(data, variant, stage)
        elif event.kind is EventKind.VARIANT_ENDED and data["state"] == State.STOPPED:
            self._stopped(data, stage)

    def _stopped(self, data: Any, stage: StageTally) -> None:
        if self._stops:  # those of a run that stops are counted with their stage
            return
        title = f"{data['variant']} {data['label']}".strip()
        self._write(f"■ {title}  stopped  ({stage.done}/{stage.total})")

    def _pruned(self, data: Any, variant: VariantTally, stage: StageTally) -> None:
        if data.get("source"):  # like those that are cached, it is counted with its stage
            return
        step = "" if variant.step is None else f" at step {variant.step}"
        why = f": {data['note']}" if data.get("note") else step  # a note tells the step, too
        title = f"{data['variant']} {data['label']}".strip()
        self._write(f"✂ {title}  pruned{why}  ({stage.done}/{stage.total})")

    def _finished(self, data: Any) -> str:
        stage = self._tally.stages[data["stage"]]
        metric = data.get("metric")
        shown = f"  {stage.metric} {number_text(metric)}" if metric is not None else ""
        title = f"{data['variant']} {data['label']}".strip()
        return f"{title}  {duration_text(data['duration_s'])}{shown}  ({stage.done}/{stage.total})"

    def _stage_ended(self, stage: StageTally) -> None:
        best = ""
        if stage.best is not None:
            best = f"; best {stage.metric} {number_text(stage.best[0])}: {stage.best[1]}"
            best += f" ({stage.selection})" if stage.selection else ""
        counts = counts_text(stage.ended) or counted(0, "variant")
        self._write(f"stage {stage.name}: {counts}{best}")

    def _tell_of_ray(self) -> None:
        if self._tally.waits_for_ray:
            self._write("waiting for Ray…")


def summarise(write: Write, tally: Tally, folder: Path) -> None:
    """Write how a run ended, the best of each stage, and where it lies."""
    state = tally.state or State.FAILED
    took = duration_text(time.time() - tally.began)
    if tally.started_s > _SLOW_START_S:  # `show` and the report leave that out
        took += f" ({duration_text(tally.started_s)} of it to start)"
    write((state.value, STYLES[state]), f" in {took}: {counts_text(tally.counts)}")
    for stage in tally.stages.values():
        if stage.best is not None:
            value, who = stage.best
            selection = f"  ({stage.selection})" if stage.selection else ""
            write(f"  best {stage.metric} ", (number_text(value), "bold"), f"  {who}{selection}")
    write(f"  in {short_path(folder)}")


@contextmanager
def told(progress: bool | Callable[[str], object], runs: Path) -> Iterator[Sequence[Listener]]:
    """Have a run told in lines, from its start to its end; yield who listens to its events.

    Args:
        progress: True prints the lines, False leaves them out, a function is given each of them.
        runs: The folder of runs.
    """
    if not progress:
        yield ()
        return
    put = progress if callable(progress) else _print
    tally = Tally()

    def write(*parts: Part) -> None:
        put(plain_line(*parts))

    with Lines(write, tally) as lines:
        yield (tally, lines)
    if tally.state is not None:
        summarise(write, tally, runs / tally.run)


def _print(line: str) -> None:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(line.encode(encoding, "replace").decode(encoding), flush=True)


def _planned(stage: StageTally) -> str:
    """Return what is known of a stage before anything of it is executed."""
    if not stage.total:
        return f"{stage.name} later"
    cached = f" ({stage.done} of them cached)" if stage.done else ""
    return f"{stage.name} {counted(stage.total, 'variant')}{cached}"
