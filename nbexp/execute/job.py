"""What goes into the execution of one notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbexp.masks import Mask
from nbexp.runs.variant_folder import VariantFolder
from nbexp.urls import passwords_in


@dataclass(frozen=True)
class MetricReport:
    """A value of the stage's metric, on which the notebook waits for an answer.

    Attributes:
        variant: Name of the variant.
        step: The step, such as an epoch.
        value: The value.
        number: Counts the reports of a worker; the decision on it has it too.
    """

    variant: str
    step: int
    value: float
    number: int = 0


@dataclass(frozen=True)
class Job:
    """One notebook to execute.

    Attributes:
        variant: Name of the variant, such as ``train-3f9a2c``.
        template: Absolute path of the notebook.
        folder: Absolute path of the variant's folder, which exists.
        parameters: Values for the notebook's parameters; JSON values.
        key: Identity of the variant; written into its result.
        kernel: Name of the kernel, or None for the template's own.
        environment: Environment variables for the kernel, over those of the worker.
        secrets: Environment variables whose values are masked in all that is written.
        withheld: Secrets of other stages: kept from the kernel, and masked all the same.
        timeout_s: Seconds after which the execution is ended, or None.
        source: The file to execute in the place of the template, such as a copy of it as it was.
        pruned_key: Identity of what is left if the notebook is stopped early.
        metric: Name of the metric of its stage.
        is_steered: Whether reports of the metric wait for an answer.
        history: What happened to the variant in its earlier executions, oldest first.
        warm: Whether the kernel may be forked from a process that has its imports done.
        imports: What the notebook imports at its top level, by dotted name.
        project: Folder of the pipeline; None for the template's.
        observe: Whether what the notebook uses is recorded.
        cwd: The folder that the kernel starts in; None for the template's.
        mirrored: A folder above the template's whose files are laid out in the variant's folder,
            so that the kernel starts among copies of its own; None for none.
    """

    variant: str
    template: Path
    folder: Path
    parameters: Mapping[str, Any]
    key: str = ""
    kernel: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    withheld: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float | None = None
    source: Path | None = None
    pruned_key: str = ""
    metric: str | None = None
    is_steered: bool = False
    history: tuple[Mapping[str, Any], ...] = ()
    warm: bool = True
    imports: tuple[str, ...] = ()
    project: Path | None = None
    observe: bool = True
    cwd: Path | None = None
    mirrored: Path | None = None

    @property
    def files(self) -> VariantFolder:
        """All paths of the variant's folder."""
        return VariantFolder(self.folder)

    def mask(self) -> Mask:
        """Return what hides its secrets, its stage's own and those of others."""
        secrets = (*self.secrets.values(), *self.withheld.values())
        return Mask([*secrets, *passwords_in(self.environment)])
