"""Prints logs of variants, and follows them while they grow."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import click

from nbexp.cli._finding import Found, find
from nbexp.cli._screen import Screen
from nbexp.errors import UsageError
from nbexp.run import RunFolder, RunHistory, VariantHistory, find_variant, read_history
from nbexp.wording import counted

_LOOK_S = 0.2


def show_logs(root: Path, run: str | None, variant: str | None) -> None:
    """Print the log of a variant; without one, those of all that failed.

    Raises:
        UsageError: There is no such run or variant, or it has no log yet.
    """
    found = _find(root, run, variant)
    if found.variant is not None:
        click.echo(_read(found.folder, found.variant), nl=False)
        return
    failed = [each for each in found.history.variants.values() if each.state.is_failure]
    screen = Screen()
    for each in failed:
        screen.line((f"── {each.name} {each.label}".rstrip(), "bold"))
        click.echo(_read(found.folder, each))
    if not failed:
        _list(screen, found)


def _find(root: Path, run: str | None, variant: str | None) -> Found:
    found = find(root, run, None)
    if variant is None:
        return found
    return Found(found.folder, found.history, find_variant(found.history, variant))


def _read(folder: RunFolder, variant: VariantHistory) -> str:
    log = folder.variant(variant.name) / "log.txt"
    if not log.is_file():
        why = f": {variant.reason}" if variant.reason else ""
        return f"({variant.name} has no log; it is {variant.state}{why})\n"
    return log.read_text(errors="replace")


def _list(screen: Screen, found: Found) -> None:
    logs = [
        (each, found.folder.variant(each.name) / "log.txt")
        for each in found.history.variants.values()
    ]
    there = [(each, log) for each, log in logs if log.is_file()]
    screen.line(f"Nothing failed in {found.folder.id}. It has {counted(len(there), 'log')}:")
    rows = [(v.name, v.state.value, f"{log.stat().st_size} bytes", v.label) for v, log in there]
    screen.table(("variant", "state", "log", "parameters"), rows[:50])
    if len(there) > 50:
        screen.line(f"  … and {len(there) - 50} more")


def follow_logs(root: Path, run: str | None, variant: str | None) -> None:
    """Print logs as they grow, until the variant, or the run, has ended.

    Raises:
        UsageError: There is no such run or variant.
    """
    found = _find(root, run, variant)
    name = found.variant.name if found.variant else None
    tails: dict[str, _Tail] = {}
    source = _Source(found.folder)
    is_over = False
    while not is_over:
        history = source.read()  # before the logs, so that their ends are seen
        variants = [history.variants[name]] if name else list(history.variants.values())
        is_over = history.state is not None or (name is not None and variants[0].state.is_final)
        for each in variants:
            if each.started is not None or name is not None:
                tail = tails.setdefault(each.name, _Tail(found.folder, each.name))
                tail.write(click.echo if name else _prefixed(each.name), is_last=is_over)
        if not is_over:
            time.sleep(_LOOK_S)
    if name is not None and not tails[name].has_written:
        raise UsageError(_read(found.folder, variants[0]).strip())


class _Source:
    """The history of a run, read again when there is news of it."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._size = -1
        self._history = RunHistory()

    def read(self) -> RunHistory:
        size = self._folder.events.stat().st_size if self._folder.events.exists() else 0
        if size != self._size or not self._folder.is_alive():
            self._history = read_history(self._folder)
            self._size = size
        return self._history


class _Tail:
    """The part of a log that has not been printed yet; whole lines, until the last."""

    def __init__(self, folder: RunFolder, variant: str) -> None:
        self._path = folder.variant(variant) / "log.txt"
        self._position = 0
        self.has_written = False

    def write(self, echo: Callable[[str], None], *, is_last: bool) -> None:
        if not self._path.is_file():
            return
        if self._path.stat().st_size < self._position:  # a retry began anew
            self._position = 0
        with self._path.open("rb") as log:
            log.seek(self._position)
            fresh = log.read()
        whole = fresh if is_last else fresh[: fresh.rfind(b"\n") + 1]
        self._position += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            echo(line)
            self.has_written = True


def _prefixed(name: str) -> Callable[[str], None]:
    return lambda line: click.echo(f"{name} │ {line}")
