"""A choice may hold distributions, at any depth, whichever algorithm searches."""

import pytest

from nbexp.errors import UsageError
from nbexp.files import from_json, to_json
from nbexp.pipeline import Distribution, Mode, SearchSpec
from nbexp.pipeline.links import parse_link
from nbexp.pipeline.values import plain
from nbexp.search import make_searcher


def uniform(lower: float, upper: float) -> Distribution:
    return Distribution("uniform", (lower, upper))


def choice(*cases: object) -> Distribution:
    return Distribution("choice", cases)


DEEP = choice(
    {"name": "sgd", "lr": uniform(0.1, 0.2), "nesterov": choice(True, False)},
    {"name": "adam", "betas": [uniform(0.8, 0.9), 0.999]},
    choice(uniform(5.0, 6.0), {"rest": [choice("a", uniform(7.0, 8.0))]}),
    None,
)
SPACES = {
    "table": {"optimizer": DEEP, "c": uniform(0.0, 1.0)},
    "list": {"layers[0]": choice([Distribution("randint", (1, 4)), "relu"], "none")},
    "bare": {"x": choice(uniform(0.0, 1.0), Distribution("loguniform", (10.0, 100.0)))},
    "one case": {"x": choice({"lr": uniform(0.0, 1.0)})},
    "finite": {"x": choice({"k": choice(1, 2)}, {"k": choice(1, 2, 3)}, "none")},
    "link": {"x": choice(parse_link("@a.y"), {"of": parse_link("@b.y"), "z": uniform(0.0, 1.0)})},
}
ALGORITHMS = [
    "optuna",
    "hyperopt",
    "bohb",
    "ray.tune.search.optuna:OptunaSearch",
    "ray.tune.search.hyperopt:HyperOptSearch",
]


def fits(pattern: object, value: object) -> bool:
    """Whether a value is one that a space can give."""
    if isinstance(pattern, Distribution) and pattern.kind == "choice":
        return any(fits(case, value) for case in pattern.arguments)
    if isinstance(pattern, Distribution):
        is_number = isinstance(value, int | float)
        return is_number and pattern.arguments[0] <= value <= pattern.arguments[1]
    if isinstance(pattern, dict):
        is_table = isinstance(value, dict) and pattern.keys() == value.keys()
        return is_table and all(fits(item, value[key]) for key, item in pattern.items())
    if isinstance(pattern, list):
        is_list = isinstance(value, list) and len(pattern) == len(value)
        return is_list and all(map(fits, pattern, value))
    return type(pattern) is type(value) and pattern == value


def searcher_of(algorithm: str, space, **options):
    search = SearchSpec(algorithm, options=options)
    return make_searcher(search, space, metric="acc", mode=Mode.MAX, seed=1)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_suggests_values_without_distributions(algorithm, space):
    searcher = searcher_of(algorithm, space)
    again = searcher_of(algorithm, space)
    seen = set()
    for number in range(12):
        values = searcher.suggest(number)
        if values is None:
            assert len(seen) == 4  # all that the space of lists has
            return
        assert values == again.suggest(number)
        assert values.keys() == space.keys()
        assert all(fits(pattern, values[key]) for key, pattern in space.items())
        written = from_json(to_json(plain(dict(values))))
        assert searcher.restored(written) == values
        seen.add(to_json(written))
        for each in (searcher, again):
            each.report(number, 1, number / 12)
            each.complete(number, number / 12)
    assert len(seen) > 1


def test_points_and_known_results_are_found_in_their_case():
    space = SPACES["table"]
    point = {"optimizer": {"name": "adam", "betas": [0.85, 0.999]}, "c": 0.5}
    first = searcher_of("optuna", space, points_to_evaluate=[point]).suggest(0)
    assert first["optimizer"]["name"] == "adam"
    assert first["optimizer"]["betas"] == pytest.approx([0.85, 0.999])
    searcher = searcher_of("optuna", space)
    assert searcher.add(point, 0.5)
    assert not searcher.add(point | {"optimizer": {"name": "adam", "betas": [0.1, 0.999]}}, 0.5)
    with pytest.raises(UsageError, match="'optimizer' is missing or outside of it"):
        searcher_of("optuna", space, points_to_evaluate=[{"optimizer": "sgd", "c": 0.5}])
