"""Tells why variants ran or did not, and what the next run would do with them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import click

from nbexp.api import Pipeline
from nbexp.cli._screen import Screen, state_part
from nbexp.errors import NbexpError
from nbexp.files import shown_json
from nbexp.plan import CODE_CHANGED, Plan, PlannedVariant, differences
from nbexp.runs.finding import find_run, list_runs, variants_of
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import RunHistory, VariantHistory, read_history
from nbexp.runs.record import VariantRecord, is_inline
from nbexp.source.changes import cell_changes
from nbexp.states import State
from nbexp.wording import counted

_ROWS = 20


@dataclass(frozen=True)
class Reasons:
    """Why a variant ran or did not.

    Attributes:
        variant: Name of the variant.
        label: The parameters that tell it from its siblings.
        state: How it stands in the run.
        why: Why that is so, in sentences.
        compared_with: The variant of an earlier run that it was compared with, as RUN/VARIANT.
        next_run: What the next run would do with it; None where that is not known.
        next_why: Why, in sentences.
    """

    variant: str
    label: str
    state: State
    why: tuple[str, ...]
    compared_with: str | None = None
    next_run: str | None = None
    next_why: tuple[str, ...] = ()


def show_reasons(root: Path, run: str | None, name: str, *, as_json: bool) -> None:
    """Write why a variant, or those of a stage, ran or did not.

    Raises:
        UsageError: There is no such run, variant or stage.
    """
    folder = find_run(root, run)
    history = read_history(folder)
    is_stage = name in history.stages
    variants = variants_of(history, name)
    now = _Now(root, folder, history)
    past = _Past(root, folder)
    if as_json:
        reasons = [_reasons(folder, v, past, now) for v in variants]
        records = [asdict(each) | {"state": each.state.value} for each in reasons]
        click.echo(shown_json(records if is_stage else records[0], indent=1))
        return
    screen = Screen()
    if not variants:
        screen.line(f"{name} has no variants in {folder.id}: {_nothing_upstream(history)}")
    for variant in variants[:_ROWS]:
        _show(screen, folder, _reasons(folder, variant, past, now))
    if len(variants) > _ROWS:
        screen.line(f"… and {counted(len(variants) - _ROWS, 'more variant')}; --json has them all")
    if now.problem:
        screen.line(("What the next run would do is not known: ", "yellow"), now.problem)


def _nothing_upstream(history: RunHistory) -> str:
    """Return why a stage has no variants: a stage that it follows left none."""
    empty = [
        stage
        for stage in history.stages
        if (variants := history.of_stage(stage)) and not any(v.state.is_success for v in variants)
    ]
    return f"no variant of {' or '.join(empty)} finished" if empty else "they are not known yet"


def _ended(state: State) -> str:
    return {State.FAILED: "failed", State.TIMED_OUT: "timed out"}.get(state, f"was {state}")


def _show(screen: Screen, folder: RunFolder, reasons: Reasons) -> None:
    title = f" {reasons.label}  " if reasons.label else "  "
    screen.line((reasons.variant, "bold"), title, state_part(reasons.state), f" in {folder.id}")
    for sentence in reasons.why:
        screen.line(f"  {sentence}")
    if reasons.next_run:
        screen.line("  next run: ", (reasons.next_run, "bold"))
        for sentence in reasons.next_why:
            screen.line(f"    {sentence}")


def _reasons(folder: RunFolder, variant: VariantHistory, past: _Past, now: _Now) -> Reasons:
    record = VariantRecord.read(folder.variant(variant.name))
    why, other = _why(folder, variant, record, past)
    next_run, next_why = now.of(variant, record)
    return Reasons(
        variant.name, variant.label, variant.state, tuple(why), other, next_run, tuple(next_why)
    )


def _why(
    folder: RunFolder, variant: VariantHistory, record: VariantRecord | None, past: _Past
) -> tuple[list[str], str | None]:
    if variant.source:
        ended = "been pruned" if variant.state is State.PRUNED else "finished"
        return [f"the same had {ended} before; taken from {variant.source}"], None
    if record is None:
        reason = variant.reason or "what it links to has not ended"
        return [f"it did not start: {reason}"], None
    why, other = _why_it_ran(folder, record, past)
    if variant.state is State.PRUNED:
        why.append(f"it ended early: {variant.note or 'its scheduler stopped it'}")
    return why, other


def _why_it_ran(
    folder: RunFolder, record: VariantRecord, past: _Past
) -> tuple[list[str], str | None]:
    earlier = past.find(record)
    if earlier is None:
        return ["it ran since no earlier run has this stage"], None
    where = f"{earlier.run.id}/{earlier.record.name}"
    now = folder.kept_template(Path(record.template), str(record.parts.get("code")))
    changes = _changes(earlier.run, earlier.record, record.parts, now)
    changes += record.changed if earlier.record.key == record.key else ()
    if changes:
        same = "" if earlier.record.name == record.name else ", the nearest of this stage"
        return [f"it ran since, compared with {where}{same}:", *changes], where
    return [f"it ran though nothing changed since {where}: {earlier.why_not_cached}"], where


def _changes(
    run: RunFolder, record: VariantRecord, parts: Mapping[str, Any], template: Path
) -> list[str]:
    """Return what is different from a variant of a run, with the cells that changed.

    Args:
        run: The run.
        record: The variant.
        parts: What the identity is made of now.
        template: The template as it is now.
    """
    found: list[str] = []
    for change in differences(record.parts, parts):
        if change == CODE_CHANGED:
            before = run.kept_template(Path(record.template), str(record.parts.get("code")))
            found += cell_changes(before, template) or [change]
        else:
            found.append(change)
    return found


@dataclass(frozen=True)
class _Earlier:
    run: RunFolder
    record: VariantRecord
    why_not_cached: str


class _Past:
    """The runs before a run, newest first, read as far as they are needed."""

    def __init__(self, root: Path, folder: RunFolder) -> None:
        earlier = takewhile(lambda run: run.id != folder.id, list_runs(root))
        self._runs = list(earlier)[::-1]
        self._of_stage: dict[str, tuple[RunFolder | None, list[VariantRecord]]] = {}

    def find(self, record: VariantRecord) -> _Earlier | None:
        """Return the variant of that name in the newest run that has it, else the nearest one."""
        for run in self._runs:
            same = VariantRecord.read(run.variant(record.name))
            if same is not None:
                return _Earlier(run, same, _why_not_cached(run, record.name))
        newest, records = self._newest(record.stage)
        if newest is None:
            return None
        nearest = min(records, key=lambda each: len(differences(each.parts, record.parts)))
        return _Earlier(newest, nearest, _why_not_cached(newest, nearest.name))

    def _newest(self, stage: str) -> tuple[RunFolder | None, list[VariantRecord]]:
        if stage not in self._of_stage:
            self._of_stage[stage] = (None, [])
            for run in self._runs:
                folders = sorted(run.variants.glob(f"{stage}-*"))
                found = [r for f in folders if (r := VariantRecord.read(f)) and r.stage == stage]
                if found:
                    self._of_stage[stage] = (run, found)
                    break
        return self._of_stage[stage]


def _why_not_cached(run: RunFolder, variant: str) -> str:
    record, known = (
        VariantRecord.read(run.variant(variant)),
        read_history(run).variants.get(variant),
    )
    if record is not None and is_inline(record.key):
        return "it ran inline there, where nothing tells what it used"
    if known is None:
        return "what became of it there is not known"
    state = known.state
    if state is State.PRUNED:
        return "it was pruned there, by a scheduler that has other settings now or is gone"
    if state.is_success:
        return "it was run with --fresh, or the earlier result was no longer in its place"
    return f"it {_ended(state)} there"


class _Now:
    """What the next run would do, as things stand; planned when it is first asked for."""

    def __init__(self, root: Path, folder: RunFolder, history: RunHistory) -> None:
        self.problem = ""
        self._folder = folder
        self._templates: dict[tuple[str, str], Path] = {}  # by stage and code
        self._variants: dict[str, PlannedVariant] = {}
        self._open: dict[str, str] = {}  # why it is not known which variants a stage has
        self._is_known = False
        file = _pipeline_file(root, history.pipeline)
        if file is None:
            self.problem = f"no file of the pipeline {history.pipeline!r} lies in {root.absolute()}"
            return
        try:
            self._take(Pipeline.from_toml(file).plan())
        except NbexpError as error:
            self.problem = str(error)

    def of(
        self, variant: VariantHistory, record: VariantRecord | None
    ) -> tuple[str | None, list[str]]:
        """Return what would become of a variant, and why."""
        if not self._is_known:
            return None, []
        planned = self._variants.get(variant.name)
        if planned is None:
            if variant.stage in self._open:
                return "open", [self._open[variant.stage]]
            return "would not run", self._in_its_place(variant, record)
        if planned.state is State.CACHED:
            return "would be taken from the cache", []
        return "would run again" if variant.started else "would run", self._changes(
            planned, variant, record
        )

    def _in_its_place(self, variant: VariantHistory, record: VariantRecord | None) -> list[str]:
        """Return that a variant is none any more, and what the nearest one has that it had not."""
        told = ["the pipeline, as it is written, has no such variant now"]
        of_stage = [v for v in self._variants.values() if v.stage == variant.stage and v.parts]
        if record is None or not of_stage:
            return told
        nearest = min(of_stage, key=lambda v: len(differences(record.parts, v.parts or {})))
        changes = self._changes(nearest, variant, record)
        return [*told, f"the nearest that it has is {nearest.name}:", *changes]

    def _take(self, plan: Plan) -> None:
        self._variants = {variant.name: variant for variant in plan.variants}
        for name, stage in plan.pipeline.stages.items():
            self._templates |= {(name, each.code): each.path for each in stage.templates}
        for planned in plan.stages:
            for name in plan.pipeline.descendants(planned.name) if planned.to_suggest else ():
                self._open[name] = f"the search of {planned.name} has suggestions to make"
            if planned.is_open:
                self._open[planned.name] = (
                    f"the variants of {planned.name} are known after a reduce"
                )
        self._is_known = True

    def _changes(
        self, planned: PlannedVariant, variant: VariantHistory, record: VariantRecord | None
    ) -> list[str]:
        if planned.parts is None:
            pending = [n for n in variant.lineage.values() if self._is_pending(n)]
            return [f"if {' or '.join(pending) or 'what it links to'} leaves something else"]
        if record is None:
            return ["it has not been started before"]
        code = (planned.stage, str(planned.parts["code"]))
        template = self._templates.get(code, Path(record.template))
        changes = _changes(self._folder, record, planned.parts, template)
        changes += planned.changed
        return changes or [f"nothing changed, but it has not finished: it {_ended(variant.state)}"]

    def _is_pending(self, name: str) -> bool:
        planned = self._variants.get(name)
        return planned is not None and planned.state is State.PENDING


def _pipeline_file(root: Path, name: str) -> Path | None:
    """Return the file of a pipeline in a folder, preferably ``pipeline.toml``."""
    files = sorted(root.glob("*.toml"), key=lambda file: (file.name != "pipeline.toml", file.name))
    for file in files:
        try:
            table = tomllib.loads(file.read_text())
        except (OSError, ValueError):
            if file.name == "pipeline.toml":
                return file  # so that its mistake is told
            continue
        if "stages" in table and table.get("name", file.absolute().parent.name) == name:
            return file
    return None
