"""Outputs of the real plotly, Altair and ipywidgets, executed by a kernel and seen in Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat
import pytest
from notebook_page import CHROMIUM, browser, executed, write_page

from nbexp.render import library_source, render_notebook
from nbexp.reports.pages import library_script

PACKAGES = ("plotly", "vl_convert", "altair", "ipywidgets")
MISSING = [package for package in PACKAGES if find_spec(package) is None]
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="playwright or chromium is missing"),
    pytest.mark.skipif(bool(MISSING), reason=f"{MISSING} are missing: pip install 'nbexp[dev]'"),
]

WIDGETS = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
SOURCES = {
    "imports": """
        import altair as alt
        import ipywidgets as w
        import matplotlib.pyplot as plt
        %matplotlib inline
        import numpy as np
        import plotly.express as px
        import plotly.graph_objects as go
        from IPython.display import display
        from tqdm.notebook import tqdm

        df = px.data.iris()""",
    "express": "px.scatter(df, x='sepal_width', y='sepal_length', color='species').show()",
    "arrays": """
        x = np.linspace(0, 6, 300)
        go.Figure([go.Scatter(x=x, y=np.sin(x)), go.Scatter(x=x, y=np.cos(x))])""",
    "surface": "go.Figure(go.Surface(z=np.add.outer(np.sin(x[::10]), np.cos(x[::10]))))",
    "altair": """
        brush = alt.selection_interval()
        colour = alt.condition(brush, "species:N", alt.value("lightgray"))
        chart = alt.Chart(df).mark_circle().encode(
            x="sepal_width", y="sepal_length", color=colour, tooltip="species"
        )
        chart.add_params(brush)""",
    "vegalite": """
        cut = alt.param(value=1, bind=alt.binding_range(min=0, max=3, name="cut"))
        bars = alt.Chart(df).mark_bar().encode(x="species", y="count()").add_params(cut)
        bars = bars.transform_filter(alt.datum.petal_width > cut).properties(width="container")
        display({"application/vnd.vegalite.v6+json": bars.to_dict()}, raw=True)""",
    "remote": """
        display({"application/vnd.vegalite.v6+json": {
            "data": {"url": "https://example.org/data.csv"}, "mark": "point",
            "encoding": {"x": {"field": "a", "type": "quantitative"}},
        }}, raw=True)""",
    "linked": """
        slider, bar = w.IntSlider(value=30, description="Share"), w.IntProgress(value=30)
        link = w.jslink((slider, "value"), (bar, "value"))
        w.VBox([slider, bar])""",
    "tab": """
        boxes = w.HBox([w.Text("abc"), w.Checkbox(True, description="on")])
        w.Tab([w.HTML("<b>Bold</b>"), boxes], titles=["First", "Second"])""",
    "output": """
        output = w.Output()
        with output:
            print("printed")
            plt.plot([1, 3, 2])
            plt.show()
        parts = [output, w.Dropdown(options=["a"])]
        w.Accordion(parts, titles=["Plot", "More"], selected_index=0)""",
    "progress": "for _ in tqdm(range(3), desc='Epochs'): pass",
    "nested": """
        inner = w.Output()
        with inner:
            go.Figure(go.Bar(y=[1, 2])).show()
        w.VBox([w.IntSlider(), inner])""",
}


@dataclass
class Opened:
    """A page, and what went wrong in it."""

    page: Any
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def frame(self, awaited: str = "#output > *") -> Any:
        """Return what is in the one frame, once something is there."""
        element = self.page.locator("iframe.nb-frame").element_handle()
        frame = element.content_frame()
        frame.wait_for_selector(awaited, state="attached")
        element.wait_for_element_state("stable")
        return frame

    def drag(self, area: Any) -> None:
        box = area.bounding_box()
        self.page.mouse.move(box["x"] + 20, box["y"] + 20)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + 150, box["y"] + 150, steps=4)
        self.page.mouse.up()


@pytest.fixture(scope="module")
def notebook() -> Any:
    """Return the notebook as a kernel leaves it."""
    return executed(SOURCES.values())


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as opened:
        yield opened


def write(folder: Path, notebook: Any, *, has_libraries: bool = True) -> Path:
    rendered = render_notebook(notebook, attachments=folder / "aside", attachments_url="aside")
    scripts = ""
    for name in rendered.libraries if has_libraries else ():
        source = library_source(name)
        assert source
        (folder / f"lib-{name}.js").write_text(library_script(name, source), encoding="utf-8")
        scripts += f'<script src="lib-{name}.js"></script>'
    return write_page(folder, rendered.html, scripts)


def open_page(chromium: Any, file: Path, theme: str = "light") -> Opened:
    opened = Opened(chromium.new_page(color_scheme=theme, viewport={"width": 900, "height": 900}))

    def on_request(request: Any) -> None:
        is_local = request.url.startswith(("file:", "data:", "blob:", "about:"))
        if not is_local:
            opened.requests.append(request.url)

    opened.page.set_default_timeout(0)  # the test's own limit holds
    opened.page.on("request", on_request)
    opened.page.on("pageerror", lambda error: opened.errors.append(str(error)))
    opened.page.goto(file.as_uri())
    return opened


def alone(notebook: Any, name: str) -> Any:
    """Return the notebook with one cell."""
    return {**notebook, "cells": [notebook.cells[list(SOURCES).index(name)]]}


@pytest.fixture
def show(chromium: Any, notebook: Any, tmp_path: Path) -> Iterator[Callable[[str], Opened]]:
    """Open a cell by name; in the end, nothing must have been asked for, or failed."""
    shown: list[Opened] = []

    def show_cell(name: str) -> Opened:
        shown.append(open_page(chromium, write(tmp_path, alone(notebook, name))))
        return shown[-1]

    yield show_cell
    for opened in shown:
        assert opened.requests == []
        assert opened.errors == []
        opened.page.close()


def test_point_of_plotly_tells_its_values_and_a_drag_zooms(show) -> None:
    opened = show("express")
    frame = opened.frame(".scatterlayer path.point")
    frame.locator(".scatterlayer path.point").first.hover(force=True)
    frame.locator(".hovertext", has_text="species=setosa").wait_for()
    span = "document.querySelector('#output')._fullLayout.xaxis.range"
    before = frame.evaluate(span)
    opened.drag(frame.locator(".nsewdrag").first)
    frame.wait_for_function(f"before => {span}[1] < before", arg=before[1])


def test_figure_of_plotly_offers_nothing_that_a_frame_can_not_do(show) -> None:
    frame = show("express").frame(".modebar-btn")
    titles = [each.get_attribute("data-title") for each in frame.locator(".modebar-btn").all()]
    assert "Zoom" in titles
    assert not [title for title in titles if "hare" in title or "ownload" in title]


def test_binary_arrays_of_plotly_are_drawn(show, notebook: Any) -> None:
    (output,) = alone(notebook, "arrays")["cells"][0].outputs
    assert "bdata" in output.data["application/vnd.plotly.v1+json"]["data"][0]["x"]
    show("arrays").frame().locator("path.js-line").nth(1).wait_for()


def test_surface_of_plotly_is_drawn(show) -> None:
    opened = show("surface")
    if not opened.page.evaluate("!!document.createElement('canvas').getContext('webgl')"):
        pytest.skip("this Chromium has no WebGL")
    opened.frame().locator(".gl-container canvas").first.wait_for()


def test_altair_has_tooltips_and_selections(show) -> None:
    opened = show("altair")
    frame = opened.frame(".mark-symbol path")
    frame.locator(".mark-symbol path").first.hover(force=True)
    frame.locator("#vg-tooltip-element.visible", has_text="setosa").wait_for()
    grey = frame.locator('path[fill="lightgray"]')
    assert grey.count() == 0
    opened.drag(frame.locator("svg .background").first)
    grey.first.wait_for()


def test_input_of_vega_changes_the_chart(show) -> None:
    frame = show("vegalite").frame(".mark-rect path")
    assert frame.locator(".mark-rect path").count() == 2
    assert frame.locator("svg").bounding_box()["width"] > 600  # all there is
    frame.locator("input[type=range]").fill("0")
    frame.locator(".mark-rect path").nth(2).wait_for()


def test_chart_with_data_from_elsewhere_says_so(show) -> None:
    show("remote").frame(".note:has-text('its data is at https://example.org/data.csv')")


@pytest.mark.parametrize(
    ("name", "light"), [("express", "rgb(42, 63, 95)"), ("vegalite", "rgb(0, 0, 0)")]
)
def test_charts_follow_the_theme(show, name: str, light: str) -> None:
    opened = show(name)
    text = ".xtick text, .role-axis-label text"
    frame = opened.frame(text)
    colour = "([text, fill]) => getComputedStyle(document.querySelector(text)).fill === fill"
    frame.wait_for_function(colour, arg=[text, light])
    for _ in range(2):  # auto, light, dark
        opened.page.locator('button[data-action="theme"]').click()
    frame.wait_for_function(colour, arg=[text, "rgb(214, 218, 226)"])


def test_slider_moves_what_it_is_linked_to(show) -> None:
    opened = show("linked")
    frame = opened.frame(".noUi-handle")
    opened.page.locator(".nb-widget").wait_for(state="hidden")
    frame.locator(".noUi-handle").press("ArrowRight")
    frame.locator(".widget-readout", has_text="31").wait_for()
    frame.locator('.progress-bar[style*="width: 31%"]').wait_for()


def test_tabs_can_be_opened(show) -> None:
    frame = show("tab").frame(".lm-TabBar-tab")
    assert frame.locator("input[type=text]").is_hidden()
    frame.get_by_text("Second").click()
    frame.locator("input[type=text]").wait_for()
    assert frame.locator("input[type=text]").input_value() == "abc"


def test_output_within_a_widget_is_shown(show) -> None:
    frame = show("output").frame("img")
    frame.get_by_text("printed").wait_for()
    assert frame.locator("img").evaluate("each => each.decode().then(() => each.naturalWidth)") > 9
    frame.get_by_text("More").click()
    frame.locator("select").wait_for()


def test_widgets_that_only_show_something_need_no_frame(show) -> None:
    page = show("progress").page
    assert "Epochs" in page.locator(".nb-widget").inner_text()
    assert page.locator("iframe").count() == 0


def test_figure_within_a_widget_is_drawn_beside_its_values(show) -> None:
    opened = show("nested")
    opened.frame(".barlayer path")
    assert opened.page.locator(".nb-widget code").inner_text() == "0"


def test_without_the_library_the_values_stay(chromium, tmp_path: Path, notebook: Any) -> None:
    file = write(tmp_path, alone(notebook, "linked"), has_libraries=False)
    opened = open_page(chromium, file)
    opened.frame(".note")
    assert opened.page.locator(".nb-widget").is_visible()
    assert not opened.page.locator("iframe").is_visible()
    opened.page.close()


def widget(name: str, module: str = "@jupyter-widgets/controls", **state: Any) -> Any:
    about = {"model_name": name, "model_module": module, "model_module_version": "2.0.0"}
    return {**about, "state": state}


def page_of(folder: Path, **models: Any) -> Path:
    output = nbformat.v4.new_output("display_data", {VIEW: {"model_id": "top"}})
    cell = nbformat.v4.new_code_cell("", outputs=[output])
    state = {"version_major": 2, "version_minor": 0, "state": models}
    made = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {WIDGETS: state}})
    return write(folder, made)


SLIDER = widget("IntSliderModel", value=5)


@pytest.mark.parametrize(
    "models",
    [
        pytest.param({"strange": widget("FigureModel", "bqplot")}, id="module"),
        pytest.param({"strange": widget("NoSuchModel")}, id="model"),
        pytest.param(
            {"strange": widget("HTMLModel", _view_module="https://example.org/a", _view_name="A")},
            id="view",
        ),
    ],
)
def test_values_stay_where_a_widget_is_not_known(chromium, tmp_path: Path, models: Any) -> None:
    top = widget("VBoxModel", children=["IPY_MODEL_slider", "IPY_MODEL_strange"])
    opened = open_page(chromium, page_of(tmp_path, top=top, slider=SLIDER, **models))
    if models["strange"]["model_module"] != "bqplot":
        opened.frame(".note")
    assert opened.page.locator(".nb-widget", has_text="5").is_visible()
    assert opened.page.locator("iframe:visible").count() == 0
    assert opened.requests == []
    opened.page.close()


def test_hostile_widget_reaches_nothing(chromium, tmp_path: Path) -> None:
    attempt = "<img src='x' onerror='parent.pwned=1;top.location=\"/\"'>"
    html = f"{attempt}<iframe srcdoc='x'></iframe><script>parent.pwned=1</script>"
    top = widget("VBoxModel", children=["IPY_MODEL_slider", "IPY_MODEL_html"])
    hostile = widget("HTMLModel", value=html)
    slider = widget("IntSliderModel", value=5, description=html, description_allow_html=True)
    opened = open_page(chromium, page_of(tmp_path, top=top, slider=slider, html=hostile))
    opened.frame("nb-iframe")
    opened.page.locator(".nb-widget").wait_for(state="hidden")
    assert opened.page.evaluate("'pwned' in window") is False
    assert len(opened.page.frames) == 2
    assert opened.page.url.endswith("/page.html")
    opened.page.close()
