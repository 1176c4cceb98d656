"""From plain tables to a checked pipeline; every mistake is noted, and all are told at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from nbexp.errors import did_you_mean
from nbexp.pipeline import settings
from nbexp.pipeline.check import check_stages, ordered
from nbexp.pipeline.params import ParamReader
from nbexp.pipeline.problems import Problems
from nbexp.pipeline.spec import Environment, Pipeline, Stage, Tracking
from nbexp.pipeline.templates import Template, TemplateError, read_template
from nbexp.pipeline.toml import apply_environment, apply_settings, read_toml
from nbexp.pipeline.values import Secret, leaves, plain

TOP_KEYS = ("name", "seed", "params", "defaults", "stages", "tracking", "environment")
DEFAULT_KEYS = ("metric", "mode", "resources", "timeout", "retries", "kernel", "inputs")
STAGE_KEYS = (
    "notebook", "params", "variants", "metric", "mode", "reduce", "search",
    "resources", "timeout", "retries", "after", "inputs", "kernel",
)  # fmt: skip
TRACKING_KEYS = ("uri", "experiment")
ENVIRONMENT_KEYS = ("packages", "variables")
_NAME = re.compile(r"[A-Za-z_][\w-]*")


def read_pipeline(path: Path, *, sets: tuple[str, ...] = ()) -> Pipeline:
    """Read and check a pipeline file.

    Args:
        path: The TOML file.
        sets: Values to lay over it, each as ``stage.param=VALUE`` with a TOML value.

    Raises:
        PipelineError: There are mistakes; it holds all of them.
    """
    path = path.absolute()
    return build_pipeline(read_toml(path), folder=path.parent, file=path, sets=sets)


def build_pipeline(
    tables: Mapping[str, Any],
    *,
    folder: Path,
    file: Path | None = None,
    sets: tuple[str, ...] = (),
) -> Pipeline:
    """Check plain tables of the pipeline format, and return the pipeline.

    Args:
        tables: The tables, as TOML gives them.
        folder: Folder that relative paths start from.
        file: The file they come from, if any.
        sets: Values to lay over them, each as ``stage.param=VALUE``.

    Raises:
        PipelineError: There are mistakes; it holds all of them.
    """
    problems = Problems(file.name if file else "pipeline")
    raw = apply_settings(tables, sets, problems)
    raw = apply_environment(raw, os.environ, problems)
    pipeline = _Reader(raw, folder.absolute(), file, problems).pipeline()
    problems.raise_any()
    return pipeline


@dataclass
class _Reader:
    raw: dict[str, Any]
    folder: Path
    file: Path | None
    problems: Problems

    def pipeline(self) -> Pipeline:
        settings.check_keys(self.raw, TOP_KEYS, "", self.problems)
        shared = self._shared()
        self.params = ParamReader(shared, os.environ, self.problems)
        stages = {stage.name: stage for stage in self._stages()}
        check_stages(stages, self.problems)
        default = self.folder.name if self.file is None else self.file.parent.name
        seed = settings.read_count(self.raw.get("seed", 0), "seed", self.problems, least=0)
        return Pipeline(
            name=settings.read_text(self.raw.get("name"), "name", self.problems) or default,
            folder=self.folder,
            stages=ordered(stages),
            seed=seed or 0,
            file=self.file,
            environment=self._environment(),
            tracking=self._tracking(),
            source=plain(self.raw),
        )

    def _shared(self) -> dict[str, Any]:
        table = settings.read_table(self.raw.get("params", {}), "params", self.problems)
        read = ParamReader({}, os.environ, self.problems).read
        values = {key: read(value, f"params.{key}") for key, value in table.items()}
        for key, value in values.items():
            if any(leaf != plain(leaf) for _, leaf in leaves(value, object)):
                remedy = "Write the link, secret or search space in the stage that uses it."
                self.problems.add(f"params.{key}", "expected a plain value", remedy)
        return values

    def _stages(self) -> list[Stage]:
        defaults = settings.read_table(self.raw.get("defaults", {}), "defaults", self.problems)
        settings.check_keys(defaults, DEFAULT_KEYS, "defaults", self.problems)
        tables = settings.read_table(self.raw.get("stages", {}), "stages", self.problems)
        if not tables:
            remedy = 'Add one: [stages.NAME] with notebook = "…". nbexp init shows how.'
            self.problems.add("stages", "expected at least one stage", remedy)
        return [self._stage(str(name), table, defaults) for name, table in tables.items()]

    def _stage(self, name: str, value: Any, defaults: Mapping[str, Any]) -> Stage:
        where, problems = f"stages.{name}", self.problems
        own = settings.read_table(value, where, problems)
        settings.check_keys(own, STAGE_KEYS, where, problems)
        if not _NAME.fullmatch(name) or name == "params":
            remedy = "Use letters, digits, _ and -, starting with a letter; 'params' is taken."
            problems.add(where, f"{name!r} can't name a stage", remedy)
        table = {**defaults, **own}
        keep = settings.read_keep(table.get("reduce"), f"{where}.reduce", problems)
        return Stage(
            name=name,
            templates=self._templates(table.get("notebook"), f"{where}.notebook"),
            params=self._params(table.get("params", {}), f"{where}.params"),
            cases=self._cases(table.get("variants"), f"{where}.variants"),
            metric=settings.read_text(table.get("metric"), f"{where}.metric", problems),
            mode=settings.read_mode(table.get("mode", "max"), f"{where}.mode", problems),
            keep=keep,
            search=settings.read_search(table.get("search", {}), f"{where}.search", problems),
            resources=settings.read_resources(
                table.get("resources", {}), f"{where}.resources", problems
            ),
            timeout_s=settings.read_seconds(table.get("timeout"), f"{where}.timeout", problems),
            retries=settings.read_count(
                table.get("retries", 0), f"{where}.retries", problems, least=0
            )
            or 0,
            after=settings.read_texts(table.get("after", []), f"{where}.after", problems),
            inputs=self._inputs(table.get("inputs", []), f"{where}.inputs"),
            kernel=settings.read_text(table.get("kernel"), f"{where}.kernel", problems),
        )

    def _templates(self, value: Any, where: str) -> tuple[Template, ...]:
        names = value
        if isinstance(value, Mapping) and list(value) == ["grid"]:
            names = value["grid"]
        elif isinstance(value, str):
            names = [value]
        is_list = isinstance(names, list | tuple)
        if not is_list or not names or not all(isinstance(n, str) for n in names):
            self.problems.expect(
                where, value, "the path of a notebook (or a grid of them)",
                'notebook = "templates/train.ipynb"',
            )  # fmt: skip
            return ()
        found = [self._template(name, where) for name in names]
        return tuple(template for template in found if template is not None)

    def _template(self, name: str, where: str) -> Template | None:
        path = (self.folder / name).resolve()
        if not path.is_file():
            near = [p.name for p in path.parent.glob("*.ipynb")] if path.parent.is_dir() else []
            remedy = did_you_mean(path.name, sorted(near)) if near else "Check the path."
            self.problems.add(where, f"there is no notebook {name!r} in {self.folder}", remedy)
            return None
        try:
            return read_template(path, (self.folder,))
        except TemplateError as error:
            remedy = "Open it in Jupyter and save it again."
            self.problems.add(where, f"{name!r} is no notebook: {error}", remedy)
            return None

    def _params(self, value: Any, where: str) -> dict[str, Any]:
        table = settings.read_table(value, where, self.problems)
        for key in table:
            if not str(key).isidentifier():
                remedy = "Use letters, digits and _, as for a variable."
                self.problems.add(f"{where}.{key}", f"{key!r} can't name a parameter", remedy)
        return {str(key): self.params.read(item, f"{where}.{key}") for key, item in table.items()}

    def _cases(self, value: Any, where: str) -> tuple[dict[str, Any], ...]:
        if value is None:
            return ()
        if isinstance(value, list | tuple) and value and all(isinstance(c, Mapping) for c in value):
            return tuple(self._params(case, f"{where}[{i}]") for i, case in enumerate(value))
        self.problems.expect(where, value, "a list of tables", "variants = [{ lr = 0.1 }]")
        return ()

    def _inputs(self, value: Any, where: str) -> tuple[Path, ...]:
        names = settings.read_texts(value, where, self.problems)
        paths = [(self.folder / name).absolute() for name in names]
        for name, path in zip(names, paths, strict=True):
            if not path.exists():
                remedy = "Check the path; it starts from the pipeline's folder."
                self.problems.add(where, f"there is no file or folder {name!r}", remedy)
        return tuple(paths)

    def _tracking(self) -> Tracking:
        table = settings.read_table(self.raw.get("tracking", {}), "tracking", self.problems)
        settings.check_keys(table, TRACKING_KEYS, "tracking", self.problems)
        texts = {
            key: settings.read_text(table.get(key), f"tracking.{key}", self.problems)
            for key in TRACKING_KEYS
        }
        return Tracking(**texts)

    def _environment(self) -> Environment:
        where = "environment"
        table = settings.read_table(self.raw.get(where, {}), where, self.problems)
        settings.check_keys(table, ENVIRONMENT_KEYS, where, self.problems)
        names = settings.read_texts(table.get("packages", []), f"{where}.packages", self.problems)
        packages = [self._package(name, f"{where}.packages") for name in names]
        given = settings.read_table(table.get("variables", {}), f"{where}.variables", self.problems)
        values = {k: self.params.read(v, f"{where}.variables.{k}") for k, v in given.items()}
        for key, value in values.items():
            is_fit = isinstance(value, str | Secret)
            if not is_fit or (isinstance(value, Secret) and value.name != key):
                form = f'text, or {{ secret = "{key}" }}'
                self.problems.expect(f"{where}.variables.{key}", plain(value), form, f'{key} = "1"')
        return Environment(
            packages=dict(package for package in packages if package),
            variables={k: v for k, v in values.items() if isinstance(v, str)},
            secrets=tuple(v.name for v in values.values() if isinstance(v, Secret)),
        )

    def _package(self, text: str, where: str) -> tuple[str, str] | None:
        from packaging.requirements import InvalidRequirement, Requirement

        try:
            requirement = Requirement(text)
            version = metadata.version(requirement.name)
        except InvalidRequirement:
            self.problems.expect(where, text, "a package with its versions", '["torch>=2.5"]')
        except metadata.PackageNotFoundError:
            remedy = f"Install it: pip install '{text}'"
            self.problems.add(where, f"the package {text!r} is not installed", remedy)
        else:
            if requirement.specifier.contains(version, prereleases=True):
                return requirement.name, version
            remedy = f"Install it: pip install '{text}'"
            self.problems.add(where, f"expected {text}, got {requirement.name} {version}", remedy)
        return None
