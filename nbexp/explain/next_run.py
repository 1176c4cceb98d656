"""What the next run would do with the variants of a run."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from nbexp.api import Pipeline
from nbexp.errors import NbexpError
from nbexp.explain.earlier import changes_since, ended_text
from nbexp.plan import Plan, PlannedVariant, differences
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import RunHistory, VariantHistory
from nbexp.runs.record import VariantRecord
from nbexp.states import State


@dataclass(frozen=True)
class Prospect:
    """What the next run would do with a variant.

    Attributes:
        what: That, such as ``would run again``; None where it is not known.
        why: Why, in sentences.
    """

    what: str | None = None
    why: tuple[str, ...] = ()


class NextRun:
    """What the next run would do with the variants of a run, as things stand.

    Args:
        root: Folder of the pipeline.
        folder: The run's folder.
        history: What is known of the run.

    Attributes:
        problem: Why that is not known; empty where it is.
    """

    def __init__(self, root: Path, folder: RunFolder, history: RunHistory) -> None:
        self.problem = ""
        self._folder = folder
        self._templates: dict[tuple[str, str], Path] = {}  # by stage and code
        self._variants: dict[str, PlannedVariant] = {}
        self._open: dict[str, str] = {}  # why it is not known which variants a stage has
        self._is_known = False
        file = _pipeline_file(root, history.pipeline)
        if file is None:
            self.problem = f"no file of the pipeline {history.pipeline!r} lies in {root.absolute()}"
            return
        try:
            self._take(Pipeline.from_toml(file).plan())
        except NbexpError as error:
            self.problem = str(error)

    def of(self, variant: VariantHistory, record: VariantRecord | None) -> Prospect:
        """Return what would become of a variant, and why.

        Args:
            variant: The variant.
            record: What was written of it before it ran, if it was started.
        """
        if not self._is_known:
            return Prospect()
        planned = self._variants.get(variant.name)
        if planned is None:
            if variant.stage in self._open:
                return Prospect("open", (self._open[variant.stage],))
            return Prospect("would not run", tuple(self._in_its_place(variant, record)))
        if planned.state is State.CACHED:
            return Prospect("would be taken from the cache")
        what = "would run again" if variant.started else "would run"
        return Prospect(what, tuple(self._changes(planned, variant, record)))

    def _in_its_place(self, variant: VariantHistory, record: VariantRecord | None) -> list[str]:
        """Return that a variant is none any more, and what the nearest one has that it had not."""
        told = ["the pipeline, as it is written, has no such variant now"]
        of_stage = [v for v in self._variants.values() if v.stage == variant.stage and v.parts]
        if record is None or not of_stage:
            return told
        nearest = min(of_stage, key=lambda v: len(differences(record.parts, v.parts or {})))
        changes = self._changes(nearest, variant, record)
        return [*told, f"the nearest that it has is {nearest.name}:", *changes]

    def _take(self, plan: Plan) -> None:
        self._variants = {variant.name: variant for variant in plan.variants}
        for name, stage in plan.pipeline.stages.items():
            self._templates |= {(name, each.code): each.path for each in stage.templates}
        for planned in plan.stages:
            for name in plan.pipeline.descendants(planned.name) if planned.to_suggest else ():
                self._open[name] = f"the search of {planned.name} has suggestions to make"
            if planned.is_open:
                self._open[planned.name] = (
                    f"the variants of {planned.name} are known after a reduce"
                )
        self._is_known = True

    def _changes(
        self, planned: PlannedVariant, variant: VariantHistory, record: VariantRecord | None
    ) -> list[str]:
        if planned.parts is None:
            pending = [n for n in variant.lineage.values() if self._is_pending(n)]
            return [f"if {' or '.join(pending) or 'what it links to'} leaves something else"]
        if record is None:
            return ["it has not been started before"]
        code = (planned.stage, str(planned.parts["code"]))
        template = self._templates.get(code, Path(record.template))
        changes = changes_since(self._folder, record, planned.parts, template)
        changes += planned.changed
        return changes or [
            f"nothing changed, but it has not finished: it {ended_text(variant.state)}"
        ]

    def _is_pending(self, name: str) -> bool:
        planned = self._variants.get(name)
        return planned is not None and planned.state is State.PENDING


def _pipeline_file(root: Path, name: str) -> Path | None:
    """Return the file of a pipeline in a folder, preferably ``pipeline.toml``."""
    files = sorted(root.glob("*.toml"), key=lambda file: (file.name != "pipeline.toml", file.name))
    for file in files:
        try:
            table = tomllib.loads(file.read_text())
        except (OSError, ValueError):
            if file.name == "pipeline.toml":
                return file  # so that its mistake is told
            continue
        if "stages" in table and table.get("name", file.absolute().parent.name) == name:
            return file
    return None
