"""What can only be checked across stages: links, cycles, scraps, parameters, sizes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from nbexp.errors import did_you_mean, suggest
from nbexp.pipeline.links import Link
from nbexp.pipeline.problems import Problems
from nbexp.pipeline.spaces import Distribution, Grid
from nbexp.pipeline.spec import Stage
from nbexp.pipeline.tables import STAGE
from nbexp.pipeline.values import Secret, leaves, place
from nbexp.source.templates import Template

MAX_VARIANTS = 100_000


def check_stages(stages: Mapping[str, Stage], problems: Problems) -> None:
    """Note what is wrong between stages, and between stages and their templates."""
    for stage in stages.values():
        where = f"stages.{stage.name}"
        for name in stage.after:
            if name not in stages:
                problems.unknown(f"{where}.after", name, stages, "stage")
        for template in stage.templates:
            _check_parameters(stage, template, where, problems)
        for key, link in _links(stage):
            _check_link(link, f"{where}.{key}", stages, problems)
        _check_metric(stage, where, problems)
        _check_search(stage, where, problems)
        _check_size(stage, where, problems)
    if not _check_cycles(stages, problems):
        _check_sizes(stages, problems)


def untagged(stage: Stage) -> str:
    """Return a warning where a stage's parameters go to a notebook that has no cell for them."""
    bare = [each.path.name for each in stage.templates if not each.has_parameters]
    if not bare or not (stage.params or any(stage.cases)):
        return ""
    return (
        f"{', '.join(bare)} has no cell tagged 'parameters': a cell with them is put first, as "
        "papermill does, and their names can't be checked"
    )


def ordered(stages: Mapping[str, Stage]) -> dict[str, Stage]:
    """Return the stages so that each comes after those it depends on, else as written."""
    done: dict[str, Stage] = {}
    waiting = dict(stages)
    while waiting:
        free = [n for n, s in waiting.items() if not any(u in waiting for u in s.upstream)]
        name = free[0] if free else next(iter(waiting))
        done[name] = waiting.pop(name)
    return done


def _links(stage: Stage) -> list[tuple[str, Link]]:
    own = [(f"params.{place(path)}", link) for path, link in leaves(dict(stage.params), Link)]
    cases = [
        (f"variants[{i}].{place(path)}", link)
        for i, case in enumerate(stage.cases)
        for path, link in leaves(dict(case), Link)
    ]
    return own + cases


def _check_parameters(stage: Stage, template: Template, where: str, problems: Problems) -> None:
    given = dict.fromkeys(stage.params, "params")
    given |= {key: f"variants[{i}]" for i, case in enumerate(stage.cases) for key in case}
    if not template.has_parameters:
        for key in filter(STAGE.names.__contains__, given):
            message = f"{template.path.name} has no cell tagged 'parameters', but is given {key}"
            problems.add(f"{where}.{given[key]}.{key}", message, _setting(key, stage))
        for key in filter(template.assigns.__contains__, given):
            number, name = template.assigns[key], template.path.name
            message = f"cell {number} of {name} sets {key} itself, so this value has no effect"
            remedy = (
                "Tag that cell 'parameters' (in JupyterLab: the gears at the right, Cell Tags): "
                "the values then come after it."
            )
            problems.add(f"{where}.{given[key]}.{key}", message, remedy)
        return
    if template.parameters is None:
        return
    for key, table in given.items():
        if key not in template.parameters:
            message = f"{template.path.name} has no parameter {key!r}"
            remedy = _setting(key, stage) or did_you_mean(key, sorted(template.parameters))
            problems.add(f"{where}.{table}.{key}", message, remedy)


def _setting(key: str, stage: Stage) -> str:
    """Return a remedy for a setting of the stage that is given as a parameter."""
    if key not in STAGE.names:
        return ""
    return f"{key} is a setting of the stage: write it under [stages.{stage.name}], not as a param."


def _check_link(link: Link, where: str, stages: Mapping[str, Stage], problems: Problems) -> None:
    source = stages.get(link.stage)
    if source is None:
        problems.unknown(where, link.stage, stages, f"stage in the link {link.text}:")
    elif link.name == "params":
        _check_linked_param(link, where, source, problems)
    elif link.name == "notebook" and link.path:
        remedy = f"Link to @{link.stage}.notebook, and read the notebook's file."
        problems.add(where, f"the link {link.text} can't lead into a notebook", remedy)
    elif link.name not in (None, "notebook"):
        _check_linked_scrap(link, where, source, problems)


def _check_linked_param(link: Link, where: str, source: Stage, problems: Problems) -> None:
    given = [
        table for table in (source.params, *source.cases) if link.path[:1] and link.path[0] in table
    ]
    if not link.path or isinstance(link.path[0], int):
        message = f"the link {link.text} names no parameter"
        problems.add(where, message, f"Write, say: @{link.stage}.params.NAME.")
    elif not given:
        known = {key for table in (source.params, *source.cases) for key in table}
        near = f"{did_you_mean(link.path[0], sorted(known))} Or give" if known else "Give"
        message = f"unknown parameter in the link {link.text}: {link.path[0]!r}"
        problems.add(where, message, f"{near} it a value in stages.{source.name}.params.")
    elif any(leaves(table[link.path[0]], Secret) for table in given):
        message = f"the link {link.text} leads to a secret"
        remedy = 'Give the stage the secret itself: { secret = "NAME" }.'
        problems.add(where, message, remedy)


def _check_linked_scrap(link: Link, where: str, source: Stage, problems: Problems) -> None:
    for template in source.templates:
        if template.results is not None and link.name not in template.results:
            message = f"the link {link.text} can't be met: {_left(template)}"
            remedy = _other_link(link, source) or _glue_remedy(str(link.name), template)
            problems.add(where, message, remedy)


def _other_link(link: Link, source: Stage) -> str:
    """Return a remedy for a link that leaves out or misspells ``params`` or ``notebook``."""
    given = {key for table in (source.params, *source.cases) for key in table}
    if link.name in given:
        return f"Did you mean @{link.stage}.params.{link.name}?"
    word = suggest(str(link.name), ("params", "notebook"), cutoff=0.75)
    if word is None:
        return ""
    rest = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in link.path)
    return f"Did you mean @{link.stage}.{word}{rest}?"


def _check_metric(stage: Stage, where: str, problems: Problems) -> None:
    if stage.metric is None:
        for key, what in _deciding(stage).items():
            remedy = 'Name what to compare by: metric = "val_accuracy", mode = "max".'
            message = f"{what} needs a metric, and the stage has none"
            problems.add(f"{where}.{key}", message, remedy)
        return
    for template in stage.templates:
        if stage.scheduler and template.logs is not None and stage.metric not in template.logs:
            call = f'nbexp.log("{stage.metric}", …)'
            decides = f"the scheduler {stage.scheduler.type} decides by what the notebook reports"
            message = f"{decides}, but {template.path.name} never calls {call}"
            problems.add(f"{where}.scheduler", message, _log_remedy(stage.metric, template.logs))
        elif template.results is not None and stage.metric not in template.results:
            message = f"no metric {stage.metric!r}: {_left(template)}"
            problems.add(f"{where}.metric", message, _glue_remedy(stage.metric, template))


def _deciding(stage: Stage) -> dict[str, str]:
    """Return which settings of a stage compare variants, with what messages call them."""
    asked = {
        "reduce": "reduce" if stage.keep is not None else "",
        "search": f"the search {stage.search.algorithm}" if stage.search.is_adaptive else "",
        "scheduler": f"the scheduler {stage.scheduler.type}" if stage.scheduler else "",
    }
    return {key: what for key, what in asked.items() if what}


def _left(template: Template) -> str:
    names = sorted(template.results or ())
    only = f"glues, saves or logs only {', '.join(names)}"
    return f"{template.path.name} {only if names else 'glues, saves and logs nothing'}"


def _glue_remedy(name: str, template: Template) -> str:
    if template.results:
        return did_you_mean(name, sorted(template.results))
    return f"Glue it in the notebook: nbexp.glue({name!r}, value)."


def _log_remedy(name: str, logged: Iterable[str]) -> str:
    near = suggest(name, logged)
    if near:
        return f"Did you mean {near!r}?"
    return f'Report it at each step of its loop: nbexp.log("{name}", value, step).'


def _check_search(stage: Stage, where: str, problems: Problems) -> None:
    remedy = "Give a parameter a distribution, such as lr = { loguniform = [1e-4, 1e-1] }."
    fixed = [i for i, t in enumerate(_tables(stage)) if not leaves(t, Distribution)]
    is_whole = len(fixed) == len(_tables(stage))
    if is_whole and stage.search.is_adaptive:
        message = f"{stage.search.algorithm} has nothing to search: all values are fixed"
        problems.add(f"{where}.search", message, remedy)
    elif is_whole and stage.search.samples > 1:
        problems.add(f"{where}.search.samples", "there is nothing to sample", remedy)
    elif stage.search.is_adaptive:
        for i in fixed:
            message = f"{stage.search.algorithm} has nothing to search: this case fixes all values"
            problems.add(f"{where}.variants[{i}]", message, "Leave a distribution to it.")


def _check_size(stage: Stage, where: str, problems: Problems) -> None:
    size = _own_size(stage)
    if size > MAX_VARIANTS:
        message = f"it would have {size:,} variants; the limit is {MAX_VARIANTS:,}"
        problems.add(where, message, "Draw from distributions instead of listing every value.")


def _tables(stage: Stage) -> list[dict[str, Any]]:
    return [{**stage.params, **case} for case in stage.cases or ({},)]


def _own_size(stage: Stage) -> int:
    tables = _tables(stage)
    samples = stage.search.samples if any(leaves(t, Distribution) for t in tables) else 1
    return max(len(stage.templates), 1) * samples * sum(_size(table) for table in tables)


def _size(value: Any) -> int:
    if isinstance(value, Grid):
        return sum(_size(item) for item in value.values)
    if isinstance(value, dict):
        return math.prod(_size(item) for item in value.values())
    if isinstance(value, list):
        return math.prod(_size(item) for item in value)
    return 1


def _check_sizes(stages: Mapping[str, Stage], problems: Problems) -> None:
    """Note which stages have too many variants together with those that they link to."""
    factors: dict[str, dict[str, int]] = {}
    for name, stage in ordered(stages).items():
        factors[name] = _factors(stage, factors)
        size = math.prod(factors[name].values())
        if size > MAX_VARIANTS and _own_size(stage) <= MAX_VARIANTS:
            message = f"with those it links to, it would have {size:,} variants"
            remedy = "Reduce an earlier stage, or gather its variants: @stage[*].NAME."
            problems.add(f"stages.{name}", f"{message}; the limit is {MAX_VARIANTS:,}", remedy)
        if stage.keep is not None:  # what goes on is few, and settles its whole lineage
            is_count = isinstance(stage.keep, int)
            kept = min(int(stage.keep), size) if is_count else math.ceil(stage.keep * size)
            factors[name] = dict.fromkeys(factors[name], 1) | {name: kept}


def _factors(stage: Stage, known: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Return by what each stage of the lineage multiplies the variants of a stage, at most."""
    factors = {stage.name: _own_size(stage)}
    for name in dict.fromkeys(link.stage for link in stage.links if link.gather is None):
        for key, count in known.get(name, {}).items():
            factors[key] = min(factors.get(key, count), count)
    return factors


def _check_cycles(stages: Mapping[str, Stage], problems: Problems) -> bool:
    position = {name: index for index, name in enumerate(ordered(stages))}
    for name, stage in stages.items():
        for upstream in stage.upstream:
            if position.get(upstream, -1) < position[name]:
                continue
            cycle = " → ".join([*_way(stages, upstream, name), upstream])
            message = f"the stages depend on each other in a circle: {cycle}"
            problems.add(f"stages.{name}", message, "Remove one of these links.")
            return True
    return False


def _way(stages: Mapping[str, Stage], start: str, goal: str) -> list[str]:
    ways = [[goal]]
    seen = {goal}
    while ways:
        way = ways.pop(0)
        if way[0] == start:
            return way
        for upstream in stages[way[0]].upstream:
            if upstream in stages and upstream not in seen:
                seen.add(upstream)
                ways.append([upstream, *way])
    return [start, goal]
