"""Interactive outputs in a real browser: what runs in a frame gets what it needs from the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from notebook_page import CHROMIUM, browser, write_page

from nbexp.render import sandbox
from nbexp.render.attachments import Attachments
from nbexp.render.sandbox import html_frame, plotly_frame, script_frame, vega_frame
from nbexp.reports.pages import library_script

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="playwright or chromium is missing")

# Each does what the library's own file does: it sets one global name, by a function in strict mode.
PLOTLY = """(function () { "use strict"; window.Plotly = { newPlot(id, figure) {
  const box = document.getElementById(id);
  box.innerHTML = `<svg class="plot" width="10" height="${figure.layout.height}"></svg>`;
  return new Function("return Promise.resolve()")();
} }; })();"""
VEGA = """var vegaEmbed = (id, spec) => {
  document.querySelector(id).textContent = `mark ${spec.mark}`;
  return Promise.resolve();
};"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as opened:
        yield opened


def opened(chromium: Any, folder: Path, html: str, scripts: str = "") -> tuple[Any, Any]:
    """Return the page and what is in its one frame."""
    page = chromium.new_page(color_scheme="light")
    page.goto(write_page(folder, html, scripts).as_uri())
    return page, page.frame_locator("iframe.nb-frame")


def library(folder: Path, name: str, source: str) -> str:
    (folder / f"lib-{name}.js").write_text(library_script(name, source), encoding="utf-8")
    return f'<script src="lib-{name}.js"></script>'


def height_of(page: Any, height: int) -> None:
    page.wait_for_function(
        "height => document.querySelector('iframe.nb-frame').offsetHeight === height", arg=height
    )


@pytest.mark.parametrize("inline_bytes", [256_000, 10])
def test_figure_of_plotly_is_drawn_as_tall_as_it_is(chromium, tmp_path, inline_bytes) -> None:
    attachments = Attachments(tmp_path / "aside", "aside", inline_bytes)
    html = plotly_frame({"data": [], "layout": {"height": 321}}, attachments)
    page, frame = opened(chromium, tmp_path, html, library(tmp_path, "plotly", PLOTLY))
    frame.locator("svg.plot").wait_for()
    height_of(page, 329)  # and the line that it stands on
    page.close()


def test_frame_keeps_its_place_until_something_is_drawn(chromium, tmp_path) -> None:
    attachments = Attachments(tmp_path, "", 256_000)
    slow = PLOTLY.replace('new Function("return Promise.resolve()")()', "new Promise(() => {})")
    html = plotly_frame({"data": [], "layout": {"height": 321}}, attachments)
    grown = html_frame("<p>first</p>", attachments) + html
    page, _ = opened(chromium, tmp_path, grown, library(tmp_path, "plotly", slow))
    frames = page.locator("iframe.nb-frame")
    frames.nth(1).content_frame.locator("svg.plot").wait_for()
    page.wait_for_function("document.querySelector('iframe').offsetHeight < 100")  # by a message
    assert frames.nth(1).evaluate("frame => frame.offsetHeight") == 321
    page.close()


def test_chart_of_vega_is_drawn(chromium, tmp_path) -> None:
    html = vega_frame({"mark": "</script>"}, Attachments(tmp_path, "", 256_000))
    page, frame = opened(chromium, tmp_path, html, library(tmp_path, "vega", VEGA))
    frame.get_by_text("mark </script>").wait_for()
    page.close()


def test_frame_says_so_where_its_library_is_missing(chromium, tmp_path) -> None:
    html = vega_frame({"mark": "bar"}, Attachments(tmp_path, "", 256_000))
    page, frame = opened(chromium, tmp_path, html)
    frame.get_by_text("the report has no library vega").wait_for()
    page.close()


def test_script_finds_its_place(chromium, tmp_path) -> None:
    html = script_frame("element.append('written </script>')", Attachments(tmp_path, "", 256_000))
    page, frame = opened(chromium, tmp_path, html)
    frame.get_by_text("written </script>").wait_for()
    page.close()


TEXTS = """
<style>p { --frames: "i<frames" } </style>
<svg><text>a&lt;link</text></svg><p id="p"></p>
<script type="application/json" id="json">
  {"less": "i<frames.length", "more": "a<metadata>"}
</script>
<script>
  const frames = [1, 2, 3], links = 9, object = { size: 4 }, meta = 7, metadata = 8;
  const json = JSON.parse(document.getElementById("json").textContent);
  const css = getComputedStyle(document.getElementById("p")).getPropertyValue("--frames");
  let count = 0;
  for (let i = 0; i<frames.length; i++) count += 1<links && 1<object.size && 1<metadata;
  document.getElementById("p").innerHTML = `<b>${count} ${1<meta}</b><metas>x</metas>`;
  document.body.append([json.less, json.more, css].join(" "));
</script>"""


def test_text_of_scripts_and_styles_stays_as_it_is(chromium, tmp_path) -> None:
    html = html_frame(TEXTS, Attachments(tmp_path, "", 256_000))
    page, frame = opened(chromium, tmp_path, html)
    frame.get_by_text('i<frames.length a<metadata> "i<frames"').wait_for()
    assert frame.locator("#p").inner_text() == "3 truex"
    assert frame.locator("metas").count() == 1
    page.close()


def test_script_that_fails_says_why(chromium, tmp_path) -> None:
    html = script_frame("nothing.there()", Attachments(tmp_path, "", 256_000))
    page, frame = opened(chromium, tmp_path, html)
    frame.get_by_text("nothing is not defined").wait_for()
    page.close()


def test_frame_follows_the_theme(chromium, tmp_path) -> None:
    page, frame = opened(
        chromium, tmp_path, html_frame("<p>x</p>", Attachments(tmp_path, "", 256_000))
    )
    frame.locator(':root[data-theme="light"]').wait_for()
    for _ in range(2):  # auto, light, dark
        page.locator('button[data-action="theme"]').click()
    frame.locator(':root[data-theme="dark"]').wait_for()
    page.close()


def test_frame_grows_and_shrinks_with_its_content(chromium, tmp_path) -> None:
    html = html_frame(
        "<style>p { margin: 0; height: 40px } .tall { height: 400px }</style>"
        "<p onclick='this.classList.toggle(`tall`)'>x</p>",
        Attachments(tmp_path, "", 256_000),
    )
    page, frame = opened(chromium, tmp_path, html)
    for height in (42, 402, 42):
        height_of(page, height)
        frame.locator("p").click()
    page.close()


def test_link_in_a_frame_leaves_it_as_it_is(chromium, tmp_path) -> None:
    html = html_frame("<a href='https://example.org'>away</a>", Attachments(tmp_path, "", 256_000))
    page, frame = opened(chromium, tmp_path, html)
    frame.get_by_text("away").click()
    frame.get_by_text("away").click()
    assert page.frames[1].url == "about:srcdoc"
    page.close()


def test_names_of_libraries_have_packages() -> None:
    assert sandbox.LIBRARIES.keys() == {"plotly", "vega", "widgets", "bokeh", "panel"}
