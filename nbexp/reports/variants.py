"""The pages of variants: the executed notebook, where it comes from, and what it left."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nbexp.files import link_or_copy, open_file, read_bytes, write_atomic
from nbexp.formats import read_notebook
from nbexp.render import RenderedNotebook, library_source, render_notebook
from nbexp.reports.pages import CHART_SCRIPTS, library_script
from nbexp.reports.tables import curves, text_of
from nbexp.runs.results import RunResult, StageResult, VariantResult, flat
from nbexp.runs.variant_folder import LOG, NOTEBOOK, VariantFolder
from nbexp.states import State
from nbexp.wording import duration_text, number_text, time_text

_MAX_FILE = 20_000_000  # bytes; larger ones stay with the run
_MAX_FILES = 500_000_000  # of all variants together, notebooks and logs left out
_LOG_LINES = 500
_LOG_END = 1_000_000  # bytes at the end of a log, of which lines are shown
_LINEAGE_SHOWN = 30
_SCRIPTS = (*CHART_SCRIPTS, "stage.js", "embedded.js")
_USAGE = {"cpu_s": ("processors", "s"), "memory_mib": ("memory at most", "MiB")}
_TO_NOTEBOOK = re.compile(r'class="nb-inert" title="\.\./(?P<name>[\w-]+)/notebook\.ipynb"')


@dataclass(frozen=True)
class File:
    """A file of a variant.

    Attributes:
        name: Its path in the variant's folder.
        url: Where it is in the report; None if it is not.
        size: In bytes.
    """

    name: str
    url: str | None
    size: int


class VariantPages:
    """What the pages of a run's variants tell.

    Args:
        run: The run.
        folder: The report's folder, into which files go that pages refer to.
        assets: The folder of scripts that pages share; that of the report by default.
        brings_files: Whether what variants left is brought into the folder.
        is_guest: Whether it is another run's report that they are part of: then they come with
            notebooks and logs alone, and without pages to lead to.
    """

    def __init__(
        self,
        run: RunResult,
        folder: Path,
        *,
        assets: Path | None = None,
        brings_files: bool = True,
        is_guest: bool = False,
    ) -> None:
        self._folder = folder
        self._assets = assets or folder / "assets"
        self._brings_files = brings_files
        self._down = _descendants(run)
        self._is_guest = is_guest
        self._room = _MAX_FILES
        self._pages = frozenset() if is_guest else frozenset(run.history.variants)

    def values(self, stage: StageResult, variant: VariantResult) -> dict[str, Any]:
        """Return the values for the page of a variant; write the files that it refers to."""
        notebook, trouble = self._rendered(variant)
        log, lines = _tail(VariantFolder(variant.folder).log)
        return {
            "stage": stage,
            "variant": variant,
            "about": _about(stage, variant),
            "tables": _tables(variant),
            "lineage": self._lineage(variant),
            "lineage_shown": _LINEAGE_SHOWN,
            "files": list(self._files(variant)),
            "curves": _curves(stage, variant),
            "notebook": notebook,
            "no_notebook": trouble,
            "log": log,
            "log_lines": lines,
            "scripts": (*self._libraries(notebook), *_SCRIPTS),
        }

    def _libraries(self, notebook: RenderedNotebook | None) -> list[str]:
        """Return the scripts of the libraries that a notebook's outputs need; write them once."""
        found = []
        for name in sorted(notebook.libraries if notebook else ()):
            if (source := library_source(name)) is None:
                continue
            found.append(f"lib-{name}.js")
            path = self._assets / found[-1]
            if not path.exists():
                path.parent.mkdir(exist_ok=True)
                write_atomic(path, library_script(name, source))
        return found

    def _rendered(self, variant: VariantResult) -> tuple[RenderedNotebook | None, str]:
        """Return the notebook as HTML, or why there is none."""
        if not variant.notebook.is_file():
            return None, f"It has no notebook: it is {variant.state}. {variant.reason}".strip()
        try:
            notebook = read_notebook(read_bytes(variant.notebook), is_executed=False)
        except Exception as error:  # half a file, or no notebook at all
            return None, f"Its notebook can't be read: {error}"
        attachments = self._folder / "variants" / variant.name
        name = quote(variant.name)
        whole = f"../files/{name}/notebook.ipynb"
        rendered = render_notebook(
            notebook, attachments=attachments, attachments_url=name, whole_url=whole
        )
        return replace(rendered, html=_TO_NOTEBOOK.sub(self._to_page, rendered.html)), ""

    def _to_page(self, link: re.Match[str]) -> str:
        """Return a link to the page of a variant, for one to its notebook that leads nowhere."""
        name = link["name"]
        return f'href="{quote(name)}.html"' if name in self._pages else link[0]

    def _files(self, variant: VariantResult) -> Iterator[File]:
        """Yield the files of a variant, and bring them into the report."""
        for path in _own_files(variant.folder):
            name = path.relative_to(variant.folder).as_posix()
            size = path.stat().st_size
            url = f"../files/{quote(variant.name)}/{quote(name)}"
            if not self._brings_files:
                yield File(name, url, size)
                continue
            if not self._is_brought(name, size):
                yield File(name, None, size)
                continue
            target = self._folder / "files" / variant.name / name
            target.parent.mkdir(parents=True, exist_ok=True)
            bring = shutil.copyfile if name == LOG else link_or_copy  # a log may grow
            bring(path, target)
            yield File(name, url, size)

    def _is_brought(self, name: str, size: int) -> bool:
        """Whether a file comes into the report; one of those that have to share room takes its."""
        if name == NOTEBOOK:
            return True
        if name == LOG:
            return size <= _MAX_FILE
        if self._is_guest or size > min(_MAX_FILE, self._room):
            return False
        self._room -= size
        return True

    def _lineage(self, variant: VariantResult) -> list[tuple[str, list[str]]]:
        exploited = [
            str(event["donor"])
            for event in variant.lineage_events
            if event.get("event") == "exploited"
        ]
        found = [
            ("from", list(variant.history.lineage.values())),
            ("went on from", exploited),
            ("leads to", self._down.get(variant.name, [])),
        ]
        return [(word, others) for word, others in found if others]


def _descendants(run: RunResult) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for variant in run.history.variants.values():
        for ancestor in variant.lineage.values():
            found.setdefault(ancestor, []).append(variant.name)
    return found


def _about(stage: StageResult, variant: VariantResult) -> list[tuple[str, str]]:
    history, outcome = variant.history, variant.outcome
    metric = number_text(history.metric)
    cells = f"{outcome.cells} cells" if outcome else ""
    return [
        (stage.metric or "metric", f"{metric}, kept by reduce" if history.is_kept else metric),
        ("started", time_text(history.started or (outcome.started if outcome else 0.0))),
        ("took", duration_text(history.duration_s)),
        ("ran", cells),
        ("attempt", str(history.attempt) if history.attempt > 1 else ""),
        ("because", variant.reason),
        ("taken from", history.source or ""),
        ("template", _template(stage, variant.record.template) if variant.record else ""),
        ("key", variant.record.key[:16] if variant.record else ""),
        ("MLflow", (variant.record.tracking_id if variant.record else "") or ""),
    ]


def _template(stage: StageResult, path: str) -> str:
    """Return a template as the pipeline names it: where it lies here says nothing elsewhere."""
    name = Path(path).name
    return next((each for each in stage.notebooks if Path(each).name == name), name)


def _tables(variant: VariantResult) -> list[tuple[str, list[tuple[str, str]]]]:
    timings = variant.outcome.timings if variant.outcome else {}
    usage = variant.outcome.usage if variant.outcome else {}
    times = [(name, f"{seconds:.3f} s") for name, seconds in timings.items()]
    used = [(_USAGE[name][0], f"{value:.4g} {_USAGE[name][1]}") for name, value in usage.items()]
    return [
        ("Parameters", _texts(flat(variant.params))),
        ("Glued", _texts(variant.scraps)),
        ("Time", times),
        ("Resources", used),
    ]


def _texts(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, text_of(value)) for name, value in values.items()]


def _curves(stage: StageResult, variant: VariantResult) -> dict[str, Any] | None:
    """Return the data of the page's curves, in the form of a stage's with one row."""
    found = curves([variant.entries()])
    if not found:
        return None
    return {
        "stage": stage.name,
        "metric": stage.metric,
        "mode": stage.mode.value,
        "columns": [],
        "rows": [],
        "links": [f"{variant.name}.html"],
        "labels": [variant.history.label or variant.name],
        "curves": found,
        "pruned": [variant.state is State.PRUNED],
        "matrices": [],
    }


def _own_files(folder: Path) -> Sequence[Path]:
    """Return the files of a variant that a reader may want."""
    own = VariantFolder(folder)
    named = (own.notebook, own.log, own.metrics)
    within = [
        path for inner in (own.figures, own.artifacts, own.media) for path in inner.rglob("*")
    ]
    return [path for path in (*named, *sorted(within)) if path.is_file()]


def _tail(path: Path) -> tuple[str, int]:
    """Return the last lines of a log, and how many it has."""
    count, end = 0, b""
    try:
        with open_file(path) as log:
            for chunk in iter(lambda: log.read(_LOG_END), b""):
                count += chunk.count(b"\n")
                end = (end + chunk)[-_LOG_END:]
    except OSError:
        return "", 0
    count += not end.endswith(b"\n") and bool(end)
    lines = end.decode(errors="replace").split("\n")[-_LOG_LINES - 1 :]
    left_out = count - len(lines) + (not lines[-1])
    head = [f"… {left_out} lines before; the file has them …"] if left_out > 0 else []
    return "\n".join([*head, *lines]), count
