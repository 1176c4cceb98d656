"""Python source of notebooks, read without running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_MAGIC = re.compile(
    r"^(?P<indent>\s*)(?P<assign>[\w.,\[\]][\w.,\s\[\]]*=\s*)?"
    r"(?P<magic>[%!].*|\?{1,2}[\w.*]+\s*|%{0,2}[\w.*]+\?{1,2}\s*)$"
)
_RUN = re.compile(r"%run\s+(?:-\w+\s+)*(?P<file>\S+)")
_TIMED = re.compile(r"%(?:time|timeit|prun|memit)\s+(?:-\w+\s*\d*\s+)*(?P<code>.*)")
_OTHER_LANGUAGES = (
    "bash", "sh", "script", "system", "cmd", "html", "HTML", "javascript", "js", "latex",
    "markdown", "svg", "SVG", "perl", "ruby", "writefile", "file", "sql",
)  # fmt: skip
# Functions whose first argument names what they leave, by module.
_EMITTERS = {
    "nbexp": {"glue", "save"},
    "nbexp.notebook": {"glue", "save"},
    "scrapbook": {"glue"},
    "papermill": {"record"},
}
_LOGGERS = {"nbexp": {"log"}, "nbexp.notebook": {"log"}}
_TRACKERS = {"mlflow": {"log_metric", "log_metrics"}}
# What else of MLflow logs no metric.
_SILENT = {
    "active_run", "create_experiment", "delete_tag", "end_run", "get_artifact_uri",
    "get_experiment", "get_experiment_by_name", "get_run", "get_tracking_uri", "last_active_run",
    "log_artifact", "log_artifacts", "log_dict", "log_figure", "log_image", "log_input",
    "log_param", "log_params", "log_table", "log_text", "search_experiments", "search_runs",
    "set_experiment", "set_experiment_tag", "set_experiment_tags", "set_tag", "set_tags",
    "set_tracking_uri", "start_run",
}  # fmt: skip
# What logs to MLflow of itself, where that is installed or asked for.
_TRACKED = {
    "accelerate", "lightning", "optuna", "pytorch_lightning", "sentence_transformers", "setfit",
    "transformers", "ultralytics",
}  # fmt: skip
# What Python's parser raises; the last two for source that is nested too deeply.
UNPARSED = (SyntaxError, ValueError, MemoryError, RecursionError)
_LARGEST = 200_000  # characters of a cell; IPython takes seconds for more
_RUNS_OTHER_CODE = {"exec", "eval", "get_ipython", "runpy"}


@dataclass(frozen=True)
class Named:
    """Names that source gives to what it leaves.

    Attributes:
        names: Names written out in the source.
        is_open: Whether there may be others, such as names that are computed.
    """

    names: frozenset[str]
    is_open: bool


def parse_cell(text: str) -> ast.Module | None:
    """Return the syntax tree of a cell, magics aside, or None where it can't be parsed."""
    if text.lstrip().startswith("%%"):
        first, _, text = text.lstrip().partition("\n")
        if first[2:].split(maxsplit=1)[:1] in [[language] for language in _OTHER_LANGUAGES]:
            return ast.Module(body=[], type_ignores=[])
    for candidate in (text, "\n".join(_without_magic(line) for line in text.splitlines())):
        try:
            return ast.parse(candidate)
        except UNPARSED:
            continue
    return None


def _without_magic(line: str) -> str:
    match = _MAGIC.match(line)
    if match is None:
        return line
    run, timed = _RUN.match(match["magic"]), _TIMED.match(match["magic"])
    if run:
        return f"{match['indent']}get_ipython().run_file({run['file']!r})"
    if timed:
        return f"{match['indent']}{match['assign'] or ''}{timed['code'] or 'None'}"
    return f"{match['indent']}{match['assign'] or ''}None"


def syntax_error(text: str) -> str | None:
    """Return what is wrong with the syntax of a cell, IPython's own included, or None."""
    from IPython.core.inputtransformer2 import TransformerManager

    if len(text) > _LARGEST:
        return None
    try:
        ast.parse(TransformerManager().transform_cell(text))
    except SyntaxError as error:
        return f"{error.msg} (line {error.lineno})"
    except ValueError as error:
        return str(error)
    except (MemoryError, RecursionError):
        return "it is nested too deeply for Python's parser"
    return None


def assigned_first(trees: Iterable[ast.Module | None]) -> dict[str, int]:
    """Return the names that cells assign before anything reads them, each with its cell.

    A value that such a name has beforehand has no effect. What can't be parsed may read anything.

    Args:
        trees: The cells.

    Returns:
        By name, the position of the cell among them.
    """
    read: set[str] = set()
    assigned: dict[str, int] = {}
    for position, tree in enumerate(trees):
        if tree is None:
            break
        for statement in tree.body:
            names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
            is_plain = isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value
            read.update(n.id for n in names if isinstance(n.ctx, ast.Load) or not is_plain)
            for name in names:
                if name.id not in read:
                    assigned.setdefault(name.id, position)
    return assigned


def emitted_names(trees: Iterable[ast.Module | None]) -> Named:
    """Return what some source glues or saves by nbexp, scrapbook or papermill."""
    return _names_given(trees, _EMITTERS)


def logged_names(trees: Iterable[ast.Module | None]) -> Named:
    """Return what some source logs by nbexp."""
    return _names_given(trees, _LOGGERS)


def tracked_names(trees: Iterable[ast.Module | None]) -> Named:
    """Return what some source logs to MLflow as metrics; autologging leaves that open."""
    known = list(trees)
    named = _names_given(known, _TRACKERS)
    nodes = [node for tree in known if tree is not None for node in ast.walk(tree)]
    modules = {name.partition(".")[0] for name in _aliases(nodes, _TRACKERS).modules}
    is_open = named.is_open or any(_may_track(node, modules) for node in nodes)
    return Named(named.names, is_open)


def _may_track(node: ast.AST, mlflow: set[str]) -> bool:
    """Whether a node may log metrics to MLflow in a way that tells no names."""
    quiet = _SILENT | _TRACKERS["mlflow"]
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return node.value.id in mlflow and node.attr not in quiet
    if isinstance(node, ast.Import):
        return any(alias.name.partition(".")[0] in _TRACKED for alias in node.names)
    if not isinstance(node, ast.ImportFrom) or not node.module or node.level:
        return False
    root = node.module.partition(".")[0]
    names = {alias.name for alias in node.names}
    return root in _TRACKED or (root == "mlflow" and not names <= quiet)


def _names_given(trees: Iterable[ast.Module | None], functions: Mapping[str, set[str]]) -> Named:
    known = list(trees)
    parsed = [tree for tree in known if tree is not None]
    nodes = [node for tree in parsed for node in ast.walk(tree)]
    aliases = _aliases(nodes, functions)
    calls = [node for node in nodes if isinstance(node, ast.Call) and aliases.mean(node.func)]
    names = [name for call in calls for name in _first_texts(call)]
    is_open = (
        aliases.is_open
        or len(parsed) < len(known)
        or _is_passed_on(nodes, len(calls), aliases)
        or None in names
        or any(isinstance(n, ast.Name) and n.id in _RUNS_OTHER_CODE for n in nodes)
    )
    return Named(frozenset(name for name in names if name is not None), is_open)


@dataclass(frozen=True)
class _Aliases:
    """What source calls some functions, and the modules that they are in."""

    functions: Mapping[str, set[str]]  # as asked for
    modules: dict[str, str]
    names: set[str]
    is_open: bool

    def mean(self, node: ast.AST) -> bool:
        """Whether a node is one of the functions."""
        if isinstance(node, ast.Name):
            return node.id in self.names
        if not isinstance(node, ast.Attribute):
            return False
        return node.attr in self.functions.get(self.modules.get(_dotted(node.value), ""), ())


def _dotted(node: ast.AST) -> str:
    """Return a dotted name as it is written; nothing for what is none."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _is_passed_on(nodes: list[ast.AST], calls: int, aliases: _Aliases) -> bool:
    """Whether one of the functions or modules is kept under another name, or given to others."""
    mentions = sum(map(aliases.mean, nodes))
    names = {name.partition(".")[0] for name in aliases.modules}
    bare = sum(isinstance(node, ast.Name) and node.id in names for node in nodes)
    dotted = sum(
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        and node.value.id in names
        for node in nodes
    )  # fmt: skip
    return mentions > calls or bare > dotted


def _aliases(nodes: list[ast.AST], functions: Mapping[str, set[str]]) -> _Aliases:
    homes = {module.partition(".")[0] for module in functions}
    modules: dict[str, str] = {}
    names: set[str] = set()
    is_open = False
    for node in nodes:
        if isinstance(node, ast.Import):
            named = [a for a in node.names if a.name.partition(".")[0] in homes]
            modules |= {a.asname or a.name: a.name for a in named}
            modules |= {(home := a.name.partition(".")[0]): home for a in named if not a.asname}
            is_open = is_open or any(a.name not in functions for a in named)
        elif isinstance(node, ast.ImportFrom) and node.module in functions and not node.level:
            is_open = is_open or any(a.name == "*" for a in node.names)
            wanted = functions[str(node.module)]
            names |= {a.asname or a.name for a in node.names if a.name in wanted}
            modules |= {
                a.asname or a.name: f"{node.module}.{a.name}"
                for a in node.names
                if f"{node.module}.{a.name}" in functions
            }
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            is_open = is_open or node.module.partition(".")[0] in homes
    return _Aliases(functions, modules, names, is_open)


def constant_text(node: ast.AST | None) -> str | None:
    """Return the text that a node writes out, or None where it is no such constant."""
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else None


def _first_texts(call: ast.Call) -> list[str | None]:
    """Return the names that a call gives: a text, or the keys of a table; None for others."""
    named = [k.value for k in call.keywords if k.arg in ("name", "key", "metrics")]
    first = next(iter([*call.args, *named]), None)
    keys = first.keys if isinstance(first, ast.Dict) else [first]
    return [constant_text(key) for key in keys]
