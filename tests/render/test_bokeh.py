"""Figures of the real bokeh and HoloViews, executed by a kernel and drawn in Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from notebook_page import CHROMIUM, browser, executed, write_page

from nbexp.render import library_source, outputs, render_notebook
from nbexp.reports.pages import library_script

PACKAGES = ("bokeh", "panel", "holoviews")
MISSING = [package for package in PACKAGES if find_spec(package) is None]
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="playwright or chromium is missing"),
    pytest.mark.skipif(bool(MISSING), reason=f"{MISSING} are missing: pip install 'nbexp[dev]'"),
]
SOURCES = {
    "load": """
        import holoviews as hv
        from bokeh.io import output_notebook
        from bokeh.layouts import column
        from bokeh.models import ColumnDataSource, CustomJS, DataTable, Div, Slider, TableColumn
        from bokeh.plotting import figure, show
        output_notebook()
        hv.extension("bokeh")""",
    "figure": """
        p = figure(width=400, height=300, title="A figure")
        p.line([1, 2, 3], [3, 1, 2])
        show(p)""",
    "linked": """
        source = ColumnDataSource({"a": ["in the table"]})
        table = DataTable(source=source, columns=[TableColumn(field="a")], height=90)
        slider, text = Slider(start=0, end=9, value=1, step=1), Div(text="not moved")
        moved = CustomJS(args={"text": text}, code="text.text = `moved to ${cb_obj.value}`")
        slider.js_on_change("value", moved)
        show(column(slider, table, text))""",
    "curve": "hv.Curve([1, 3, 2])",
    "map": "hv.HoloMap({i: hv.Curve([i, 3, 2]) for i in range(3)}, kdims='k')",
}
# Whether the canvas of a figure, which is in shadow roots, has anything but white on it.
DRAWN = """() => {
    const within = (root) => [...root.querySelectorAll("*")].flatMap(
      (each) => [each, ...(each.shadowRoot ? within(each.shadowRoot) : [])]);
    return within(document).filter((each) => each.localName === "canvas" && each.width).some(
      (each) => each.getContext("2d").getImageData(0, 0, each.width, each.height).data.some(
        (value, at) => at % 4 !== 3 && value > 0 && value < 250));
}"""


@pytest.fixture(scope="module")
def notebook() -> Any:
    return executed(SOURCES.values())


def rendered_cell(notebook: Any, name: str, folder: Path) -> Any:
    cells = [notebook.cells[list(SOURCES).index(name)]]
    return render_notebook(
        {**notebook, "cells": cells}, attachments=folder / "a", attachments_url="a"
    )


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as opened:
        yield opened


@pytest.fixture
def show(chromium, notebook: Any, tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Open a cell by name, and return its frame; nothing must be asked for, or fail."""
    page = chromium.new_page(viewport={"width": 900, "height": 900})
    asked, errors = list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))

    def show_cell(name: str) -> Any:
        rendered = rendered_cell(notebook, name, tmp_path)
        scripts = ""
        for library in sorted(rendered.libraries):
            script = library_script(library, library_source(library) or "")
            (tmp_path / f"lib-{library}.js").write_text(script, encoding="utf-8")
            scripts += f'<script src="lib-{library}.js"></script>'
        page.goto(write_page(tmp_path, rendered.html, scripts).as_uri())
        return page.locator("iframe.nb-frame").element_handle().content_frame()

    yield show_cell
    page.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:", "about:"))] == []
    assert errors == []


@pytest.mark.parametrize("name", ["figure", "curve", "map"])
def test_figure_is_drawn(show, name: str) -> None:
    show(name).wait_for_function(DRAWN)


def test_widgets_are_drawn_and_do_what_they_are_linked_to(show) -> None:
    frame = show("linked")
    frame.get_by_text("in the table").wait_for()
    frame.locator(".noUi-handle").press("ArrowRight")
    frame.get_by_text("moved to 2").wait_for()


def test_slider_of_a_holomap_changes_the_figure(show) -> None:
    frame = show("map")
    frame.wait_for_function(DRAWN)
    frame.locator(".noUi-handle").press("ArrowRight")
    models = "[...Bokeh.documents[0]._all_models.values()]"
    frame.wait_for_function(f"{models}.some((each) => each.text === 'k: 1')")


def test_what_loads_the_libraries_leaves_nothing(notebook: Any, tmp_path: Path) -> None:
    assert "nb-outputs" not in rendered_cell(notebook, "load", tmp_path).html


@pytest.mark.parametrize(("name", "package"), [("figure", "bokeh"), ("map", "panel")])
def test_without_its_package_a_figure_says_what_it_needs(
    notebook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    monkeypatch.setattr(outputs, "library_source", lambda name: None if name == package else "")
    html = rendered_cell(notebook, name, tmp_path).html
    assert f"is interactive where the package {package} is installed" in html
    assert "<iframe" not in html
