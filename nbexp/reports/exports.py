"""A single notebook as one file: HTML, PDF or Markdown."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbexp import __version__
from nbexp.errors import NbexpError, UsageError
from nbexp.files import read_bytes, write_atomic
from nbexp.formats import read_notebook
from nbexp.render import library_source, render_notebook
from nbexp.reports.pages import Pages, asset, library_script
from nbexp.scrapbook_format import is_value

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "microsoft-edge", "brave")
_PRINT_S = 120.0
_WHOLE = 1 << 62  # bytes: everything stays in the page


def export_notebook(notebook: Path, kind: str, target: Path, title: str | None = None) -> None:
    """Write an executed notebook as one file.

    Args:
        notebook: The notebook.
        kind: ``html``, ``pdf`` or ``md``; Markdown has its images in a folder beside it.
        target: The file.
        title: What it is called; the file's own name by default.

    Raises:
        UsageError: The notebook can't be read, or there is no browser that could print it.
        NbexpError: The browser failed.
    """
    content = _read(notebook)
    write: dict[str, Callable[[Any, str, Path], None]] = {
        "html": _write_html,
        "pdf": _write_pdf,
        "md": _write_markdown,
    }
    write[kind](content, title or notebook.stem, target)


def _read(path: Path) -> Any:
    try:
        return read_notebook(read_bytes(path), is_executed=False)
    except Exception as error:  # a file of another kind, half a file, no file
        raise UsageError(f"{path} is not a readable notebook: {error}.") from error


def _write_html(notebook: Any, title: str, target: Path) -> None:
    write_atomic(target, _page(notebook, title))


def _page(notebook: Any, title: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        rendered = render_notebook(
            notebook, attachments=Path(folder), attachments_url="", inline_bytes=_WHOLE
        )
    pages = Pages({"version": __version__, "now": time.time()})
    styles = [asset(name) for name in ("report.css", "notebook.css")]
    known = {name: library_source(name) for name in sorted(rendered.libraries)}
    libraries = [library_script(name, source) for name, source in known.items() if source]
    scripts = [asset("report.js"), *libraries]
    return pages.render(
        "single.html", title=title, notebook=rendered, styles=styles, own_scripts=scripts
    )


def _write_pdf(notebook: Any, title: str, target: Path) -> None:
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise UsageError(
            "A PDF is printed by Chromium or a browser like it, and none is installed. Install "
            "chromium, or use --format html and print that."
        )
    with tempfile.TemporaryDirectory() as folder:
        page, printed = Path(folder, "page.html"), Path(folder, "page.pdf")
        page.write_text(_page(notebook, title), encoding="utf-8")
        command = [
            browser, "--headless", "--disable-gpu", "--no-pdf-header-footer", "--no-first-run",
            f"--user-data-dir={folder}/profile", f"--print-to-pdf={printed}", page.as_uri(),
        ]  # fmt: skip
        if os.geteuid() == 0:  # as in a container, where Chromium has no sandbox
            command.insert(1, "--no-sandbox")
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PRINT_S, check=False
        )
        if not printed.is_file():
            raise NbexpError(f"{browser} printed nothing: {done.stderr.strip()[-500:]}")
        write_atomic(target, printed.read_bytes())


def _write_markdown(notebook: Any, title: str, target: Path) -> None:
    about = {"metadata": {"name": title}, "output_files_dir": f"{target.stem}_files"}
    try:
        text, resources = _markdown(notebook, about)
    except Exception as error:  # nbconvert takes only what the format's schema allows
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError(
            f"The notebook can't be written as Markdown, since it is malformed: {reason} Choose "
            "--format html, which leaves out what can't be shown, or open and save it in Jupyter."
        ) from error
    for name, content in resources["outputs"].items():
        path = target.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content)
    write_atomic(target, text)


def _markdown(notebook: Any, about: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    from nbconvert import MarkdownExporter

    for cell in notebook.cells:
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if not _is_record(output)]
    text, resources = MarkdownExporter().from_notebook_node(notebook, about)
    return str(text), dict(resources)


def _is_record(output: Any) -> bool:
    """Whether an output is only a glued value, which Markdown can't show."""
    kinds = output.get("data", {"text/plain": ""})
    return all(map(is_value, kinds))
