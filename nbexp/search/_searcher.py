"""A search by one of Ray Tune's searchers, without Tune's trial runner."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nbexp.errors import UsageError
from nbexp.pipeline import Distribution, Mode, SearchSpec
from nbexp.pipeline.values import plain
from nbexp.search._algorithms import Algorithm, Order, find_algorithm
from nbexp.search._coding import Natural, Plain
from nbexp.search._flat import Flat, holds
from nbexp.search._sandbox import Sandbox

_ATTEMPTS = 10  # where an algorithm suggests what it suggested before, and says so by None


class TuneSearcher:
    """One search by a Tune searcher; see `Searcher`.

    Args:
        algorithm: The algorithm.
        search: The search as the pipeline has it.
        space: The distributions, by key.
        metric: Name of the metric.
        mode: Whether larger or smaller is better.
        seed: Seed of the search.

    Raises:
        UsageError: The algorithm can't search this space, or refuses its options.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        search: SearchSpec,
        space: Mapping[str, Distribution],
        *,
        goal: tuple[str, Mode],
        seed: int,
    ) -> None:
        self.algorithm = algorithm
        self._metric, mode = goal
        self._space, self._flat = space, Flat(space)
        variables = self._flat.variables
        self._codings = {key: algorithm.coding(each) for key, each in variables.items()}
        self._names = _names(variables, algorithm)
        self._options = dict(search.options)
        self._first = [self._encoded(p, strict=True) for p in self._pop_points()]
        self._known: list[tuple[Mapping[str, Any], float]] = []
        self._suggested: dict[int, Mapping[str, Any]] = {}
        self._distinct: set[str] = set()  # of them, where the space is finite
        self._refused: int | None = None  # suggested nothing, and has been told nothing since
        self._claimed: dict[str, int] = {}
        self._open: set[int] = set()
        self._started = False
        self._seed, self._mode = seed, mode
        self._class = algorithm.load()
        self._begin()

    def suggest(self, number: int) -> Mapping[str, Any] | None:
        """Return a value for each distribution by its key, or None if there are no more."""
        if not self._started and self._known:
            self._begin()
        self._started = True
        if number == self._refused or len(self._distinct) >= self._flat.size:
            return None
        config = self._ask(str(number)) if self._names else {}
        if config is None:
            # To ask again may draw random numbers, so that what comes later would hang on how
            # often that was done.
            self._refused = number
            return None
        found = {
            key: coding.decode(self._found(config, key)) if key in self._names else coding.decode(0)
            for key, coding in self._codings.items()
        }
        values = self._flat.compose(found)
        self._suggested[number] = written = plain(values)
        if math.isfinite(self._flat.size):
            self._distinct.add(repr(written))
        self._open.add(number)
        return values

    def restored(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return values that were suggested, and written down, as they were suggested."""
        found = self._flat.take_apart(values)
        return values if found is None else self._flat.compose(found)

    def report(self, number: int, step: int, value: float) -> None:
        """Tell what a suggestion reached so far."""
        if number in self._open and self._names and math.isfinite(value):
            self.hear(number, {self._metric: value, "training_iteration": step})

    def hear(self, number: int, result: dict[str, Any]) -> None:
        """Tell a result as Tune's schedulers leave it, with what they add for BOHB."""
        self._refused = None
        with self._sandbox():
            self._searcher.on_trial_result(str(number), result)

    def complete(self, number: int, value: float | None) -> None:
        """Tell what a suggestion reached in the end; None if it failed."""
        if number not in self._open:
            return
        self._open.discard(number)
        self._refused = None
        if self._names:
            with self._sandbox():
                self._complete(str(number), value)

    def add(self, values: Mapping[str, Any], value: float) -> bool:
        """Tell a result from elsewhere, before the first suggestion."""
        point = self._encoded(values, strict=False)
        if self._started or not point or not math.isfinite(value):
            return False
        if self.algorithm.takes_points:
            self._known.append((point, value))
            return True
        try:
            with self._sandbox():
                self._searcher.add_evaluated_point(point, value)
        except NotImplementedError:
            return False
        return True

    def number_of(self, name: str, values: Mapping[str, Any]) -> int | None:
        """Return which suggestion a variant of these values is, the same one at each call."""
        if name not in self._claimed:
            free = self._suggested.keys() - self._claimed.values()
            equal = [n for n in sorted(free) if _agree(self._suggested[n], values)]
            if not equal:
                return None
            self._claimed[name] = equal[0]
        return self._claimed[name]

    def pause(self, number: int, *, is_paused: bool) -> None:
        """Tell BOHB that a suggestion pauses, or goes on."""
        if number in self._open:
            self._refused = None
            tell = self._searcher.on_pause if is_paused else self._searcher.on_unpause
            tell(str(number))

    def _begin(self) -> None:
        """Make the searcher, and have it suggest and complete what is known already."""
        self._sandbox = Sandbox(self._seed)
        with self._sandbox():
            try:
                self._searcher = self._made()
            except Exception as error:  # whatever a library makes of options that it refuses
                message = f"{self.algorithm.name} refuses its settings: {error}"
                raise UsageError(message) from error
            for index, (_, value) in enumerate(self._known):
                name = f"known-{index}"
                if self._searcher.suggest(name) is not None:  # else the same point is known
                    # BOHB weighs results by their budget: what is known counts as the least.
                    budget = {"hyperband_info": {"budget": 0}, "training_iteration": 0}
                    self._searcher.on_trial_result(name, {self._metric: value, **budget})
                    self._complete(name, value)

    def _made(self) -> Any:
        domains = {name: self._codings[key].domain() for key, name in self._names.items()}
        points = (*(point for point, _ in self._known), *self._first)
        order = Order(
            self._metric, str(self._mode), self._seed % 2**32, self._options, domains, points
        )
        searcher = self.algorithm.make(self._class, order)
        if domains:
            searcher.set_search_properties(self._metric, str(self._mode), domains)
        return searcher

    def _ask(self, name: str) -> Mapping[str, Any] | None:
        with self._sandbox():
            for _ in range(_ATTEMPTS):
                try:
                    config = self._searcher.suggest(name)
                except Exception as error:  # whatever a library makes of a space or a setting
                    raise UsageError(f"{self.algorithm.name} suggests nothing: {error}") from error
                if config is not None:
                    return None if config == "FINISHED" else config
        return None

    def _complete(self, name: str, value: float | None) -> None:
        if value is None or not math.isfinite(value):
            self._searcher.on_trial_complete(name, None, error=True)
        else:
            result = {self._metric: value, "training_iteration": 1}
            self._searcher.on_trial_complete(name, result)

    def _found(self, config: Mapping[str, Any], key: str) -> Any:
        name = self._names[key]
        if name not in config:
            raise UsageError(f"{self.algorithm.name} suggests no value for {key!r}, only {config}")
        return config[name]

    def _pop_points(self) -> list[Mapping[str, Any]]:
        if not self.algorithm.takes_points:
            return []
        return list(self._options.pop("points_to_evaluate", None) or [])

    def _encoded(self, values: Mapping[str, Any], *, strict: bool) -> dict[str, Any]:
        found = self._flat.take_apart(values)
        if found is None and strict:
            wrong = next(key for key, each in self._space.items() if not holds(each, key, values))
            message = f"points_to_evaluate: {values} is no point of the space"
            raise UsageError(f"{message}; {wrong!r} is missing or outside of it")
        if found is None:
            return {}
        return {name: self._codings[key].encode(found[key]) for key, name in self._names.items()}


def make_searcher(
    search: SearchSpec, space: Mapping[str, Distribution], *, metric: str, mode: Mode, seed: int
) -> TuneSearcher:
    """Return a search over a space.

    Args:
        search: The algorithm and its options.
        space: The distributions, by key such as ``optimizer.lr``.
        metric: Name of the metric.
        mode: Whether larger or smaller is better.
        seed: Seed: the same one, with the same results in the same order, suggests the same.

    Raises:
        UsageError: The algorithm can't search this space, or refuses its options.
        ClassError: There is no such algorithm.
    """
    algorithm = find_algorithm(search.algorithm)
    unfit = unfit_for(algorithm, space)
    if unfit:
        raise UsageError(unfit)
    return TuneSearcher(algorithm, search, space, goal=(metric, mode), seed=seed)


def unfit_for(algorithm: Algorithm, space: Mapping[str, Distribution]) -> str | None:
    """Return why an algorithm can't search a space, or None if it can."""
    for key, each in space.items():
        if algorithm.continuous and (each.kind == "choice" or "int" in each.kind):
            takes = f"{algorithm.name} takes continuous distributions alone, such as uniform"
            return f"{takes}, but {key!r} is {each.kind} = {plain(list(each.arguments))!r}"
    return None


def _agree(suggested: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    return all(key in values and values[key] == each for key, each in suggested.items())


def _names(space: Mapping[str, Distribution], algorithm: Algorithm) -> dict[str, str]:
    """Return the searcher's name of each key; none for what has one value only."""
    if algorithm.coding is Natural:
        return {key: key for key in space}
    return {k: f"p{i}" for i, (k, each) in enumerate(space.items()) if Plain(each).count != 1}
