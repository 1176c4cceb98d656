"""A page that shows a notebook as the pages of a report do, and a browser to open it in."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import nbformat
from nbclient import NotebookClient

import nbexp.reports
from nbexp.reports.pages import POLICY

_ASSETS = Path(nbexp.reports.__file__).parent / "assets"
_INSTALLED = importlib.util.find_spec("playwright") is not None
# NBEXP_CHROMIUM may name one that is not on the path.
CHROMIUM = (os.environ.get("NBEXP_CHROMIUM") or shutil.which("chromium")) if _INSTALLED else None


def executed(sources: Iterable[str]) -> Any:
    """Return a notebook with these cells, as a kernel leaves it."""
    cells = [nbformat.v4.new_code_cell(dedent(source).strip()) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return notebook


@contextmanager
def browser() -> Iterator[Any]:
    """Yield a headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as starter:
        chromium = starter.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def write_page(folder: Path, cells: str, scripts: str = "") -> Path:
    """Write ``page.html`` with a notebook's cells, and the assets beside it."""
    shutil.copytree(_ASSETS, folder / "assets", dirs_exist_ok=True)
    page = folder / "page.html"
    page.write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><title>Report</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="assets/report.css">'
        '<link rel="stylesheet" href="assets/notebook.css"><script src="assets/report.js"></script>'
        f'{scripts}</head><body><main id="main"><p id="before">Before</p>'
        f'<button type="button" data-action="theme"></button>{cells}'
        '<p id="end">The end</p></main></body></html>',
        encoding="utf-8",
    )
    return page
