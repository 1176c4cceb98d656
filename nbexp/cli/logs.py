"""The command ``logs``: prints logs of variants, and follows them while they grow."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import click

from nbexp.cli import _options
from nbexp.cli._screen import Screen
from nbexp.errors import UsageError
from nbexp.lines import GrowingFile
from nbexp.runs.finding import find, variants_of
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import HistoryReader, RunHistory, VariantHistory
from nbexp.wording import counted

_LOOK_S = 0.2
_LONGEST = 2**20  # characters of a line that are written at a time


@click.command()
@click.argument("variant", required=False)
@_options.run_option
@click.option("-f", "--follow", is_flag=True, help="Go on while it runs.")
@_options.directory
def logs(variant: str | None, *, run: str | None, follow: bool, root: Path) -> None:
    """Print what variants have printed.

    VARIANT is a variant's name or the beginning of it, or a stage; by default, all that failed are
    printed.
    """
    if follow:
        follow_logs(root, run, variant)
    else:
        show_logs(root, run, variant)


def show_logs(root: Path, run: str | None, name: str | None) -> None:
    """Print the log of a variant, or those of a stage; without a name, those of all that failed.

    Raises:
        UsageError: There is no such run, variant or stage.
    """
    folder, history, named = _find(root, run, name)
    if name is not None and len(named) == 1:
        _print(folder, named[0])
        return
    failed = [each for each in history.variants.values() if each.state.is_failure]
    shown = named if name is not None else failed
    screen = Screen()
    for each in shown:
        screen.line((f"── {each.name} {each.label}".rstrip(), "bold"))
        _print(folder, each)
        click.echo()
    if not shown:
        _list(screen, folder, history, f"{name} has no variants" if name else "Nothing failed")


def _find(
    root: Path, run: str | None, name: str | None
) -> tuple[RunFolder, RunHistory, list[VariantHistory]]:
    """Return a run, and what is named of it: a variant, the variants of a stage, or nothing."""
    found = find(root, run, None)
    if name is None:
        return found.folder, found.history, []
    return found.folder, found.history, variants_of(found.history, name)


def _print(folder: RunFolder, variant: VariantHistory) -> None:
    log = folder.variant(variant.name).log
    if not log.is_file():
        click.echo(_no_log(variant))
        return
    try:
        with log.open(errors="replace", newline="\n") as lines:
            for line in iter(lambda: lines.readline(_LONGEST), ""):
                click.echo(line, nl=False)
    except OSError as error:
        click.echo(f"({variant.name}: its log can't be read: {error.strerror})")


def _no_log(variant: VariantHistory) -> str:
    why = f": {variant.reason}" if variant.reason else ""
    return f"({variant.name} has no log; it is {variant.state}{why})"


def _list(screen: Screen, folder: RunFolder, history: RunHistory, what: str) -> None:
    logs = [(each, folder.variant(each.name).log) for each in history.variants.values()]
    there = [(each, log) for each, log in logs if log.is_file()]
    screen.line(f"{what} in {folder.id}. It has {counted(len(there), 'log')}:")
    rows = [(v.name, v.state.value, f"{log.stat().st_size} bytes", v.label) for v, log in there]
    screen.table(("variant", "state", "log", "parameters"), rows[:50])
    if len(there) > 50:
        screen.line(f"  … and {len(there) - 50} more")


def follow_logs(root: Path, run: str | None, name: str | None) -> None:
    """Print logs as they grow, until what is named, or the run, has ended.

    Raises:
        UsageError: There is no such run, variant or stage.
    """
    folder, history, named = _find(root, run, name)
    stage = name if name in history.stages else None
    variant = named[0].name if named and stage is None else None
    tails: dict[str, _Tail] = {}
    source = HistoryReader(folder)
    is_over = False
    while not is_over:
        history = source.read()  # before the logs, so that their ends are seen
        every = history.of_stage(stage) if stage else list(history.variants.values())
        variants = [history.variants[variant]] if variant else every
        is_over = history.state is not None or (
            name is not None and bool(variants) and all(each.state.is_final for each in variants)
        )
        for each in variants:
            if each.started is not None or variant is not None:
                tail = tails.setdefault(each.name, _Tail(folder, each.name))
                tail.write(click.echo if variant else _prefixed(each.name), is_last=is_over)
        if not is_over:
            time.sleep(_LOOK_S)
    if variant is not None and not tails[variant].has_written:
        raise UsageError(_no_log(variants[0]))


class _Tail:
    """The part of a log that has not been printed yet; whole lines, until the last."""

    def __init__(self, folder: RunFolder, variant: str) -> None:
        self._file = GrowingFile(folder.variant(variant).log)
        self.has_written = False

    def write(self, echo: Callable[[str], None], *, is_last: bool) -> None:
        with contextlib.suppress(OSError):
            while whole := self._file.take():
                self._echo(whole, echo)
            if is_last and self._file.rest:
                self._echo(self._file.rest, echo)

    def _echo(self, data: bytes, echo: Callable[[str], None]) -> None:
        self.has_written = True
        for line in data.decode(errors="replace").removesuffix("\n").split("\n"):
            echo(line)


def _prefixed(name: str) -> Callable[[str], None]:
    return lambda line: click.echo(f"{name} │ {line}")
