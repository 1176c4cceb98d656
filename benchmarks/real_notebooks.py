"""Do real notebooks give the same under nbexp as under papermill, cell by cell?

    python -m benchmarks.real_notebooks FOLDER [--only TEXT ...] [--work DIR] [--timeout 600]

Executes each notebook below a folder with papermill, twice, and with nbexp: in kernels started the
ordinary way (cold), in warm ones, and once more (cached). Each execution works in a copy of its
own of the notebook's folder. What differs by nature (counts, ids, times, addresses, paths) is made
the same before outputs are compared; what differs between the two papermills is told as such. It
prints a table in Markdown, and below it each difference with its cell and a short diff, and what
nbexp could not see of the notebook. It exits with 1 if a notebook was not cached, or differs where
papermill's outputs agree with each other.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

import nbexp

Outputs = list[dict[str, str]]  # of each code cell: texts by the kind of output

_CHANGING = [
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"0x[0-9a-fA-F]{6,}"), "<address>"),
    (re.compile(r"\b[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"ipykernel_\d+(/\d+\.py)?"), "ipykernel_<pid>"),
    (re.compile(r"(In\s?|Out\s?|Cell In)\[\d+\]"), r"\1[<n>]"),
    (re.compile(r"(?<=^Input )In \[\d+\]", re.M), "In [<n>]"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?([.,]\d+)?"), "<time>"),
    (re.compile(r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)\w*,? +(\d+ )?\w{3} +(\d+ )?\d{4}"), "<date>"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "<time>"),
    (re.compile(r"\d+(\.\d+)? ?(ns|µs|us|ms|s|sec|seconds?)\b"), "<duration>"),
    (re.compile(r"/tmp/[\w./-]+"), "<temporary>"),
    (re.compile(r'(id|href|clip-path|xlink:href)="[^"]*"'), r'\1="<id>"'),
    (re.compile(r"(sk-[\w-]+-id-)\d+"), r"\1<n>"),
]
_ADDED = {"injected-parameters", "papermill-error-cell-tag"}
_MOST_LINES = 8  # of a diff


@dataclass
class Execution:
    """What one way of executing a notebook came to.

    Attributes:
        state: "ok", "cached", or the name of the error.
        cells: Outputs of the code cells, after normalising.
    """

    state: str
    cells: Outputs = field(default_factory=list)


@dataclass(frozen=True)
class Difference:
    """One output that is not papermill's.

    Attributes:
        cell: Number of the code cell.
        kind: Kind of the output.
        diff: Its lines that differ.
        is_random: Whether two executions by papermill differ there as well.
    """

    cell: int
    kind: str
    diff: str
    is_random: bool


def main() -> int:
    """Execute, compare, and print; return 1 if something was not as it should be."""
    arguments = _arguments()
    notebooks = {
        _slug(path.relative_to(arguments.folder)): path.resolve()
        for path in sorted(arguments.folder.rglob("*.ipynb"))
        if not arguments.only or any(text in str(path) for text in arguments.only)
    }
    with tempfile.TemporaryDirectory() as scratch:
        work = (arguments.work or Path(scratch)).resolve()
        ways = {
            "papermill": run_papermill(notebooks, work / "a", arguments.timeout),
            "again": run_papermill(notebooks, work / "b", arguments.timeout),
        }
        for way in ("cold", "warm"):
            write_pipeline(notebooks, work / way, arguments.timeout, warm=way == "warm")
            ways[way] = run_nbexp(work / way)
        refused = {n: e for n, e in ways["warm"].items() if e.state == "refused"}
        ways["cached"] = {**refused, **run_nbexp(work / "warm")}
        results = {
            name: {way: ways[way].get(name, Execution("refused")) for way in ways}
            for name in notebooks
        }
        is_good = print_table(arguments.folder, notebooks, results)
        print_details(results)
        print_unseen(work / "warm")
    return 0 if is_good else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", help="notebooks whose path holds one of these texts")
    parser.add_argument("--work", type=Path, help="an empty folder that is kept")
    parser.add_argument("--timeout", type=int, default=600, help="seconds for a notebook")
    return parser.parse_args()


def _slug(path: Path) -> str:
    return "n_" + re.sub(r"\W+", "_", str(path.with_suffix("")))


def copy_beside(notebook: Path, folder: Path) -> Path:
    """Copy a notebook with what lies beside it, and return the copy."""
    shutil.copytree(notebook.parent, folder)
    return folder / notebook.name


def run_papermill(notebooks: dict[str, Path], work: Path, timeout: int) -> dict[str, Execution]:
    """Execute notebooks with papermill, one after another."""
    import papermill

    done = {}
    for name, notebook in notebooks.items():
        copy = copy_beside(notebook, work / name)
        out, state = copy.with_name("out.ipynb"), "ok"
        try:
            papermill.execute_notebook(
                str(copy), str(out), cwd=str(copy.parent), progress_bar=False,
                kernel_name=_kernel(copy), execution_timeout=timeout,
            )  # fmt: skip
        except papermill.PapermillExecutionError as error:
            state = str(error.ename)
        except Exception as error:  # any that papermill has for a notebook that it can't run
            state = type(error).__name__
        done[name] = Execution(state, read_outputs(out, work))
    return done


def _kernel(notebook: Path) -> str:
    """Return the kernel that a notebook names, or Python's, which papermill asks for by name."""
    metadata = json.loads(notebook.read_text(encoding="utf-8")).get("metadata", {})
    return str(metadata.get("kernelspec", {}).get("name") or "python3")


def write_pipeline(notebooks: dict[str, Path], work: Path, timeout: int, *, warm: bool) -> None:
    """Write a pipeline with a stage for each notebook."""
    lines = ['name = "real"', "[defaults]", f"warm = {str(warm).lower()}"]
    lines += [f"timeout = {timeout}"]
    for name, notebook in notebooks.items():
        copy = copy_beside(notebook, work / name)
        lines += [f"[stages.{name}]", f"notebook = {json.dumps(str(copy.relative_to(work)))}"]
    (work / "pipeline.toml").write_text("\n".join(lines) + "\n")


def run_nbexp(work: Path) -> dict[str, Execution]:
    """Run the pipeline in a folder, without the notebooks that are refused before anything runs."""
    pipeline = work / "pipeline.toml"
    environment = {**os.environ, "RAY_ADDRESS": "local"}
    command = [sys.executable, "-m", "nbexp", "run", "pipeline.toml"]
    done = subprocess.run(
        command, cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    refused = set(re.findall(r"stages\.(n_\w+)", done.stderr)) if done.returncode == 2 else set()
    if refused:
        print(done.stderr, file=sys.stderr)
        lines = pipeline.read_text().splitlines()
        kept = [line for at, line in enumerate(lines) if not _names_any(lines, at, refused)]
        pipeline.write_text("\n".join(kept) + "\n")
        return {**dict.fromkeys(refused, Execution("refused")), **run_nbexp(work)}
    if done.returncode not in (0, 1):  # 1: a notebook failed, which the table tells
        raise RuntimeError(f"nbexp run failed:\n{done.stdout}\n{done.stderr}")
    return {v.stage: Execution(_state(v), read_outputs(v.notebook, work)) for v in _variants(work)}


def _names_any(lines: Sequence[str], at: int, stages: set[str]) -> bool:
    """Whether a line of a pipeline belongs to one of some stages: its header, or what follows."""
    return any(f"[stages.{stage}]" in lines[max(at - 1, 0) : at + 1] for stage in stages)


def _variants(work: Path) -> Sequence[nbexp.VariantResult]:
    newest = max((work / "runs").glob("real-*"), key=lambda path: path.stat().st_mtime_ns)
    return nbexp.RunResult.read(newest).variants


def _state(variant: nbexp.VariantResult) -> str:
    if variant.error:
        return str(variant.error.get("name") or variant.error.get("kind") or variant.state.value)
    return "ok" if variant.state is nbexp.State.FINISHED else variant.state.value


def read_outputs(path: Path, work: Path) -> Outputs:
    """Return the outputs of a notebook's code cells, after normalising."""
    if not path.is_file():
        return []
    notebook = nbformat.read(path, as_version=4)
    cells = [c for c in notebook.cells if c.cell_type == "code"]
    cells = [c for c in cells if _ADDED.isdisjoint(c.metadata.get("tags", []))]
    return [_texts_of(cell, work) for cell in cells]


def _texts_of(cell: Any, work: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for output in cell.outputs:
        for kind, value in _values(output):
            text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            texts[kind] = texts.get(kind, "") + text
    return {kind: _normal(kind, text, work) for kind, text in texts.items()}


def _values(output: Any) -> Iterator[tuple[str, Any]]:
    if output.output_type == "stream":
        yield output.name, output.text
    elif output.output_type == "error":
        yield "error", f"{output.ename}: {output.evalue}\n" + "\n".join(output.traceback)
    else:
        yield from output.data.items()


def _normal(kind: str, text: str, work: Path) -> str:
    if kind.startswith("image/") and "svg" not in kind:
        return text
    text = re.sub(rf"{re.escape(str(work))}/\w+", "<folder>", text)
    for pattern, replacement in _CHANGING:
        text = pattern.sub(replacement, text)
    return text


def differences(results: dict[str, Execution], way: str) -> list[Difference]:
    """Return where a way's outputs are not papermill's."""
    first, again = results["papermill"].cells, results["again"].cells
    others = results[way].cells
    found = []
    for number in range(max(len(first), len(others))):
        before, now, once_more = (_at(each, number) for each in (first, others, again))
        for kind in sorted(before.keys() | now.keys()):
            if before.get(kind) != now.get(kind):
                is_random = before.get(kind) != once_more.get(kind)
                diff = _diff(before.get(kind), now.get(kind))
                found.append(Difference(number + 1, kind, diff, is_random))
    return found


def _at(cells: Outputs, number: int) -> dict[str, str]:
    return cells[number] if number < len(cells) else {}


def _diff(before: str | None, now: str | None) -> str:
    if before is None or now is None:
        return "there is none" if now is None else "papermill has none"
    lines = difflib.unified_diff(before.splitlines(), now.splitlines(), lineterm="", n=0)
    return "\n".join(line[:160] for line in list(lines)[2 : 2 + _MOST_LINES])


def print_table(
    root: Path, notebooks: dict[str, Path], results: dict[str, dict[str, Execution]]
) -> bool:
    """Print a row a notebook; return whether nothing was different that should not be."""
    print("| notebook | cells | papermill | again | cold | warm | cached |")
    print("|---|---|---|---|---|---|---|")
    is_good = True
    for name, notebook in notebooks.items():
        ways = results[name]
        of_way = {way: differences(ways, way) for way in ("again", "cold", "warm", "cached")}
        told = [_told(ways, way, of_way[way]) for way in of_way]
        cells = len(ways["papermill"].cells) or len(ways["warm"].cells)
        path = notebook.relative_to(root.resolve())
        print(f"| {path} | {cells} | {ways['papermill'].state} | {' | '.join(told)} |")
        was_cached = ways["cached"].state == "cached" or ways["warm"].state != "ok"
        is_same = all(d.is_random for each in of_way.values() for d in each)
        is_good &= was_cached and is_same
    return is_good


def _told(ways: dict[str, Execution], way: str, found: Sequence[Difference]) -> str:
    """Return a way's state where it is another than papermill's, and how much differs."""
    expected = "cached" if way == "cached" else ways["papermill"].state
    state = ways[way].state
    random = sum(each.is_random for each in found)
    words = [] if state in (expected, ways["papermill"].state) and way != "cached" else [state]
    words += [f"{len(found) - random} differ"] if len(found) > random else []
    words += [f"{random} random"] if random else []
    return ", ".join(words) or "same"


def print_details(results: dict[str, dict[str, Execution]]) -> None:
    """Print each difference, those first that papermill has not with itself."""
    for name, ways in results.items():
        for way in ("again", "cold", "warm", "cached"):
            for each in differences(ways, way):
                word = "random" if each.is_random else "differs"
                print(f"\n{name}, {way}, cell {each.cell}, {each.kind}: {word}\n{each.diff}")


def print_unseen(work: Path) -> None:
    """Print what could not be seen of notebooks, and what their results depend on."""
    for variant in _variants(work):
        file = variant.folder / "result.json"
        if not file.is_file():
            continue
        observed = json.loads(file.read_text()).get("observed") or {}
        told = {key: observed.get(key) for key in ("unseen", "variables", "written")}
        inputs = [f"{kind['kind'] or 'none'} {path}" for path, kind in _inputs(observed)]
        if inputs or any(told.values()):
            print(f"\n{variant.stage}: {told}\n  " + "\n  ".join(inputs))


def _inputs(observed: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from observed.get("inputs", {}).items()


if __name__ == "__main__":
    sys.exit(main())
