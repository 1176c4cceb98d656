"""From plain tables to a checked pipeline; every mistake is noted, and all are told at once."""

from __future__ import annotations

import keyword
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePath
from typing import Any, TypeVar

from nbexp.errors import suggest
from nbexp.pipeline import settings
from nbexp.pipeline.check import check_stages, ordered
from nbexp.pipeline.links import Link
from nbexp.pipeline.params import ParamReader
from nbexp.pipeline.problems import Problems
from nbexp.pipeline.settings import STAGE_KEYS
from nbexp.pipeline.spaces import Distribution, Grid
from nbexp.pipeline.spec import TEMPLATE, Environment, Pipeline, Stage, Tracking
from nbexp.pipeline.templates import Template, TemplateError, read_template, relative
from nbexp.pipeline.toml import apply_environment, apply_settings, read_toml
from nbexp.pipeline.values import Secret, leaves, plain

TOP_KEYS = (
    "name", "task", "seed", "params", "defaults", "stages", "tracking", "environment", "report",
)  # fmt: skip
DEFAULT_KEYS = (
    "metric", "mode", "resources", "timeout", "retries", "kernel", "warm", "observe", "inputs",
    "cwd",
)  # fmt: skip
TRACKING_KEYS = ("uri", "experiment")
ENVIRONMENT_KEYS = ("packages", "variables")
_NAME = re.compile(r"[A-Za-z_][\w-]{0,99}")
T = TypeVar("T")


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
    reader = _Reader(raw, folder.absolute(), file, problems)
    pipeline = reader.pipeline()
    _check_sets(sets, reader.params, problems)
    problems.raise_any()
    return pipeline


def _check_sets(sets: Iterable[str], params: ParamReader, problems: Problems) -> None:
    """Note values for pipeline-wide parameters that no stage links to."""
    for setting in sets:
        target, _, name = setting.partition("=")[0].strip().partition(".")
        key = name.partition(".")[0]
        if target == "params" and key not in params.used:
            near = suggest(key, params.used)
            remedy = f"Did you mean {near!r}?" if near else f"Link to it, as @params.{key}."
            problems.add(f"--set {setting}", f"no stage links to @params.{key}", remedy)


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
            task=settings.read_text(self.raw.get("task"), "task", self.problems),
            folder=self.folder,
            stages=ordered(stages),
            seed=seed or 0,
            file=self.file,
            environment=self._environment(),
            tracking=self._tracking(),
            report=settings.read_flag(self.raw.get("report", False), "report", self.problems),
            source=plain(self.raw),
        )

    def _shared(self) -> dict[str, Any]:
        table = settings.read_table(self.raw.get("params", {}), "params", self.problems)
        read = ParamReader({}, os.environ, self.problems).read
        values = {key: read(value, f"params.{key}") for key, value in table.items()}
        for key, value in values.items():
            if leaves(value, Link | Secret | Grid | Distribution):
                remedy = "Write the link, secret or search space in the stage that uses it."
                self.problems.add(f"params.{key}", "expected a plain value", remedy)
        return values

    def _stages(self) -> list[Stage]:
        defaults = settings.read_table(self.raw.get("defaults", {}), "defaults", self.problems)
        settings.check_keys(defaults, DEFAULT_KEYS, "defaults", self.problems)
        defaults = {key: value for key, value in defaults.items() if key in DEFAULT_KEYS}
        given = self.raw.get("stages", {})
        tables = settings.read_table(given, "stages", self.problems)
        if not given:
            remedy = 'Add one: [stages.NAME] with notebook = "…". nbexp init shows how.'
            self.problems.add("stages", "expected at least one stage", remedy)
        return [self._stage(str(name), table, defaults) for name, table in tables.items()]

    def _stage(self, name: str, value: Any, defaults: Mapping[str, Any]) -> Stage:
        where, problems = f"stages.{name}", self.problems
        own = settings.read_table(value, where, problems)
        settings.check_keys(own, STAGE_KEYS, where, problems)
        if not _NAME.fullmatch(name) or name == "params":
            remedy = "Use up to 100 letters, digits, _ and -, starting with a letter or _;"
            problems.add(where, f"{name!r} can't name a stage", f"{remedy} 'params' is taken.")
        table = {**defaults, **own}

        def setting(key: str, read: Callable[..., T], default: Any = None, **more: Any) -> T:
            place = f"{where}.{key}" if key in own or key not in defaults else f"defaults.{key}"
            return read(table.get(key, default), place, problems, **more)

        keep, score = setting("reduce", settings.read_reduce)
        return Stage(
            name=name,
            templates=self._templates(own.get("notebook"), f"{where}.notebook")
            if isinstance(value, Mapping)
            else (),
            params=self._params(own.get("params", {}), f"{where}.params"),
            cases=self._cases(own.get("variants"), f"{where}.variants"),
            metric=setting("metric", settings.read_text),
            mode=setting("mode", settings.read_mode, "max"),
            keep=keep,
            score=score,
            search=setting("search", settings.read_search, {}, read_value=self.params.read),
            scheduler=setting("scheduler", settings.read_scheduler, read_value=self.params.read),
            resources=setting("resources", settings.read_resources, {}),
            timeout_s=setting("timeout", settings.read_seconds),
            retries=setting("retries", settings.read_count, 0, least=0) or 0,
            after=setting("after", settings.read_texts, []),
            inputs=setting("inputs", self._inputs, []),
            kernel=setting("kernel", settings.read_text),
            warm=setting("warm", settings.read_flag, True),
            observe=setting("observe", settings.read_flag, True),
            cwd=setting("cwd", settings.read_cwd, TEMPLATE, folder=self.folder),
        )

    def _templates(self, value: Any, where: str) -> tuple[Template, ...]:
        names = value
        if isinstance(value, Mapping) and list(value) == ["grid"]:
            names = value["grid"]
        elif isinstance(value, Grid):
            names = value.values
        elif isinstance(value, str):
            names = [value]
        is_list = isinstance(names, list | tuple)
        if not is_list or not names or not all(isinstance(n, str | PurePath) for n in names):
            self.problems.expect(
                where, value, "the path of a notebook (or a grid of them)",
                'notebook = "templates/train.ipynb"',
            )  # fmt: skip
            return ()
        found = [template for name in names if (template := self._template(str(name), where))]
        names = [template.name for template in found]
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            self.problems.add(where, f"the grid holds {name!r} twice", "Remove one of them.")
        return tuple(found)

    def _template(self, name: str, where: str) -> Template | None:
        try:
            path = (self.folder / name).resolve()
            is_folder = path.is_dir()
        except (OSError, ValueError) as error:  # it is too long, or holds a NUL
            reason = error.strerror if isinstance(error, OSError) else error
            remedy = "Check the path; it starts from the pipeline's folder."
            self.problems.add(where, f"{name[:80]!r} can't be a path: {reason}", remedy)
            return None
        if is_folder:
            self.problems.expect(
                where, name, "a notebook, not a folder", f'notebook = "{name}/train.ipynb"'
            )
            return None
        if not path.is_file():
            message = f"there is no notebook {name!r} in {self.folder}"
            self.problems.add(where, message, self._near(path))
            return None
        try:
            template = read_template(path, self.folder)
        except TemplateError as error:
            remedy = "Open it in Jupyter and save it again."
            self.problems.add(where, f"{name!r} is no notebook: {error}", remedy)
            return None
        for broken in template.broken:
            self.problems.add(where, f"{name!r} can't run: syntax of {broken}", "Mend that cell.")
        return template

    def _near(self, path: Path) -> str:
        places = {
            path.parent,
            self.folder,
            *(p for p in self.folder.glob("*/") if p.name[0] != "."),
        }
        known = [file for place in sorted(places) for file in sorted(place.glob("*.ipynb"))]
        near = suggest(path.stem, [file.stem for file in known])
        found = [relative(file, self.folder) for file in known if file.stem == near]
        if found:
            return f"Did you mean {found[0]!r}?"
        return "Check the path; it starts from the pipeline's folder."

    def _params(self, value: Any, where: str) -> dict[str, Any]:
        table = settings.read_table(value, where, self.problems)
        names = {
            key for key in table if str(key).isidentifier() and not keyword.iskeyword(str(key))
        }
        for key in table.keys() - names:
            remedy = "Use letters, digits and _, as for a variable."
            self.problems.add(f"{where}.{key}", f"{key!r} can't name a parameter", remedy)
        return {k: self.params.read(v, f"{where}.{k}") for k, v in table.items() if k in names}

    def _cases(self, value: Any, where: str) -> tuple[dict[str, Any], ...]:
        if value is None:
            return ()
        if not _is_list_of(value, Mapping) or not value:
            self.problems.expect(where, value, "a list of tables", "variants = [{ lr = 0.1 }]")
            return ()
        for i, case in enumerate(value):
            if repr(case) in map(repr, value[:i]):
                message = "this case stands in the list twice"
                self.problems.add(f"{where}[{i}]", message, "Remove one of them.")
        return tuple(self._params(case, f"{where}[{i}]") for i, case in enumerate(value))

    def _inputs(self, value: Any, where: str, problems: Problems) -> tuple[Path, ...]:
        names = settings.read_texts(value, where, problems)
        paths = [(self.folder / name).absolute() for name in names]
        for name, path in zip(names, paths, strict=True):
            if not path.exists():
                remedy = "Check the path; it starts from the pipeline's folder."
                problems.add(where, f"there is no file or folder {name!r}", remedy)
            elif (self.folder / "runs").is_relative_to(path.resolve()):
                remedy = "Name the files and folders in it that the stage reads."
                problems.add(where, f"{name!r} holds the runs, which change with each run", remedy)
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
            self._check_variable(key, f"{where}.variables.{key}")
            is_fit = isinstance(value, Secret) or (isinstance(value, str) and "\0" not in value)
            if not is_fit or (isinstance(value, Secret) and value.name != key):
                form = f'text, or {{ secret = "{key}" }}'
                self.problems.expect(f"{where}.variables.{key}", plain(value), form, f'{key} = "1"')
        return Environment(
            packages=dict(package for package in packages if package),
            variables={k: v for k, v in values.items() if isinstance(v, str)},
            secrets=tuple(v.name for v in values.values() if isinstance(v, Secret)),
        )

    def _check_variable(self, name: str, where: str) -> None:
        if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            remedy = "Use letters, digits and _."
            self.problems.add(where, f"{name!r} can't name an environment variable", remedy)
        if name == "PYTHONPATH" or name.startswith("NBEXP_"):
            remedy = "Leave it out." if name != "PYTHONPATH" else "Set it before the run: export …"
            self.problems.add(where, f"nbexp itself sets {name} for every kernel", remedy)

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


def _is_list_of(value: Any, kind: type) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, kind) for item in value)
