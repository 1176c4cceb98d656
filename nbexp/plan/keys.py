"""Identity of a variant: one key for cache, resume and history, and what it is made of."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from nbexp.files import canonical_json, digest, file_digest, read_bytes
from nbexp.pipeline import TEMPLATE, Pipeline, Stage
from nbexp.pipeline.values import plain
from nbexp.plan.variants import Variant


def identity(
    pipeline: Pipeline,
    variant: Variant,
    params: Mapping[str, Any],
    content_of: Callable[[Path], str] = file_digest,
) -> dict[str, Any]:
    """Return the parts that make up a variant's identity; their hash is its key.

    Args:
        pipeline: The pipeline.
        variant: The variant.
        params: Its parameters, with content hashes in the place of artifacts and notebooks.
        content_of: Gives the content hash of an input file or folder.
    """
    stage, template = pipeline.stages[variant.stage], variant.option.template
    scheduler = stage.scheduler
    alters = scheduler is not None and scheduler.alters
    return {
        "code": template.code,
        "folder": _relative(template.path.parent, pipeline.folder),
        "modules": dict(template.modules),
        "params": dict(params),
        "inputs": {_relative(path, pipeline.folder): content_of(path) for path in stage.inputs},
        "kernel": stage.kernel or template.kernel,
        "packages": dict(pipeline.environment.packages),
        "variables": dict(pipeline.environment.variables),
        **({"scheduler": _rules(stage, pipeline.seed)} if alters else {}),
        **({"cwd": stage.cwd} if stage.cwd != TEMPLATE else {}),
    }


def pruned_key(key: str, stage: Stage) -> str:
    """Return the identity of what a variant leaves if its scheduler stops it early.

    It holds where the same rules apply, but is not what a full execution gives.

    Args:
        key: Identity of the variant.
        stage: Its stage.
    """
    return digest([key, "pruned", _rules(stage)]) if stage.scheduler is not None else ""


def _rules(stage: Stage, *more: int) -> list[Any]:
    scheduler = stage.scheduler
    options = [] if scheduler is None else [scheduler.type, plain(dict(scheduler.options))]
    return [*options, stage.metric, stage.mode.value, *more]


def key_of(parts: Mapping[str, Any]) -> str:
    """Return the key that identity parts make, as 64 hexadecimal digits."""
    return digest(dict(parts))


@lru_cache(maxsize=10_000)
def notebook_digest(path: Path) -> str:
    """Return the content hash of an executed notebook: sources and outputs, but no times."""
    cells = json.loads(read_bytes(path))["cells"]
    return digest([[c["cell_type"], c["source"], _outputs(c)] for c in cells])


def _outputs(cell: Mapping[str, Any]) -> list[Any]:
    return [
        {key: value for key, value in output.items() if key not in ("metadata", "execution_count")}
        for output in cell.get("outputs", [])
    ]


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


CODE_CHANGED = "the template's code cells changed"


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return which parts differ between two identities, one sentence each."""
    found = []
    for part in {**new, **old}:
        before, after = (parts.get(part, _LEFT_OUT.get(part)) for parts in (old, new))
        if isinstance(before, dict) and isinstance(after, dict):
            found += [_change(part, key, before, after) for key in _changed(before, after)]
        elif before == after:
            continue
        elif part == "code":
            found.append(CODE_CHANGED)
        elif part == "folder" and before is None:
            continue  # a version before did not know of it
        elif part == "folder":
            found.append(f"the template lies in folder {after}, not in {before}")
        else:
            found.append(f"{part} changed from {before} to {after}")
    return found


_LEFT_OUT = {"cwd": TEMPLATE}  # what a part is that identities leave out where it is usual
_PART_NAMES = {
    "params": "parameter",
    "modules": "local module",
    "inputs": "input file",
    "packages": "package",
    "variables": "environment variable",
}


def _changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [key for key in {**before, **after} if _text(before, key) != _text(after, key)]


def _text(table: dict[str, Any], key: str) -> str | None:
    # As the key takes it: 1 and 1.0 differ, and NaN equals NaN.
    return canonical_json(table[key]) if key in table else None


def _change(part: str, key: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    what = f"{_PART_NAMES.get(part, part)} {key}"
    if key not in before:
        return f"{what} is new"
    if key not in after:
        return f"{what} is gone"
    if part in ("modules", "inputs") or _is_content(before[key]) or _is_content(after[key]):
        return f"the content of {what} changed"
    return f"{what} changed from {before[key]!r} to {after[key]!r}"


def hashed(value: Any, content: Any) -> Any:
    """Return a value of a parameter with the hashes that stand for artifacts and notebooks in it.

    Args:
        value: As the notebook gets it.
        content: As the identity takes it.
    """
    if _is_content(content):
        return content
    if isinstance(value, dict) and isinstance(content, dict):
        return {key: hashed(item, content.get(key)) for key, item in value.items()}
    if isinstance(value, list) and isinstance(content, list) and len(value) == len(content):
        return [hashed(*pair) for pair in zip(value, content, strict=True)]
    return value


def _is_content(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"$content"}
