"""The text of a pipeline file: TOML, values set from outside, and the environment's variables."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nbexp.errors import PipelineError, Problem, did_you_mean
from nbexp.pipeline.problems import Problems
from nbexp.pipeline.spaces import KINDS
from nbexp.pipeline.values import MAX_DEPTH, excess, native, place

_SHOWN = 80  # characters of a setting whose value is very long
_VARIABLE = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
_VARIABLE_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_FLATTEN = f"At most {MAX_DEPTH} lists and tables may lie in each other; read more from a file."
_SHORTEN = "Write a number of at most some 4,000 digits."
_BARE_WORD = re.compile(r"[A-Za-z@./][\w@./:*\[\]-]*")


def read_toml(path: Path) -> dict[str, Any]:
    """Read a pipeline file as plain tables.

    Raises:
        PipelineError: The file can't be read or is no TOML.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        near = sorted(p.name for p in path.parent.glob("*.toml")) if path.parent.is_dir() else []
        seen = f"In {path.parent} there is: {', '.join(near)}." if near else "Check the path."
        problem = Problem(str(path), "there is no such file", f"{seen} nbexp init makes a start.")
    except IsADirectoryError:
        near = sorted(str(p) for p in path.glob("*.toml"))
        remedy = f"Try {' or '.join(near)}." if near else "nbexp init makes a start."
        problem = Problem(str(path), "expected a pipeline file, got a folder", remedy)
    except UnicodeDecodeError as error:
        problem = Problem(str(path), f"expected UTF-8 text ({error})", "Save the file as UTF-8.")
    except tomllib.TOMLDecodeError as error:
        if path.suffix == ".ipynb":
            remedy = 'Name the pipeline; in it a stage names the notebook: notebook = "…".'
            problem = Problem(str(path), "expected a pipeline file, got a notebook", remedy)
            raise PipelineError([problem]) from None
        remedy = "Mend the file there, or above: a bracket or quote may never have been closed."
        problem = Problem(str(path), f"TOML syntax: {error}", remedy)
    except RecursionError:
        problem = Problem(str(path), "its values are nested too deeply", _FLATTEN)
    except OSError as error:
        problem = Problem(str(path), f"can't be read ({error})", "Check its permissions.")
    except ValueError as error:  # an integer of thousands of digits, a NUL in the path
        problem = Problem(str(path), f"can't be read: {error}", _SHORTEN)
    raise PipelineError([problem])


def apply_settings(
    tables: Mapping[str, Any], settings: Iterable[str], problems: Problems
) -> dict[str, Any]:
    """Return the tables with ``stage.param=VALUE`` settings laid over them.

    Raises:
        PipelineError: A value is nested too deeply, or too long a number, to be looked at.
    """
    _check_extent(tables, "", problems)
    changed: dict[str, Any] = native(tables)
    for setting in settings:
        name, equals, text = setting.partition("=")
        target, *path = name.strip().split(".")
        where = f"--set {setting}"
        if not equals or not path or not all(path):
            problems.add(where, "expected stage.param=VALUE", "Write, say: --set train.lr=0.1")
            continue
        value = _setting_value(text, where, problems)
        for params in _setting_targets(changed, target, path[0], where, problems):
            _put(params, path, value)
    _check_extent(changed, "--set", problems)
    stages = tables.get("stages")
    for name in stages if isinstance(stages, dict) else ():
        if _is_drawn(tables, name) and not _is_drawn(changed, name):
            del changed["stages"][name]["search"]  # nothing is left to draw or to search
    return changed


def _check_extent(tables: Mapping[str, Any], where: str, problems: Problems) -> None:
    for path, wrong in excess(tables):
        remedy = _SHORTEN if "digits" in wrong else _FLATTEN
        problems.add(f"{where} {place(path)}".strip(), wrong, remedy)
        problems.raise_any()


def _setting_value(text: str, where: str, problems: Problems) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except RecursionError:
        problems.add(_cut(where), "the value is nested too deeply", _FLATTEN)
        return None
    except tomllib.TOMLDecodeError:
        if _BARE_WORD.fullmatch(text.strip()):
            return text.strip()
        remedy = "Quote text ('\"so\"'), and close every bracket."
        problems.add(where, f"expected a TOML value, got {text!r}", remedy)
        return None
    except ValueError as error:  # an integer of thousands of digits
        problems.add(_cut(where), f"the value can't be read: {error}", _SHORTEN)
        return None


def _cut(where: str) -> str:
    return where if len(where) <= _SHOWN else f"{where[:_SHOWN]}…"


def _setting_targets(
    tables: dict[str, Any], target: str, key: str, where: str, problems: Problems
) -> list[dict[str, Any]]:
    if target == "params":
        shared = tables.setdefault("params", {})
        return [shared] if isinstance(shared, dict) else []
    stages = tables.get("stages", {})
    stage = stages.get(target) if isinstance(stages, dict) else None
    if not isinstance(stage, dict):
        known = ["params", *(stages if isinstance(stages, dict) else [])]
        problems.add(where, f"there is no stage {target!r}", did_you_mean(target, known))
        return []
    cases, params = stage.get("variants"), stage.setdefault("params", {})
    fixed = cases if isinstance(cases, list) else []
    tables_of_it = [params, *(case for case in fixed if isinstance(case, dict) and key in case)]
    return [table for table in tables_of_it if isinstance(table, dict)]  # others are told later


def _is_drawn(tables: Mapping[str, Any], name: str) -> bool:
    """Whether values of a stage come from distributions, by the rules of its ``search``."""
    stages = tables.get("stages")
    stage = stages.get(name) if isinstance(stages, dict) else None
    if not isinstance(stage, dict) or "search" not in stage:
        return False
    return _holds_distribution([stage.get("params"), stage.get("variants")])


def _holds_distribution(value: Any) -> bool:
    if isinstance(value, dict):
        key, inner = next(iter(value.items()), ("", None))
        is_space = len(value) == 1 and key in KINDS and isinstance(inner, list)
        return is_space or any(map(_holds_distribution, value.values()))
    return isinstance(value, list) and any(map(_holds_distribution, value))


def _put(params: dict[str, Any], path: list[str], value: Any) -> None:
    *folders, last = path
    for folder in folders:
        inner = params.get(folder)
        params[folder] = inner if isinstance(inner, dict) else {}
        params = params[folder]
    params[last] = value


def apply_environment(
    value: Any, environment: Mapping[str, str], problems: Problems, where: str = ""
) -> Any:
    """Return a copy with ``${NAME}`` replaced by the environment's; ``$${`` stands for ``${``."""
    if isinstance(value, dict):
        return {
            key: apply_environment(item, environment, problems, f"{where}.{key}".lstrip("."))
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [
            apply_environment(item, environment, problems, f"{where}[{index}]")
            for index, item in enumerate(value)
        ]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return "${"
        if not match[0].endswith("}") or not _VARIABLE_NAME.fullmatch(name):
            remedy = f"Write ${{NAME}}, or $${match[0][1:]} for the text itself."
            problems.add(where, f"expected the name of a variable, got {match[0]!r}", remedy)
        elif name not in environment:
            problems.add(
                where,
                f"the environment variable {name!r} is not set",
                f"Set it: export {name}=… (or write $${{{name}}} for the text itself).",
            )
        return environment.get(name, "")

    return _VARIABLE.sub(variable, value)
