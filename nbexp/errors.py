"""Every error that nbexp raises.

NbexpError
├── PipelineError     the pipeline can't run as it is written; holds every problem found
├── UsageError        a command or call was given something that does not exist or fit
├── GlueError         a value can't be glued
├── LogError          a value can't be logged
├── CheckpointError   an object can't be kept in snapshots, or a snapshot does not fit it
├── ArtifactError     a value can't be saved, or a reference can't be loaded
├── LinkError         a link found no value once its stage had run
└── RunError          the run could not go on (Ray or the run folder is not usable)
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

_SHOWN = 20


class NbexpError(Exception):
    """Base of all errors that nbexp raises on purpose."""


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a pipeline: where it is, what is wrong, and what to do.

    Attributes:
        where: File, stage and key, such as ``pipeline.toml: stages.train.params.lr``.
        message: What was expected and what came.
        remedy: What to do about it.
        line: In which line of the file it is, counted from 1; None where that is not known.
    """

    where: str
    message: str
    remedy: str
    line: int | None = None

    @property
    def place(self) -> str:
        """Where it is, with the line, as editors and terminals know it."""
        file, colon, key = self.where.partition(": ")
        line = "" if self.line is None else f":{self.line}"
        return f"{file}{line}{colon}{key}"

    def __str__(self) -> str:
        return f"{self.place}\n    {self.message}\n    → {self.remedy}"


class PipelineError(NbexpError):
    """The pipeline can't run as written.

    Attributes:
        problems: Every mistake found, in the order of the file.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        title = f"{count} problem{'s' if count != 1 else ''} found; nothing was run."
        super().__init__("\n".join([title, *(str(problem) for problem in self.problems)]))


class UsageError(NbexpError):
    """A command or call was given something that does not exist or fit."""


class GlueError(NbexpError):
    """A value can't be glued."""


class LogError(NbexpError):
    """A value can't be logged."""


class CheckpointError(NbexpError):
    """An object can't be kept in snapshots, or a snapshot does not fit the notebook."""


class ArtifactError(NbexpError):
    """A value can't be saved, or a reference can't be loaded."""


class LinkError(NbexpError):
    """A link found no value once its stage had run."""


class RunError(NbexpError):
    """The run could not go on."""


def suggest(word: str, known: Iterable[str], *, cutoff: float = 0.61) -> str | None:
    """Return the known word nearest to `word`, or None where nothing is near."""
    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return matches[0] if matches else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a remedy for an unknown word: the nearest known one, or a list of them."""
    names = list(known)
    near = suggest(word, names)
    if near is not None:
        return f"Did you mean {near!r}?"
    if not names:
        return "There are none to choose from."
    more = f" and {len(names) - _SHOWN} others" if len(names) > _SHOWN else ""
    return f"Choose one of: {', '.join(names[:_SHOWN])}{more}."
