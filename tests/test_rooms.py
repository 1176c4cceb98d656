"""Rooms and seams: no cycles, each outside system in one room, light imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "nbexp"
FILES = sorted(ROOT.rglob("*.py"))
# The rooms that may import a system. MLflow also in `notebook`, whose hooks patch it in the kernel.
SEAMS = {
    "ray": {"run", "search"},
    "papermill": {"execute"},
    "nbclient": {"execute"},
    "mlflow": {"tracking", "notebook"},
    "boto3": {"artifacts", "server"},
    "tornado": {"server"},
}
# What the kernel imports, and what a driver needs only when it comes to it.
HEAVY = ("numpy", "pandas", "torch", "ray", "mlflow", "boto3", "sklearn",
         "matplotlib", "pyarrow", "IPython", "jupyter_client", "nbformat", "zmq", "tensorboardX",
         "papermill", "nbclient", "sqlalchemy", "scipy", "tornado", "traitlets")  # fmt: skip

# Classes of one name, each with the one idea that they share.
SAME_IDEA = {
    "Pipeline": "what a user builds in code, and what is left of it once it is checked",
    "Stage": "what a user builds in code, and what is left of it once it is checked",
    "State": "of a variant; and what nbexp.checkpoint gives, which notebooks show by this name",
}


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0]


def is_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imports(tree: ast.AST, *, lazy: bool = True) -> Iterator[str]:
    """Yield the modules that source imports; without `lazy` those of the import itself."""
    for node in ast.iter_child_nodes(tree):
        if is_typing(node) or (not lazy and isinstance(node, ast.FunctionDef)):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from imports(node, lazy=lazy)


def rooms() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in FILES:
        own = room_of(path)
        names = [name.split(".") for name in imports(ast.parse(path.read_text()))]
        inner = {name[1] for name in names if name[0] == "nbexp" and len(name) > 1}
        known = {room_of(file) for file in FILES}
        found.setdefault(own, set()).update((inner & known) - {own})
    return found


def test_rooms_import_each_other_in_no_cycle() -> None:
    graph = rooms()
    while graph:
        free = [room for room, others in graph.items() if not others & graph.keys()]
        assert free, f"these import each other: {graph}"
        for room in free:
            del graph[room]


def test_rooms_below_know_nothing_of_those_above() -> None:
    graph = rooms()
    assert graph["render"] <= {"files", "scrapbook_format"}
    assert graph["source"] <= {"files", "formats"}
    assert graph["checkpoints"] <= {"artifacts", "errors", "files", "records"}
    assert graph["pipeline"] <= {"errors", "files", "source", "states"}
    assert graph["search"] <= {"decisions", "errors", "files", "metrics", "pipeline"}
    assert graph["plan"] <= {"errors", "files", "states", "pipeline", "runs"}
    assert graph["runs"] <= {
        "errors", "files", "lines", "metrics", "pipeline", "records", "states", "wording"
    }  # fmt: skip
    assert graph["artifacts"] <= {"errors", "files", "runs"}
    front_ends = {"cli", "__main__", "server"}
    assert graph["explain"].isdisjoint(front_ends | {"reports"})
    assert graph["doctor"].isdisjoint(front_ends | {"reports", "display"})
    for room in graph.keys() - {"cli", "__main__"}:
        assert "cli" not in graph[room], room


@pytest.mark.parametrize("system", SEAMS)
def test_outside_system_is_touched_by_its_room_alone(system: str) -> None:
    found = {
        room_of(path)
        for path in FILES
        if any(name.split(".")[0] == system for name in imports(ast.parse(path.read_text())))
    }
    assert found <= SEAMS[system]


def loaded_by(module: str) -> set[str]:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "module",
    ["nbexp", "nbexp.api", "nbexp.cli", "nbexp.pipeline", "nbexp.plan", "nbexp.notebook.hooks",
     "nbexp.notebook.gluing", "nbexp.notebook.saving", "nbexp.run", "nbexp.runs.results",
     "nbexp.tracking", "nbexp.render", "nbexp.explain.why", "nbexp.explain.estimates"],
)  # fmt: skip
def test_import_is_light(module: str) -> None:
    assert not loaded_by(module) & set(HEAVY)


# What a user waits for at each command, before it does anything.
STANDARD = (
    "asyncio",
    "multiprocessing",
    "concurrent",
    "sqlite3",
    "email",
    "http",
    "rich",
    "psutil",
)


@pytest.mark.parametrize("module", ["nbexp", "nbexp.cli"])
def test_command_line_imports_nothing_beforehand(module: str) -> None:
    assert not loaded_by(module) & set(STANDARD)


def test_a_file_has_at_most_500_lines() -> None:
    sizes = {path: len(path.read_text().splitlines()) for path in FILES}
    assert not {str(path): size for path, size in sizes.items() if size > 500}


def test_a_class_name_stands_for_one_idea() -> None:
    homes: dict[str, set[Path]] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, set()).add(path.relative_to(ROOT))
    shared = {name: sorted(map(str, paths)) for name, paths in homes.items() if len(paths) > 1}
    assert shared.keys() == SAME_IDEA.keys(), shared


# What a run's folder holds. `pipeline.toml` is also what a project's own file is called.
RUN_FILES = {
    "pipeline.json", "plan.json", "request.json", "tracking.json", "events.jsonl", "status.json",
    "control.jsonl", "driver.lock", "variant.json", "notebook.ipynb", "log.txt", "result.json",
    "metrics.jsonl", "mlflow.json", "history.json", "observed.jsonl", "cut.txt", "manifest.json",
    "cell.json",
}  # fmt: skip
RUN_FOLDERS = {
    "templates", "searches", "report", "tensorboard", "variants", "figures", "artifacts", "media",
    "snapshots", "work", "attempts", "runs",
}  # fmt: skip
# A new project has a folder of templates; reports and the pipeline's check come before a run.
OTHER_PATHS = {"new_project.py", "pipeline/tables/stage.py", "reports/variants.py"}


def test_paths_of_a_run_are_known_to_its_folders_alone() -> None:
    found = []
    for path in FILES:
        name = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text())):
            is_file = isinstance(node, ast.Constant) and node.value in RUN_FILES
            is_below = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
            end = node.right if isinstance(node, ast.BinOp) and is_below else None
            is_folder = isinstance(end, ast.Constant) and end.value in RUN_FOLDERS
            if (is_file or is_folder) and room_of(path) != "runs" and name not in OTHER_PATHS:
                found.append(f"{name}:{node.lineno}")
    assert not found
