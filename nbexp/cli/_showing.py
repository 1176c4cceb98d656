"""Shows a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from nbexp.cli._screen import Screen, state_part
from nbexp.display import Failed, Part, alike, short_path, show_alike
from nbexp.files import shown_json
from nbexp.pipeline import Mode
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import RunHistory, VariantHistory
from nbexp.runs.lineage import descent, exploits, last_step, lineage_events, reason_of
from nbexp.runs.results import RunResult, best_first, run_duration_s, run_state
from nbexp.wording import counts_text, duration_text, number_text, selection_text, time_text

_ROWS = 20
_NEAREST = 4  # of the variants that one descends from
_FAILURES = 5


def show_run(folder: RunFolder, history: RunHistory, *, as_json: bool, show_all: bool) -> None:
    """Write how a run stands, with its variants and its failures."""
    if as_json:
        click.echo(shown_json(_record(folder, history), indent=1))
        return
    screen = Screen()
    _show_head(screen, folder, history)
    for stage in history.stages:
        _show_stage(screen, folder, history, stage, None if show_all else _ROWS)
    for warning in (history.damage, *history.warnings) if history.damage else history.warnings:
        screen.line(("! ", "bold yellow"), warning)
    _show_failures(screen, folder, history, None if show_all else _FAILURES)


def _show_head(screen: Screen, folder: RunFolder, history: RunHistory) -> None:
    state, took = run_state(history), duration_text(run_duration_s(history))
    screen.line((folder.id, "bold"), "  ", state_part(state), f"  {counts_text(history.counts)}")
    facts = [time_text(history.started), took, short_path(folder.path.absolute())]
    screen.line(("  " + "  ".join(fact for fact in facts if fact), "dim"))


def _show_stage(
    screen: Screen, folder: RunFolder, history: RunHistory, stage: str, most: int | None
) -> None:
    variants = history.of_stage(stage)
    metric, mode = history.metrics.get(stage, ("", Mode.MAX))
    if metric:
        variants = best_first(variants, Mode(mode))
    shared, own = _lineages(variants)
    screen.line((stage, "bold"), (f"  from {_nearest(shared)}" if shared else "", "dim"))
    if not variants:
        screen.line(("  no variants yet", "dim") if history.state is None else "  no variants")
        return
    if metric and (selection := selection_text(Counter(v.state for v in variants))):
        screen.line((f"  {selection}", "yellow"))
    rows = [_row(folder, metric, v, own) for v in variants[:most]]
    columns = ("variant", "state", "step", metric, "reduce", "took", "parameters", "exploited")
    screen.table((*columns, "from", "note"), rows)
    if len(variants) > len(rows):
        screen.line((f"  … and {len(variants) - len(rows)} more; --all shows them", "dim"))


def _row(
    folder: RunFolder, metric: str, variant: VariantHistory, lineage: Sequence[str]
) -> tuple[Part, ...]:
    step = last_step(folder, variant.name, metric) if variant.started or variant.source else None
    events = lineage_events(folder, variant)
    return (
        variant.name,
        state_part(variant.state),
        "" if step is None else str(step),
        _metric(variant, metric),
        ("kept", "green") if variant.is_kept else "",
        duration_text(variant.duration_s),
        variant.label,
        " ".join(f"{event['donor']}@{event['step']}" for event in exploits(events)),
        (" ".join(variant.lineage.get(stage, "") for stage in lineage[-_NEAREST:]), "dim"),
        (reason_of(variant, events), "dim"),
    )


def _metric(variant: VariantHistory, metric: str) -> Part:
    if variant.metric is not None or variant.state.is_success:
        return number_text(variant.metric)
    return (number_text(variant.logged.get(metric)), "dim")  # the newest so far, or before its end


def _lineages(variants: list[VariantHistory]) -> tuple[list[str], list[str]]:
    """Return the variants that all of a stage descend from, and the stages where they differ."""
    seen: dict[str, set[str]] = {}
    for variant in variants:
        for stage, name in variant.lineage.items():
            seen.setdefault(stage, set()).add(name)
    shared = [name for names in seen.values() if len(names) == 1 for name in names]
    return shared, [stage for stage, names in seen.items() if len(names) > 1]


def _nearest(lineage: Sequence[str]) -> str:
    text = ", ".join(lineage[-_NEAREST:])
    return text if len(lineage) <= _NEAREST else f"{text} and {len(lineage) - _NEAREST} before"


def _show_failures(
    screen: Screen, folder: RunFolder, history: RunHistory, most: int | None
) -> None:
    failed = [variant for variant in history.variants.values() if variant.state.is_failure]
    groups = alike(Failed.of(each, _absolute(folder, each.name)) for each in failed)
    for group in groups[:most]:
        show_alike(screen.line, group)
    if most is not None and len(groups) > most:
        more = len(groups) - most
        screen.line((f"  … and {more} failures more of other kinds; --all shows them", "dim"))


def _absolute(folder: RunFolder, variant: str) -> Path:
    return folder.variant(variant).path.absolute()


def _record(folder: RunFolder, history: RunHistory) -> dict[str, Any]:
    results = {variant.name: variant for variant in RunResult.read(folder.path).variants}
    events = {name: lineage_events(folder, each) for name, each in history.variants.items()}
    return {
        "run": folder.id,
        "pipeline": history.pipeline,
        "state": run_state(history).value,
        "started": history.started or None,
        "ended": history.ended,
        "duration_s": run_duration_s(history),
        "folder": str(folder.path.absolute()),
        "is_paused": history.is_paused,
        "counts": {state.value: count for state, count in history.counts.items()},
        "stages": history.stages,
        "metrics": {stage: list(metric) for stage, metric in history.metrics.items()},
        "warnings": history.warnings,
        "variants": [
            {
                **vars(variant),
                "state": variant.state.value,
                "params": dict(results[variant.name].params),
                "scraps": dict(results[variant.name].scraps),
                "artifacts": dict(results[variant.name].artifacts),
                "folder": str(_absolute(folder, variant.name)),
                "course": events[variant.name],
                "descent": [vars(origin) for origin in descent(events, variant.name)],
            }
            for variant in history.variants.values()
            if variant.name in results  # one may have come into being just now
        ],
    }
