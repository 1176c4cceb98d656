"""Shows a run while it goes on: live on a terminal, in plain lines elsewhere, or as JSON."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Protocol, Self

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from nbexp.cli._screen import Screen, text
from nbexp.cli._terminal import guard_streams
from nbexp.display import STYLES, Messages, Part, StageTally, Tally, VariantTally
from nbexp.explain.estimates import TimeLeft
from nbexp.files import shown_json
from nbexp.runs.events import Event, EventKind
from nbexp.states import State
from nbexp.wording import cell_text, duration_text, number_text

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
        self._messages = Messages(screen.line)
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
        if tally.looks_up:
            return "looking up what ran before…"
        if tally.state is not None or all(s.has_ended for s in tally.stages.values()):
            return "completing the records in MLflow…"
        if tally.is_paused:
            still = f", {tally.running} still running" if tally.running else ""
            return f"paused{still}; nbexp continue has it go on"
        return self._time_left.of(tally).text


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
    parts = []
    if variant.step is not None:
        step = f"  step {variant.step}  {variant.shown} {number_text(variant.value)}"
        parts.append((step, "cyan"))
    if variant.cell is not None:
        parts.append((f"  {cell_text(variant.cell)}", "dim"))
    return parts


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
