"""The command ``show``: shows a run, or a variant with everything that is known of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from nbexp.cli import _options
from nbexp.cli._screen import Screen, state_part
from nbexp.display import Failed, Part, alike, short_path, show_alike, show_failure
from nbexp.files import shown_json, value_text
from nbexp.pipeline import Mode
from nbexp.runs.finding import find
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import RunHistory, VariantHistory
from nbexp.runs.json_records import run_record, variant_record
from nbexp.runs.lineage import (
    Origin,
    changes_text,
    descent_text,
    exploits,
    last_step,
    lineage_events,
    reason_of,
)
from nbexp.runs.results import RunResult, best_first, run_duration_s, run_state
from nbexp.states import State
from nbexp.wording import counts_text, duration_text, number_text, selection_text, time_text

_ROWS = 20
_NEAREST = 4  # of the variants that one descends from
_FAILURES = 5
_LONGEST = 200  # characters of a value
_USES = {"": "looked for", "file": "file", "folder": "names in it", "pattern": "what it finds"}


@click.command()
@click.argument("run", required=False)
@click.argument("variant", required=False)
@_options.directory
@_options.as_json
@_options.show_all
def show(
    run: str | None, variant: str | None, *, root: Path, as_json: bool, show_all: bool
) -> None:
    """Show a run, or a variant with all its details.

    RUN is the last run by default. With VARIANT, all that is known of that variant
    is shown. Part of a name will do.
    """
    found = find(root, run, variant)
    if found.variant is not None:
        show_variant(found.folder, found.history, found.variant, as_json=as_json)
    else:
        show_run(found.folder, found.history, as_json=as_json, show_all=show_all)


def show_run(folder: RunFolder, history: RunHistory, *, as_json: bool, show_all: bool) -> None:
    """Write how a run stands, with its variants and its failures."""
    if as_json:
        click.echo(shown_json(run_record(RunResult(folder.path, history)), indent=1))
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


def show_variant(
    folder: RunFolder, history: RunHistory, variant: VariantHistory, *, as_json: bool
) -> None:
    """Write all that is known of a variant."""
    result = RunResult(folder.path, history)
    record = variant_record(result, result.variant(variant.name))
    if as_json:
        click.echo(shown_json(record, indent=1))
        return
    screen = Screen()
    screen.line((variant.name, "bold"), f" {variant.label}  ", state_part(variant.state))
    screen.table(("", ""), [((name, "dim"), value) for name, value in _facts(variant, record)])
    _show_logged(screen, record["reported"])
    _show_course(screen, record)
    for title in ("params", "scraps", "artifacts", "lineage", "identity"):
        if record[title]:
            screen.line((title, "bold"))
            screen.table(("", ""), [(str(k), _short(v)) for k, v in record[title].items()])
    _show_observed(screen, record["observed"])
    screen.line(("files", "bold"), f"  {short_path(folder.variant(variant.name).path.absolute())}")
    for file in record["files"]:
        screen.line(f"  {file}")
    if variant.state.is_failure:
        place = folder.variant(variant.name).path.absolute()
        show_failure(screen.line, Failed.of(variant, place))


def _facts(variant: VariantHistory, record: dict[str, Any]) -> list[tuple[str, str]]:
    metric = f"{record['metric_name']} {number_text(variant.metric)}"
    facts = [
        ("run", record["run"]),
        ("stage", variant.stage),
        ("metric", metric if variant.metric is not None else ""),
        ("kept", "by reduce" if variant.is_kept else ""),
        ("started", time_text(variant.started or 0.0)),
        ("took", duration_text(variant.duration_s)),
        ("attempt", str(variant.attempt) if variant.attempt > 1 else ""),
        ("reason", record["reason"] if variant.state is not State.PRUNED else ""),
        ("note", variant.note),
        ("cached from", variant.source or ""),
        ("template", record["template"] or ""),
        ("key", record["key"] or ""),
        ("MLflow run", record["mlflow_run_id"] or ""),
    ]
    return [(name, value) for name, value in facts if value]


def _show_logged(screen: Screen, reported: Mapping[str, Mapping[str, Any]]) -> None:
    if not reported:
        return
    screen.line(("logged", "bold"))
    rows = [
        (name, *(number_text(each[key]) for key in ("last", "least", "most")),
         str(each["step"]), str(each["count"]))
        for name, each in reported.items()
    ]  # fmt: skip
    screen.table(("name", "last", "lowest", "highest", "last step", "steps"), rows)


def _show_course(screen: Screen, record: Mapping[str, Any]) -> None:
    """Write what happened on the way, each exploit with the values that it changed."""
    if not record["course"]:
        return
    screen.line(("course", "bold"))
    params, rows = dict(record["identity"].get("params", {})), []  # those that it began with
    for event in record["course"]:
        changed = event.get("params", {})
        step = "" if event.get("step") is None else str(event["step"])
        told = changes_text(params, changed) or event.get("reason", "")
        rows.append((event["event"], step, event.get("donor", ""), told))
        params |= changed
    screen.table(("what", "after step", "donor", ""), rows)
    if record["descent"]:
        origins = [Origin(**each) for each in record["descent"]]
        screen.line(f"  {record['name']} {descent_text(origins)}")


def _show_observed(screen: Screen, observed: Mapping[str, Any]) -> None:
    """Write what the notebook was seen to use."""
    inputs = observed.get("inputs", {})
    uses = {name: state for name, state in inputs.items() if state.get("kind") or "left" in state}
    rows = [(name, _USES.get(str(state.get("kind")), "")) for name, state in uses.items()]
    rows += [(name, "environment variable") for name in observed.get("variables", {})]
    rows += [(name, "written") for name in observed.get("written", ())]
    if rows or observed.get("unseen"):
        screen.line(("seen to use", "bold"))
        screen.table(("", ""), rows[:_ROWS])
    if len(rows) > _ROWS:
        screen.line((f"  … and {len(rows) - _ROWS} more; --json has them all", "dim"))
    for sentence in observed.get("unseen", ()):
        screen.line(f"  not seen: {sentence}")


def _short(value: Any) -> str:
    shown = value_text(value)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}… ({len(shown)} characters)"
