"""The searches of a run: what each suggests, in an order that hangs on results alone.

Suggestion number n is made once all up to n - ``concurrent`` have ended or paused, and results
are told in the order of the suggestions. So the same seed gives the same suggestions, however
long each variant takes; a run that was cut off finds those it had made in the cache.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbexp.errors import LinkError
from nbexp.files import append_line, canonical_json, digest
from nbexp.lines import read_lines
from nbexp.pipeline import Stage
from nbexp.pipeline.values import plain
from nbexp.plan import Graph, Node, OpenSearch, identity, key_of, pruned_key, score_of
from nbexp.records import fits
from nbexp.run.announcer import error_text
from nbexp.run.tracker import KnownResult, Tracker
from nbexp.runs.finding import list_runs
from nbexp.runs.folder import RunFolder
from nbexp.search import Searcher, make_searcher
from nbexp.states import State

_LINE = {"warm": list[list[Any]], "values": dict[str, Any]}  # one of the two
_WARM = 200  # earlier results at most, for a warm start


@dataclass(eq=False)
class _RunningSearch:
    """A search on its way: how far it has been suggested, settled and told."""

    search: OpenSearch
    stage: Stage
    searcher: Searcher
    file: Path
    recorded: Sequence[Mapping[str, Any]]
    settled: int = 0
    told: int = 0
    foreign: set[int] = field(default_factory=set)  # suggestions that the searcher didn't make
    was_paused: set[str] = field(default_factory=set)
    error: Exception | None = None  # of the algorithm, when it was told a report


class Searches:
    """Makes suggestions, and tells the algorithms what came of them.

    Args:
        graph: The graph of the run.
        run: Folder of the run.
        tracker: What knows the results of earlier runs.
        warn: Tells a warning.
        fresh: Whether to leave earlier runs out.
        identity: Gives the name under which later runs find what a search suggested, for its own.

    Attributes:
        has_failed: Whether any algorithm has failed, so that a search has ended too early.
    """

    def __init__(  # noqa: PLR0913 - each is of another kind
        self,
        graph: Graph,
        run: Path,
        tracker: Tracker,
        *,
        warn: Callable[[str], None],
        fresh: bool,
        identity: Callable[[str], str],
    ) -> None:
        self._warn = warn
        self._graph = graph
        self._run = run
        self._tracker = tracker
        self._fresh = fresh
        self._identity = identity
        self._running: dict[str, _RunningSearch] = {}
        self.has_failed = False

    def searcher_of(self, node: Node) -> Searcher | None:
        """Return the algorithm that suggested a variant, if one did."""
        running = self._running.get(node.origin)
        return running.searcher if running else None

    def name_of(self, node: Node) -> str:
        """Return the name of the search that suggested a variant; empty if none did."""
        running = self._running.get(node.origin)
        return running.file.stem if running else ""

    def advance(self) -> None:
        """Tell results, and make the suggestions whose time has come."""
        for search in self._graph.take_searches():
            self._open_safely(search)
        for running in list(self._running.values()):
            if running.search.node.state is State.PENDING:
                self._advance_safely(running)

    def _open_safely(self, search: OpenSearch) -> None:
        """Begin a search; one whose algorithm can't begin ends without a suggestion."""
        try:
            self._running[search.name] = self._open(search)
        except Exception as error:
            self._fail(search, f"the search {search.name} can't begin", error)

    def _advance_safely(self, running: _RunningSearch) -> None:
        """Advance a search; one whose algorithm fails ends with what it has suggested."""
        try:
            self._advance(running)
        except Exception as error:
            name, algorithm = running.search.name, running.stage.search.algorithm
            made = f"{len(running.search.suggested)} of {running.search.samples} suggestions"
            self._fail(
                running.search, f"the search {name} failed in {algorithm} after {made}", error
            )

    def _fail(self, search: OpenSearch, message: str, error: Exception) -> None:
        """End a search that goes no further; what it has suggested is kept, and the run failed."""
        self.has_failed = True
        self._warn(f"{message}: {error_text(error)}")
        self._graph.close_search(search)

    def report(self, node: Node, step: int, value: float) -> None:
        """Tell the algorithm what a variant reports on its way."""
        running = self._running.get(node.origin)
        if running is not None and node.number is not None and node.number not in running.foreign:
            try:
                running.searcher.report(node.number, step, value)
            except Exception as error:  # what runs goes on, and the search ends
                running.error = error

    def paused(self, node: Node) -> None:
        """Note that a variant has paused, so that another may be suggested in its place."""
        if node.origin in self._running:
            self._running[node.origin].was_paused.add(node.variant.name)

    def _open(self, search: OpenSearch) -> _RunningSearch:
        stage = self._graph.stages[search.node.variant.stage]
        name = search_name(search, self._graph)
        searcher = make_searcher(
            stage.search,
            search.point.space,
            metric=stage.metric or "",
            mode=stage.mode,
            seed=int(digest([self._graph.pipeline.seed, search.name])[:8], 16),
        )
        file = RunFolder(self._run).searches / f"{self._identity(name)}.jsonl"
        file.parent.mkdir(exist_ok=True)
        warm, recorded = ([], []) if self._fresh else read_search(self._earlier(), name)
        running = _RunningSearch(search, stage, searcher, file, recorded)
        if stage.search.warm_start:
            self._warm(running, name, warm)
        return running

    def _earlier(self) -> list[Path]:
        return [run.path for run in reversed(list_runs(self._run.parent)) if run.path != self._run]

    def _warm(self, running: _RunningSearch, name: str, recorded: Sequence[Sequence[Any]]) -> None:
        """Tell the algorithm what earlier runs found; a search that goes on, what it was told."""
        points = [(values, value) for values, value in recorded]
        if not points and not running.recorded:
            points = self._known(running, name)
        append_line(running.file, {"warm": points})
        try:
            for values, value in points:
                running.searcher.add(values, value)
        except Exception as error:  # it knows less, and can suggest all the same
            self._warn(f"the search {name} can't take earlier results: {error_text(error)}")

    def _known(self, running: _RunningSearch, name: str) -> list[tuple[dict[str, Any], float]]:
        """Return what earlier runs found; nothing where that can't be looked up."""
        stage, space = running.stage, running.search.point.space
        try:
            known = self._tracker.results(stage.name, stage.metric or "", _WARM)
        except Exception as error:  # what tracks a run can't break it
            message = f"the search {name} begins without earlier results"
            self._warn(f"{message}: they can't be looked up: {error_text(error)}")
            return []
        return list(_points(known, space, name))

    def _advance(self, running: _RunningSearch) -> None:
        if running.error is not None:
            raise running.error
        search = running.search
        while (number := len(search.suggested)) < search.samples:
            known = max(number + 1 - running.stage.search.concurrent, 0)
            self._settle(running, known)
            if running.settled < known:
                return
            values = self._suggestion(running)
            if values is None:  # it has no more, or waits for results
                told = running.told
                self._settle(running, number)
                if running.told == told:
                    break
                continue
            append_line(running.file, {"values": plain(dict(values))})
            self._graph.suggest(search, values)
        self._settle(running, number)
        if running.told == number:
            self._graph.close_search(search)

    def _suggestion(self, running: _RunningSearch) -> Mapping[str, Any] | None:
        """Return the next suggestion; as it was made before, where the search goes on from that."""
        number = len(running.search.suggested)
        values = running.searcher.suggest(number)
        before = running.recorded[number] if number < len(running.recorded) else None
        written = canonical_json(plain(dict(values or {})))
        if before is None or (values and canonical_json(before) == written):
            return values
        running.foreign.add(number)
        if values is not None:
            running.searcher.complete(number, None)
        return running.searcher.restored(before)

    def _settle(self, running: _RunningSearch, count: int) -> None:
        """Tell the results of the first suggestions, as far as they are known, and no others."""
        suggested = running.search.suggested
        count = min(count, len(suggested))
        while running.told < count and suggested[running.told].state.is_final:
            node = suggested[running.told]
            if running.told not in running.foreign:
                value = score_of(running.stage, node) if node.state.is_success else None
                running.searcher.complete(running.told, value)
            running.told += 1
        while running.settled < count and (
            suggested[running.settled].state.is_final
            or suggested[running.settled].variant.name in running.was_paused
        ):
            running.settled += 1


def search_name(search: OpenSearch, graph: Graph) -> str:
    """Return the name of a search in all runs in which it is the very same.

    That takes the algorithm and all that its results hang on: what the identity of a variant
    holds, but for the values that it leaves open, and what was executed upstream.
    """
    stage = graph.stages[search.node.variant.stage]
    settings = [stage.search.algorithm, dict(stage.search.options), stage.search.concurrent]
    goal = [stage.metric, stage.mode.value, stage.score.value]
    results = [graph.nodes[each].result for each in search.node.variant.upstream.values()]
    keys = [result.outcome.key for result in results if result is not None]
    key = _key_of(search, graph)
    content = [settings, goal, graph.pipeline.seed, keys, key, pruned_key(key, stage)]
    return f"{search.name}-{digest(content)[:8]}"


def _key_of(search: OpenSearch, graph: Graph) -> str:
    """Return the identity of what a search may suggest; empty where something is gone."""
    variant = search.node.variant
    try:
        params = plain(graph.resolve(variant).content)
        return key_of(identity(graph.pipeline, variant, params, graph.content_of))
    except (LinkError, OSError):  # the variants fail, and tell why
        return ""


def read_search(
    runs: Iterable[Path], name: str
) -> tuple[list[Sequence[Any]], list[Mapping[str, Any]]]:
    """Return what the newest run that had a search told it at first, and what it suggested."""
    for run in runs:
        file = RunFolder(run).searches / f"{name}.jsonl"
        if file.is_file():
            lines = list(_whole_lines(file))
            warm = [point for line in lines for point in line.get("warm", [])]
            return warm, [line["values"] for line in lines if "values" in line]
    return [], []


def _whole_lines(file: Path) -> Iterator[dict[str, Any]]:
    """Yield what a search wrote down until the first line that is damaged: the order counts."""
    damage: list[str] = []
    with contextlib.suppress(OSError):
        for line in read_lines(file, damage):
            if damage or not _is_whole(line):
                return
            yield line


def _is_whole(line: Any) -> bool:
    return fits(line, _LINE) and all(len(point) == 2 for point in line.get("warm", []))


def _points(
    known: Iterable[KnownResult], space: Mapping[str, Any], name: str
) -> Iterable[tuple[dict[str, Any], float]]:
    for result in known:
        if result.search != name and all(key in result.params for key in space):
            yield {key: result.params[key] for key in space}, result.value
