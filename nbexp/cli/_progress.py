"""Shows a run while it goes on: live on a terminal, in plain lines elsewhere, or as JSON."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from nbexp.cli._estimate import TimeLeft
from nbexp.cli._failure import headline, show_failure
from nbexp.cli._screen import STYLES, Part, Screen, text
from nbexp.cli._tally import StageTally, Tally, VariantTally
from nbexp.cli._terminal import guard_streams
from nbexp.files import shown_json
from nbexp.runs.events import Event, EventKind
from nbexp.runs.lineage import changes_text
from nbexp.states import State
from nbexp.wording import counted, counts_text, duration_text, number_text

_WHOLE_FAILURES = 5
_SHORT_FAILURES = 50
_PATIENCE_S = 0.5
_RUNNING_LINES = 4


class Progress(Protocol):
    """Shows the events of a run, between entering and leaving it."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""

    def notify(self, event: Event) -> None:
        """Show an event."""


class JsonLines:
    """Writes each event as a line of JSON."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def notify(self, event: Event) -> None:
        """Write an event."""
        click.echo(shown_json(event.to_record()))


class _Messages:
    """Writes what must be seen at once: failures, warnings, that the run stops."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._failures = 0

    def tell(self, event: Event) -> None:
        """Write about an event, if it is one of these."""
        data, line = event.data, self._screen.line
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
            self._screen.line(("! ", "bold yellow"), f"{title}: {data['note']}")
        if not state.is_failure:
            return
        self._failures += 1
        error = data.get("error") or {}
        if self._failures <= _WHOLE_FAILURES:
            folder = Path(data["folder"]) if "folder" in data else None
            show_failure(self._screen, title, state, error, folder)
        elif self._failures <= _SHORT_FAILURES:
            self._screen.line((f"✗ {title}", "bold red"), f"  {state}  {headline(error)}")
        elif self._failures == _SHORT_FAILURES + 1:
            self._screen.line("  … further failures are counted below, and told by nbexp show")


class LiveProgress:
    """Draws how a run stands, again and again, at the foot of a terminal.

    Args:
        screen: The terminal.
        tally: How the run stands; told of each event before this.
        time_left: Estimates how long it goes on.
    """

    def __init__(self, screen: Screen, tally: Tally, time_left: TimeLeft) -> None:
        self._screen = screen
        self._tally = tally
        self._time_left = time_left
        self._messages = _Messages(screen)
        self._live = Live(
            console=screen.console,
            get_renderable=self._draw,
            refresh_per_second=4,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._live.start()  # puts streams of its own in the place of the process's
        guard_streams()
        return self

    def __exit__(self, *_error: object) -> None:
        self._live.stop()

    def notify(self, event: Event) -> None:
        """Show an event."""
        if event.kind is EventKind.RUN_STOPPING:
            self._screen.console.show_cursor()  # a second Ctrl-C leaves no time for it
        self._messages.tell(event)

    def _draw(self) -> RenderableType:
        tally = self._tally
        elapsed = duration_text(round(time.time() - tally.began))
        if not tally.stages:
            return text(("starting… ", "cyan"), (elapsed, "dim"))
        grid = Table.grid(padding=(0, 2, 0, 0))
        for _ in range(4):
            grid.add_column(no_wrap=True)
        for stage in tally.stages.values():
            bar = ProgressBar(total=max(stage.total, 1), completed=stage.done, width=20)
            grid.add_row(f"  {stage.name}", bar, _done(stage), _stage_text(stage))
        header = text((tally.run, "bold"), (f"  {elapsed}", "dim"), f"  {self._phase()}")
        return Group(header, grid, *_running_lines(tally), *_best_lines(tally))

    def _phase(self) -> str:
        tally = self._tally
        if tally.stop_reason is not None:
            return "stopping…"
        if tally.waits_for_ray:
            return "waiting for Ray…"
        if tally.state is not None or all(s.has_ended for s in tally.stages.values()):
            return "completing the records in MLflow…"
        if tally.is_paused:
            still = f", {tally.running} still running" if tally.running else ""
            return f"paused{still}; nbexp continue has it go on"
        return self._time_left.phrase(tally)


def _done(stage: StageTally) -> str:
    return f"{stage.done}/{stage.total}" if stage.total or stage.has_ended else ""


def _stage_text(stage: StageTally) -> Text:
    if not stage.total and not stage.has_ended:
        return text(("waits for what comes before", "dim"))
    counts = {
        **stage.ended,
        State.RUNNING: len(stage.running),
        State.PAUSED: len(stage.paused),
    }
    shown = [state for state in State if counts.get(state)]
    parts = [[(f"{counts[state]} {state}", STYLES[state])] for state in shown]
    return Text("  ").join(text(*part) for part in parts)


def _running_lines(tally: Tally) -> list[Text]:
    running = [stage.variant(name) for stage in tally.stages.values() for name in stage.running]
    lines = [_one_line(f"    {each.title}", *_newest(each)) for each in running[:_RUNNING_LINES]]
    if len(running) > _RUNNING_LINES:
        lines.append(text((f"    … and {len(running) - _RUNNING_LINES} more", "dim")))
    return lines


def _newest(variant: VariantTally) -> list[tuple[str, str]]:
    if variant.step is None:
        return []
    return [(f"  step {variant.step}  {variant.shown} {number_text(variant.value)}", "cyan")]


def _best_lines(tally: Tally) -> list[Text]:
    known = [(stage.metric, stage.best) for stage in tally.stages.values()]
    return [
        _one_line(("  best ", "dim"), f"{metric} {number_text(best[0])}  ", (best[1], "dim"))
        for metric, best in known
        if best is not None
    ]


def _one_line(*parts: Part) -> Text:
    line = text(*parts)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


class PlainProgress:
    """Writes a line for each event that matters.

    Args:
        screen: Where to.
        tally: How the run stands; told of each event before this.
    """

    def __init__(self, screen: Screen, tally: Tally) -> None:
        self._screen = screen
        self._tally = tally
        self._messages = _Messages(screen)
        self._begun: set[tuple[str, int]] = set()  # variant and attempt
        self._stops = False
        self._ray = threading.Timer(_PATIENCE_S, self._tell_of_ray)
        self._ray.daemon = True

    def __enter__(self) -> Self:
        self._screen.line("starting…")
        return self

    def __exit__(self, *_error: object) -> None:
        self._ray.cancel()

    def notify(self, event: Event) -> None:
        """Show an event."""
        data, line = event.data, self._screen.line
        if event.kind is EventKind.RUN_STARTED:
            line(f"run {data['run']} of {data['pipeline']}: {', '.join(data['stages'])}")
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
        data, line = event.data, self._screen.line
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
        self._screen.line(f"■ {title}  stopped  ({stage.done}/{stage.total})")

    def _pruned(self, data: Any, variant: VariantTally, stage: StageTally) -> None:
        if data.get("source"):  # like those that are cached, it is counted with its stage
            return
        step = "" if variant.step is None else f" at step {variant.step}"
        why = f": {data['note']}" if data.get("note") else step  # a note tells the step, too
        title = f"{data['variant']} {data['label']}".strip()
        self._screen.line(f"✂ {title}  pruned{why}  ({stage.done}/{stage.total})")

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
        counts = counts_text(stage.ended) or counted(0, "variant")
        self._screen.line(f"stage {stage.name}: {counts}{best}")

    def _tell_of_ray(self) -> None:
        if self._tally.waits_for_ray:
            self._screen.line("waiting for Ray…")
