"""The key ``notebook`` of a stage: its templates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from nbexp.errors import suggest
from nbexp.pipeline.spaces import Grid
from nbexp.pipeline.tables._base import Context, Type
from nbexp.source.templates import Template, TemplateError, read_template, relative


def _read_templates(value: Any, where: str, context: Context) -> tuple[Template, ...]:
    """Return the templates of a stage: one, or several where the template itself varies."""
    names = _names(value)
    if not names or not all(isinstance(name, str | PurePath) for name in names):
        form, example = "the path of a notebook (or a grid of them)", "templates/train.ipynb"
        context.problems.expect(where, value, form, f'notebook = "{example}"')
        return ()
    found = [each for name in names if (each := _read_template(str(name), where, context))]
    names = [template.name for template in found]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        message = f"the grid holds {name!r} twice"
        context.problems.add(where, message, "Remove one of them.")
    return tuple(found)


def _names(value: Any) -> list[Any]:
    if isinstance(value, Mapping) and list(value) == ["grid"]:
        value = value["grid"]
    elif isinstance(value, Grid):
        value = value.values
    elif isinstance(value, str):
        value = [value]
    return list(value) if isinstance(value, list | tuple) else []


def _read_template(name: str, where: str, context: Context) -> Template | None:
    problems = context.problems
    try:
        path = (context.folder / name).resolve()
        is_folder = path.is_dir()
    except (OSError, ValueError) as error:  # it is too long, or holds a NUL
        reason = error.strerror if isinstance(error, OSError) else error
        remedy = "Check the path; it starts from the pipeline's folder."
        problems.add(where, f"{name[:80]!r} can't be a path: {reason}", remedy)
        return None
    if is_folder:
        form = "a notebook, not a folder"
        problems.expect(where, name, form, f'notebook = "{name}/train.ipynb"')
        return None
    if not path.is_file():
        message = f"there is no notebook {name!r} in {context.folder}"
        problems.add(where, message, _near(path, context.folder))
        return None
    try:
        template = read_template(path, context.folder)
    except TemplateError as error:
        remedy = "Open it in Jupyter and save it again."
        problems.add(where, f"{name!r} is no notebook: {error}", remedy)
        return None
    for broken in template.broken:
        problems.add(where, f"{name!r} can't run: syntax of {broken}", "Mend that cell.")
    return template


def _near(path: Path, folder: Path) -> str:
    places = {path.parent, folder, *(p for p in folder.glob("*/") if p.name[0] != ".")}
    known = [file for place in sorted(places) for file in sorted(place.glob("*.ipynb"))]
    near = suggest(path.stem, [file.stem for file in known])
    found = [relative(file, folder) for file in known if file.stem == near]
    if found:
        return f"Did you mean {found[0]!r}?"
    return "Check the path; it starts from the pipeline's folder."


_PATH = {"type": "string", "minLength": 1}
_PATHS = {"type": "array", "items": _PATH, "minItems": 1}

TEMPLATES = Type(
    _read_templates,
    {
        "anyOf": [
            _PATH,
            {
                "type": "object",
                "properties": {"grid": _PATHS},
                "required": ["grid"],
                "additionalProperties": False,
            },
        ]
    },
)
