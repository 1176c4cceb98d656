"""What a search found, in groups: each run with its variants, and what lies in none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from nbexp.runs.variant_folder import NOTEBOOK, VARIANTS
from nbexp.server.runs import LiveRun
from nbexp.server.searching import Hit

RunOf = Callable[[str], tuple[LiveRun, str, str]]


@dataclass(frozen=True)
class FoundNotebook:
    """A notebook that was found.

    Attributes:
        hit: Where it matched.
        name: Its variant, or its path in the folder that was searched.
        label: What tells the variant from its siblings.
    """

    hit: Hit
    name: str
    label: str


@dataclass
class Group:
    """Notebooks of one run that were found.

    Attributes:
        path: The run's; None for notebooks of no run.
        run: The run, if they have one.
        findings: The notebooks.
    """

    path: str | None
    run: LiveRun | None
    findings: list[FoundNotebook] = field(default_factory=list)

    @property
    def began(self) -> float:
        """Seconds since 1970 when the run began; infinite for notebooks of no run."""
        return self.run.history().started if self.run else float("inf")


def grouped(hits: Iterable[Hit], folder: str, run_of: RunOf) -> list[Group]:
    """Return what was found by its runs: first what is in none, then the newest run first.

    Args:
        hits: What was found.
        folder: The folder that was searched.
        run_of: Returns the run that a path leads into, its own path and the rest; KeyError if none.
    """
    groups: dict[str | None, Group] = {}
    for hit in hits:
        try:
            run, own, rest = run_of(hit.entry.path)
        except KeyError:
            name = hit.entry.path[len(folder) :].lstrip("/")
            found = groups.setdefault(None, Group(None, None))
            found.findings.append(FoundNotebook(hit, name, ""))
        else:
            found = groups.setdefault(own, Group(own, run))
            found.findings.append(_of_run(hit, run, rest))
    return sorted(groups.values(), key=lambda group: group.began, reverse=True)


def _of_run(hit: Hit, run: LiveRun, path: str) -> FoundNotebook:
    kind, _, rest = path.partition("/")
    name, _, file = rest.partition("/")
    variants = run.history().variants
    if kind != VARIANTS or file != NOTEBOOK or name not in variants:
        return FoundNotebook(hit, path, "")
    return FoundNotebook(hit, name, variants[name].label)
