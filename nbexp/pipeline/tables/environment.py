"""``[environment]``: what the kernels run in."""

from __future__ import annotations

import re
from importlib import metadata
from typing import Any

from nbexp.pipeline.spec import Environment
from nbexp.pipeline.tables._base import Context, Key, Table, Type
from nbexp.pipeline.tables._types import read_table, read_texts
from nbexp.pipeline.values import Secret, plain


def read_environment(value: Any, where: str, context: Context) -> Environment:
    """Return what the kernels run in."""
    read = ENVIRONMENT.read(read_table(value, where, context), where, context)
    variables = read["variables"]
    return Environment(
        packages=read["packages"],
        variables={k: v for k, v in variables.items() if isinstance(v, str)},
        secrets=tuple(v.name for v in variables.values() if isinstance(v, Secret)),
    )


def _read_packages(value: Any, where: str, context: Context) -> dict[str, str]:
    names = read_texts(value, where, context)
    return dict(found for name in names if (found := _read_package(name, where, context)))


def _read_package(text: str, where: str, context: Context) -> tuple[str, str] | None:
    from packaging.requirements import Requirement

    problems, remedy = context.problems, f"Install it: pip install '{text}'"
    try:
        requirement = Requirement(text)
        version = metadata.version(requirement.name)
        is_met = requirement.specifier.contains(version, prereleases=True)
    except ValueError:  # of packaging, or a version of more digits than Python reads
        problems.expect(where, text, "a package with its versions", '["torch>=2.5"]')
    except metadata.PackageNotFoundError:
        problems.add(where, f"the package {text!r} is not installed", remedy)
    else:
        if is_met:
            return requirement.name, version
        problems.add(where, f"expected {text}, got {requirement.name} {version}", remedy)
    return None


def _read_variables(value: Any, where: str, context: Context) -> dict[str, Any]:
    given = read_table(value, where, context)
    values = {key: context.read_value(each, f"{where}.{key}") for key, each in given.items()}
    for key, each in values.items():
        _check_name(key, f"{where}.{key}", context)
        is_fit = isinstance(each, Secret) or (isinstance(each, str) and "\0" not in each)
        if not is_fit or (isinstance(each, Secret) and each.name != key):
            form = f'text, or {{ secret = "{key}" }}'
            context.problems.expect(f"{where}.{key}", plain(each), form, f'{key} = "1"')
    return values


def _check_name(name: str, where: str, context: Context) -> None:
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        message = f"{name!r} can't name an environment variable"
        context.problems.add(where, message, "Use letters, digits and _.")
    if name == "PYTHONPATH" or name.startswith("NBEXP_"):
        remedy = "Leave it out." if name != "PYTHONPATH" else "Set it before the run: export …"
        context.problems.add(where, f"nbexp itself sets {name} for every kernel", remedy)


_SECRET = {"type": "object", "properties": {"secret": {"type": "string"}}, "required": ["secret"]}

ENVIRONMENT = Table(
    "[environment]",
    (
        Key(
            "packages",
            Type(_read_packages, {"type": "array", "items": {"type": "string"}}),
            'packages with their versions, such as `["torch>=2.5"]`; checked, and part of the '
            "identity with the version installed",
            default=[],
            default_text="none",
        ),
        Key(
            "variables",
            Type(
                _read_variables,
                {
                    "type": "object",
                    "additionalProperties": {"anyOf": [{"type": "string"}, _SECRET]},
                },
            ),
            "environment variables for the kernels: text, part of the identity, or "
            '`NAME = { secret = "NAME" }`, whose value is masked and no part of it',
            default={},
            default_text="none",
        ),
    ),
)
