"""The command ``plan``: shows what a run would do."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from nbexp.api import Pipeline
from nbexp.cli import _options
from nbexp.cli._screen import Screen, state_part
from nbexp.display import Part
from nbexp.explain.estimates import plan_record, seconds_text, slots, wall_of, work_of
from nbexp.files import shown_json
from nbexp.plan import Plan, PlannedStage, PlannedVariant
from nbexp.runs.request import RunRequest
from nbexp.states import State
from nbexp.wording import counted

_ROWS = 20
_CHANGES = 3
_OPEN = "(open)"
_OPEN_MEANS = f"{_OPEN}: the key is known once what it links to has run; it may be cached then"


@click.command()
@_options.pipeline_options
@_options.as_json
@_options.show_all
def plan(  # noqa: PLR0913 - the options of the command
    pipeline: Path,
    *,
    root: Path,
    sets: tuple[str, ...],
    only: tuple[str, ...],
    fresh: bool,
    as_json: bool,
    show_all: bool,
) -> None:
    """Tell what a run would do, and run nothing.

    Shows the variants with their keys, which of them are cached, and how long the rest may take.
    """
    show_plan(RunRequest(root / pipeline, sets, only, fresh), as_json=as_json, show_all=show_all)


def show_plan(request: RunRequest, *, as_json: bool, show_all: bool) -> None:
    """Plan a pipeline, and write the plan."""
    pipeline = Pipeline.from_toml(request.pipeline, sets=request.sets)
    plan = pipeline.plan(only=request.only, fresh=request.fresh)
    if as_json:
        click.echo(shown_json(plan_record(plan), indent=1))
        return
    screen = Screen()
    most = None if show_all else _ROWS
    for stage in plan.stages:
        _show_stage(screen, plan, stage, most)
    if any(not variant.key for stage in plan.stages for variant in stage.variants[:most]):
        screen.line((_OPEN_MEANS, "dim"))
    _show_total(screen, plan)


def _show_stage(screen: Screen, plan: Plan, stage: PlannedStage, most: int | None) -> None:
    screen.line((stage.name, "bold"), f"  {_summary(plan, stage)}")
    if stage.warning:
        screen.line(("! ", "bold yellow"), stage.warning)
    _show_changes(screen, stage)
    shown = stage.variants[:most]
    screen.table(("variant", "key", "state", "parameters"), map(_row, shown))
    if len(stage.variants) > len(shown):
        left = len(stage.variants) - len(shown)
        screen.line((f"  … and {left} more; --all shows them", "dim"))


def _row(variant: PlannedVariant) -> tuple[Part, ...]:
    key: Part = (variant.key[:12], "dim") if variant.key else (_OPEN, "dim")
    state = state_part(State.CACHED) if variant.state is State.CACHED else "to run"
    return (variant.name, key, state, variant.label)


def _summary(plan: Plan, stage: PlannedStage) -> str:
    if stage.is_open:
        return f"variants are known once {_reduced(plan, stage)} reduced"
    cached, pending = stage.counts[State.CACHED], stage.counts[State.PENDING]
    growing = _growing(plan, stage)
    if growing and not stage.variants and not stage.to_suggest:
        return f"variants follow those of {growing}"
    parts = [counted(len(stage.variants), "variant")]
    parts += [f"{cached} cached{_seen(stage)}"] if cached else []
    parts += [f"{pending} to run"] if pending else []
    if stage.to_suggest:
        algorithm = plan.pipeline.stages[stage.name].search.algorithm.rpartition(":")[2]
        parts.append(f"{stage.to_suggest} to be suggested by {algorithm}")
    if (pending or stage.to_suggest) and stage.work is not None:
        parts.append(f"{seconds_text(stage.work)} of work")
    return ", ".join(parts)


def _seen(stage: PlannedStage) -> str:
    """Say of cached variants that what they were seen to use is the same."""
    most = max(variant.inputs for variant in stage.variants)
    return f" (up to {counted(most, 'observed input')} each, all the same)" if most else ""


def _show_changes(screen: Screen, stage: PlannedStage) -> None:
    """Write what variants used that would be cached if it were still the same."""
    changes = Counter(change for variant in stage.variants for change in variant.changed)
    for change, count in changes.most_common(_CHANGES):
        screen.line(f"  {counted(count, 'variant')} to run again: {change}")
    if len(changes) > _CHANGES:
        screen.line((f"  … and {len(changes) - _CHANGES} changes more", "dim"))


def _growing(plan: Plan, stage: PlannedStage) -> str:
    """Return the names of the stages that a stage depends on whose searches go on."""
    ancestors = plan.pipeline.ancestors(stage.name) - {stage.name}
    return " and ".join(s.name for s in plan.stages if s.name in ancestors and s.to_suggest)


def _reduced(plan: Plan, stage: PlannedStage) -> str:
    ancestors = plan.pipeline.ancestors(stage.name) - {stage.name}
    names = [s.name for s in plan.stages if s.name in ancestors and _reduces(plan, s)]
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'}"


def _reduces(plan: Plan, stage: PlannedStage) -> bool:
    has_ended = not (stage.is_open or stage.counts[State.PENDING] or stage.to_suggest)
    return plan.pipeline.stages[stage.name].keep is not None and not has_ended


def _show_total(screen: Screen, plan: Plan) -> None:
    pending = sum(stage.counts[State.PENDING] + stage.to_suggest for stage in plan.stages)
    is_open = any(stage.is_open or _growing(plan, stage) for stage in plan.stages)
    if not pending and not is_open:
        screen.line(("Everything is cached; a run only looks it up.", "green"))
        return
    more = " and what follows" if is_open else ""
    screen.line(f"{counted(pending, 'variant')}{more} to run: {_estimate(plan)}")


def _estimate(plan: Plan) -> str:
    work, wall = work_of(plan), wall_of(plan)
    if work is None or wall is None:
        return "no earlier run with this code and such parameters tells how long it takes"
    most = max(slots(plan.pipeline, stage.name) for stage in plan.stages)
    return f"{seconds_text(work)} of work, {seconds_text(wall)} with {most} at a time"
