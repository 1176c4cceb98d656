"""What happened to a variant on its way: where it was paused, and which others it went on from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbexp.files import read_json, value_text
from nbexp.metrics import Entry, read_metrics
from nbexp.records import Name, fits
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import VariantHistory
from nbexp.runs.variant_folder import VariantFolder
from nbexp.states import State
from nbexp.wording import cell_text, number_text

LineageEvents = Sequence[Mapping[str, Any]]

_PAST = {
    "time": float, "event": str, "donor": Name, "step": int | None, "reason": str,
    "params": dict[str, Any],
}  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """A variant from which another one went on.

    Attributes:
        donor: Name of that variant.
        step: Its step, after which the other one went on.
    """

    donor: str
    step: int


def logged_by(folder: RunFolder, variant: str) -> list[Entry]:
    """Return all that a variant logged."""
    return read_metrics(folder.variant(variant).metrics)


def last_step(folder: RunFolder, variant: str, metric: str) -> int | None:
    """Return the last step at which a variant logged its metric, else anything; None if never."""
    entries = logged_by(folder, variant)
    with_metric = [entry.step for entry in entries if metric in entry.values]
    return max(with_metric or [entry.step for entry in entries], default=None)


def history_of(folder: VariantFolder) -> list[dict[str, Any]]:
    """Return what happened to a variant on its way, oldest first."""
    try:
        history = read_json(folder.history)
    except (OSError, ValueError):
        return []
    events = history if isinstance(history, list) else []
    return [dict(each) for each in events if fits(each, _PAST) and _is_whole(each)]


def _is_whole(event: Mapping[str, Any]) -> bool:
    needed = {"time", "event"} | ({"donor", "step"} if event.get("event") == "exploited" else set())
    return needed <= event.keys()


def lineage_events(folder: RunFolder, variant: VariantHistory) -> LineageEvents:
    """Return what happened to a variant on its way, also in the runs that it was taken from."""
    return history_of(folder.variant(variant.name)) or variant.course


def reason_of(variant: VariantHistory, events: LineageEvents) -> str:
    """Return why a variant stands as it does; not why it once was paused, if it is no longer."""
    if variant.state is State.PRUNED:
        return variant.note
    if variant.state is State.RUNNING and variant.cell is not None:
        return cell_text(variant.cell)
    was_paused = {event.get("reason") for event in events}
    is_past = variant.state is not State.PAUSED and variant.reason in was_paused
    return "" if is_past else variant.reason


def exploits(events: LineageEvents) -> LineageEvents:
    """Return where a variant went on from others."""
    return [
        event
        for event in events
        if event.get("event") == "exploited" and isinstance(event.get("step"), int)
        if "donor" in event
    ]


def descent(events_of: Mapping[str, LineageEvents], name: str) -> list[Origin]:
    """Return from whom a variant's state comes, from the last one backwards.

    What a variant was before it went on from another one is lost, so that each has one donor;
    what counts of the donor is what happened to it before.

    Args:
        events_of: What happened to each variant of the run.
        name: Name of the variant.
    """
    found: list[Origin] = []
    before = float("inf")
    while True:
        earlier = [e for e in exploits(events_of.get(name, ())) if e["time"] < before]
        if not earlier:
            return found
        last = max(earlier, key=lambda event: float(event["time"]))
        name, before = str(last["donor"]), float(last["time"])
        found.append(Origin(name, int(last["step"])))


def descent_text(origins: Sequence[Origin]) -> str:
    """Return a descent in one line, such as ``← train-b (step 4) ← train-c (step 2)``."""
    return " ".join(f"← {origin.donor} (step {origin.step})" for origin in origins)


def changes_text(before: Mapping[str, Any], changed: Mapping[str, Any]) -> str:
    """Return changes of parameters by key, such as ``lr 0.1 → 0.08``."""
    return ", ".join(_change(key, _value_at(before, key), new) for key, new in changed.items())


def _change(key: str, old: Any, new: Any) -> str:
    return f"{key} {_text(new)}" if old is None else f"{key} {_text(old)} → {_text(new)}"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return number_text(value)
    return value_text(value)


def _value_at(params: Mapping[str, Any], key: str) -> Any:
    """Return a value by its key, such as ``optimizer.lr`` or ``layers[0]``; None if not there."""
    if key in params:
        return params[key]
    value: Any = params
    for part in key.replace("[", ".").replace("]", "").split("."):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (LookupError, TypeError, ValueError):
            return None
    return value
