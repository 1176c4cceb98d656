"""Values of `--set`."""

from __future__ import annotations

from pathlib import Path
from random import Random

from fuzz._base import Case, Kind, expect
from fuzz.commands import call
from fuzz.mutations import mutated_text, odd_value
from fuzz.pipelines import toml
from fuzz.projects import SETTINGS, write_project

_PLACES = ("train.lr", "prepare.size", "train.search.samples", "train.metric", "seed", "stages",
           "defaults.retries", "train", "train.", ".", "", "evaluate.variants.0.params.top",
           "train.lr.grid", "name", "tracking.uri", "train.params.lr", "a.b.c.d.e")  # fmt: skip


class Settings(Kind):
    """What `nbexp plan` says of settings that were mutated."""

    suite_cases = 60

    def make(self, rng: Random, folder: Path) -> Case:
        file = write_project(folder)
        settings = [_setting(rng) for _ in range(rng.choice((1, 1, 2, 3)))]

        def check() -> None:
            options = [part for text in settings for part in ("--set", text)]
            expect(call("plan", file, *options).strip(), "it said nothing")

        return Case(f"the settings {settings!r}", check)


def _setting(rng: Random) -> str:
    if rng.random() < 0.4:
        return mutated_text(rng.choice(SETTINGS), rng)
    return f"{rng.choice(_PLACES)}={toml(odd_value(rng))}"
