"""Variants of a run that used one file with no order between them: what they left is chance.

Two variants are in order where one descends from the other, or belongs to a stage that waits for
all of the other's stage. Told are those without order of which both wrote a file, or one read
what the other wrote, as `nbexp.execute.job.Outcome.observed` has it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations_with_replacement, islice, product
from pathlib import Path, PurePath

from nbexp.pipeline import TEMPLATE, VARIANT, Pipeline, Stage
from nbexp.plan import Graph, Variant
from nbexp.runs.folder import RunFolder
from nbexp.runs.outcome import Outcome, read_outcome
from nbexp.runs.record import VariantRecord
from nbexp.wording import counted

_FILES = 3  # that a message names
_RUNS = 5  # that are looked at, and how many variants of each
_LOOKED_AT = 20
_OF_TOOLS = {"__pycache__", ".ipynb_checkpoints", "mlruns", "mlartifacts"}
_SYSTEM = {("/", "dev"), ("/", "proc"), ("/", "sys")}

_Variants = Mapping[str, Variant]  # of one stage, by name
_Counts = tuple[int, int]  # of variants of two stages that met


class Overlaps:
    """Finds them as variants end, and tells of two stages once, when both have ended.

    Args:
        graph: The graph of the run.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._writers: dict[str, list[Variant]] = defaultdict(list)
        self._readers: dict[str, list[Variant]] = defaultdict(list)
        self._told: set[tuple[str, str, bool]] = set()

    def add(self, variant: Variant, outcome: Outcome) -> None:
        """Take in what a variant was seen to use in one of its executions."""
        for path in _written(outcome):
            self._writers[path].append(variant)
        for path in outcome.observed.get("inputs", ()):
            self._readers[path].append(variant)

    def take(self, *, is_over: bool = False) -> list[str]:
        """Return messages on what has been found since the last call.

        Args:
            is_over: Whether nothing more comes; else only stages that have ended are told of.
        """
        messages = []
        for (first, second, are_writers), files in self._meetings().items():
            have_ended = all(map(self._graph.stage_has_ended, (first, second)))
            if (first, second, are_writers) not in self._told and (is_over or have_ended):
                self._told.add((first, second, are_writers))
                tell = _both_wrote if are_writers else _one_read
                stages = self._graph.stages
                messages.append(tell(stages[first], stages[second], files))
        return messages

    def _meetings(self) -> dict[tuple[str, str, bool], dict[str, _Counts]]:
        """Return the files in which variants of two stages met, and whether both wrote them."""
        found: dict[tuple[str, str, bool], dict[str, _Counts]] = defaultdict(dict)
        for path, variants in self._writers.items():
            writers = self._by_stage(variants)
            readers = self._by_stage(self._readers.get(path, ()))
            told = set()
            for first, second in combinations_with_replacement(writers, 2):
                if counts := self._unordered(writers[first], writers[second]):
                    found[first, second, True][path] = counts
                    told |= {(first, second), (second, first)}
            for first, second in product(writers, readers):
                counts = self._unordered(writers[first], readers[second])
                if counts and (first, second) not in told:
                    found[first, second, False][path] = counts
        return found

    def _by_stage(self, variants: Iterable[Variant]) -> dict[str, dict[str, Variant]]:
        """Return variants by stage, the stages in order, and by name."""
        found: dict[str, dict[str, Variant]] = {name: {} for name in self._graph.stages}
        for variant in variants:
            found[variant.stage][variant.name] = variant
        return {stage: those for stage, those in found.items() if those}

    def _unordered(self, ones: _Variants, others: _Variants) -> _Counts | None:
        """Return how many variants of two stages have no order to one of the other's."""
        pipeline, one, other = self._graph.pipeline, _stage_of(ones), _stage_of(others)
        if one in _whole_before(pipeline, other) or other in _whole_before(pipeline, one):
            return None
        counts = _count_unordered(ones, others), _count_unordered(others, ones)
        return counts if counts[0] else None


def expected_overlap(stage: Stage, runs: Iterable[Path]) -> str:
    """Return a warning where variants of a stage were seen to write where all of them do.

    Args:
        stage: The stage.
        runs: Folders of earlier runs, newest first.

    Returns:
        The warning; an empty text where there is nothing to tell.
    """
    for run in islice(runs if stage.cwd == TEMPLATE else (), _RUNS):
        written = [set(_written(outcome)) for outcome in _observed(RunFolder(run), stage)]
        if written:
            counts = Counter(path for paths in written for path in paths if not _is_absolute(path))
            shared = [path for path, count in counts.items() if count >= min(2, len(written))]
            seen = f"its variants write the same {_names(shared)}, as {run.name} has shown"
            return f"{seen}, and may meet there. {_remedy([stage], shared)}" if shared else ""
    return ""


def _observed(run: RunFolder, stage: Stage) -> Iterator[Outcome]:
    """Yield how the first variants of a stage ended that were observed in their template's folder.

    Those of other code than the stage has now say nothing of it.
    """
    code = {template.code for template in stage.templates}
    for folder in sorted(run.variants.glob(f"{stage.name}-*"))[:_LOOKED_AT]:
        record, outcome = VariantRecord.read(folder), read_outcome(folder)
        if record is None or record.stage != stage.name or "cwd" in record.parts:
            continue
        if record.parts.get("code") in code and outcome is not None and outcome.observed:
            yield outcome


def _written(outcome: Outcome) -> list[str]:
    """Return what a variant wrote, but for what Python and MLflow keep for themselves."""
    return [path for path in outcome.observed.get("written", ()) if not _is_of_tools(path)]


def _is_of_tools(path: str) -> bool:
    pure = PurePath(path)
    is_setting = pure.is_absolute() and any(part.startswith(".") for part in pure.parts)
    is_system = pure.parts[:2] in _SYSTEM or pure.name.startswith("mlflow.db")
    return is_setting or is_system or not _OF_TOOLS.isdisjoint(pure.parts)


def _is_absolute(path: str) -> bool:
    return PurePath(path).is_absolute()


def _stage_of(variants: _Variants) -> str:
    return next(iter(variants.values())).stage


def _count_unordered(ones: _Variants, others: _Variants) -> int:
    """Count the variants to which one of the others is neither ancestor nor descendant."""
    one, other = _stage_of(ones), _stage_of(others)
    below = Counter(variant.lineage.get(one) for variant in others.values())
    return sum(
        below[name] + (name in others) + (variant.lineage.get(other) in others) < len(others)
        for name, variant in ones.items()
    )


def _whole_before(pipeline: Pipeline, name: str) -> frozenset[str]:
    """Return the stages of which all variants have ended before one of a stage begins."""
    stage = pipeline.stages[name]
    whole, found = set(stage.after), set[str]()
    for link in stage.links:
        if link.gather is not None or pipeline.stages[link.stage].keep is not None:
            whole.add(link.stage)
        else:
            found |= _whole_before(pipeline, link.stage)
    return frozenset(found.union(*(pipeline.ancestors(each) for each in whole)))


def _both_wrote(first: Stage, second: Stage, files: Mapping[str, _Counts]) -> str:
    one, other = _those(first, files, 0), _those(second, files, 1)
    who = one if first.name == second.name else f"{one} and {other}"
    message = f"{who} wrote the same {_names(files)}, and one may have got what another wrote"
    return f"{message}. {_remedy([first, second], files)}"


def _one_read(writer: Stage, reader: Stage, files: Mapping[str, _Counts]) -> str:
    one, other = _those(writer, files, 0), _those(reader, files, 1)
    message = f"{other} read the {_names(files)} that {one} wrote, with no order between them"
    if writer.name == reader.name:
        return f"{message}. {_remedy([writer], files)}"
    order = f'Write after = ["{writer.name}"] in [stages.{reader.name}]'
    return f"{message}. {order}, or save it with nbexp.save and link to it."


def _those(stage: Stage, files: Mapping[str, _Counts], side: int) -> str:
    count = max(counts[side] for counts in files.values())
    return f"{counted(count, 'variant')} of {stage.name}"


def _names(files: Iterable[str]) -> str:
    names = sorted(files)
    more = f" and {len(names) - _FILES} more" if len(names) > _FILES else ""
    return f"file{'s' * (len(names) > 1)} {', '.join(names[:_FILES])}{more}"


def _remedy(stages: Iterable[Stage], files: Iterable[str]) -> str:
    names = dict.fromkeys(stage.name for stage in stages if stage.cwd != VARIANT)
    path = "a path that holds a parameter"
    if not names or all(map(_is_absolute, files)):
        return f"Write to {path}."
    places = " and ".join(f"[stages.{name}]" for name in names)
    return f'Give each a folder of its own, cwd = "variant" in {places}, or write to {path}.'
