from __future__ import annotations

import base64
import json
import sys
import time
import tracemalloc
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from nbexp.render import RenderedNotebook, library_source, render_notebook


def png(size: int) -> str:
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(size)).decode()


PNG = png(60)
FIGURE = {"data": [{"y": [1, 2]}], "layout": {"height": 300}}
PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"


def render(
    folder: Path, *cells: Any, inline_bytes: int = 256_000, **metadata: Any
) -> RenderedNotebook:
    notebook = {"cells": list(cells), "metadata": metadata}
    return render_notebook(
        notebook,
        attachments=folder / "aside",
        attachments_url="pages/aside",
        inline_bytes=inline_bytes,
    )


def display(image: str) -> Any:
    return new_output("display_data", {"image/png": image})


def shown(folder: Path, data: dict[str, Any], metadata: dict[str, Any] | None = None) -> str:
    output = {"output_type": "display_data", "data": data, "metadata": metadata or {}}
    html = render(folder, {"cell_type": "code", "source": "", "outputs": [output]}).html
    return html.partition('<div class="nb-outputs">')[2].removesuffix("</div></article>")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a folder on the path, for packages that stand in for those of libraries."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    library_source.cache_clear()
    yield folder
    library_source.cache_clear()
    for name in ("plotly", "vl_convert"):
        sys.modules.pop(name, None)


def add_plotly(folder: Path) -> None:
    data = folder / "plotly" / "package_data"
    data.mkdir(parents=True)
    (folder / "plotly" / "__init__.py").write_text("raise ImportError('too heavy to import')")
    (data / "plotly.min.js").write_text("window.Plotly = {};", encoding="utf-8")


def test_cells_are_numbered_and_described(tmp_path: Path) -> None:
    timed = {"papermill": {"duration": 1.25, "status": "completed"}}
    page = render(
        tmp_path,
        new_markdown_cell("# Title", id="title"),
        new_code_cell("a = 1", id="own", metadata={"tags": ["parameters"]}),
        new_code_cell("# Parameters\na = 2", metadata={"tags": ["injected-parameters"]}),
        new_code_cell("\n  work()\n", execution_count=7, id="work", metadata=timed),
        new_raw_cell("raw <b>", id="raw"),
    )
    assert [cell.number for cell in page.cells] == [1, 2, 3, 4, 5]
    assert [cell.kind for cell in page.cells] == ["markdown", "code", "code", "code", "raw"]
    assert [cell.key for cell in page.cells] == [
        "title",
        "own",
        "injected-parameters",
        "work",
        "raw",
    ]
    assert [cell.is_parameters for cell in page.cells] == [False, True, False, False, False]
    assert [cell.is_injected for cell in page.cells] == [False, False, True, False, False]
    work = page.cells[3]
    assert (work.seconds, work.status, work.first_line) == (1.25, "completed", "work()")
    assert '<article class="nb-cell" id="cell-4" data-kind="code" data-key="work"' in page.html
    assert '<span class="nb-number">[7]</span>' in page.html
    assert '<span class="nb-time">1.2 s</span>' in page.html
    assert "raw &lt;b&gt;" in page.html
    assert [heading.anchor for heading in page.headings] == ["nb-title"]


def test_keys_of_cells_are_unique_and_do_without_ids(tmp_path: Path) -> None:
    cells = [{"cell_type": "code", "source": "x", "outputs": [], "metadata": {}}] * 2
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    page = render_notebook(notebook, attachments=tmp_path, attachments_url="a")
    first, second = (cell.key for cell in page.cells)
    assert second == f"{first}--2"


@pytest.mark.parametrize(
    ("metadata", "html"),
    [
        ({"language_info": {"name": "python", "pygments_lexer": "ipython3"}}, '<span class="k">if'),
        ({"language_info": {"name": "bash"}}, '<span class="k">if</span>'),
        ({"kernelspec": {"language": "R", "name": "ir"}}, '<span class="kr">if'),
        ({"kernelspec": {"language": "made-up", "name": "x"}}, "<code>if x"),
        ({"language_info": {"name": 3}, "kernelspec": []}, "<code>if x"),
    ],
)
def test_source_is_highlighted_in_any_language(tmp_path, metadata, html) -> None:
    notebook = {"cells": [new_code_cell("if x")], "metadata": metadata}
    page = render_notebook(notebook, attachments=tmp_path, attachments_url="a").html
    assert html in page


def test_folded_source_stays_folded(tmp_path: Path) -> None:
    page = render(tmp_path, new_code_cell("x", metadata={"jupyter": {"source_hidden": True}}))
    assert '<details class="nb-source"><summary>' in page.html


def test_streams_are_joined_as_in_a_terminal(tmp_path: Path) -> None:
    pieces = [
        new_output("stream", name="stderr", text=text) for text in (" 10%", "\r 50%", "\r100%\n")
    ]
    page = render(
        tmp_path, new_code_cell("", outputs=[*pieces, new_output("stream", text="<out>")])
    )
    assert '<pre class="nb-text nb-stderr">100%\n</pre>' in page.html
    assert '<pre class="nb-text nb-stdout">&lt;out&gt;</pre>' in page.html


def test_error_picks_out_its_last_line(tmp_path: Path) -> None:
    trace = ["\x1b[31m----\x1b[39m", "Cell In[1], line 1", "\x1b[31mValueError\x1b[39m: too <big>"]
    error = new_output("error", ename="ValueError", evalue="too <big>", traceback=trace)
    page = render(tmp_path, new_code_cell("f()", outputs=[error]))
    assert page.cells[0].status == "failed"
    assert '<article class="nb-cell is-failed"' in page.html
    assert "<strong>ValueError</strong>: too &lt;big&gt;" in page.html
    assert page.html.count("too &lt;big&gt;") == 1
    assert '<span class="nb-f1">----</span>' in page.html


def test_error_that_was_expected_is_no_failure(tmp_path: Path) -> None:
    error = new_output("error", ename="E", evalue="", traceback=[])
    page = render(
        tmp_path, new_code_cell("", outputs=[error], metadata={"tags": ["raises-exception"]})
    )
    assert page.cells[0].status == "completed"


def test_papermills_markers_become_one_line(tmp_path: Path) -> None:
    tagged = {"tags": ["papermill-error-cell-tag"]}
    error = new_output("error", ename="E", evalue="x", traceback=[])
    page = render(
        tmp_path,
        new_markdown_cell("<span style='color:red'>An Exception…</span>", metadata=tagged),
        new_code_cell("fine"),
        new_markdown_cell("<span id='papermill-error-cell'>Execution…</span>", metadata=tagged),
        new_code_cell("bad", outputs=[error]),
    )
    assert [cell.number for cell in page.cells] == [1, 2]
    assert 'ended with an error in <a href="#cell-2">this cell</a>' in page.html
    assert "Exception…" not in page.html


@pytest.mark.parametrize(
    ("data", "html"),
    [
        ({"text/plain": "p", "text/html": "<b>h</b>", "image/png": PNG}, "<b>h</b>"),
        (
            {"text/plain": "p", "image/png": PNG, "image/svg+xml": "<svg/>"},
            "data:image/svg+xml;base64,",
        ),
        ({"text/plain": "p", "image/png": PNG}, f'<img src="data:image/png;base64,{PNG}" alt="p"'),
        ({"text/plain": "p", "text/markdown": "*m*", "text/latex": "x"}, "<em>m</em>"),
        ({"text/plain": "p", "text/latex": "$\\displaystyle x^2$"}, '<math display="block">'),
        ({"text/plain": "p", "text/latex": "an $x$"}, '<math display="inline">'),
        ({"text/plain": "p", "application/json": {"a": [1]}}, "JSON, 1 items"),
        ({"text/plain": "p", "application/javascript": "x"}, '<iframe class="nb-frame"'),
        ({"text/plain": "p", "text/html": "<script>x</script>"}, 'sandbox="allow-scripts"'),
        ({"text/html": "<div><iframe srcdoc='&lt;b&gt;in&lt;/b&gt;'></iframe></div>"}, "<b>in</b>"),
        (
            {"text/html": '<iframe src="https://x.org/?a=1"></iframe>'},
            '<a href="https://x.org/?a=1"',
        ),
        ({"text/plain": "<p>", "application/x-new": "?"}, "&lt;p&gt;</pre>"),
        ({"text/plain": "p", "text/html": "  "}, ">p</pre>"),
        ({"application/x-new": "b?ytes"}, 'download="cell-1.bin"'),
        ({"application/pdf": "JVBERi0="}, 'download="cell-1.pdf"'),
    ],
)
def test_richest_form_that_can_be_shown_is(tmp_path, data, html) -> None:
    assert html in shown(tmp_path, data)


@pytest.mark.parametrize("value", ["no base64!", PNG[:-7] + "?", "aGVsbG8=", "", ["x", 3], None])
def test_broken_image_leaves_a_note(tmp_path, value) -> None:
    assert "This image can&#x27;t be shown" in shown(tmp_path, {"image/png": value})


def test_map_of_folium_asks_nobody_to_trust_it(tmp_path: Path) -> None:
    words = '<span style="color:#565656">Make this Notebook Trusted to load map: File</span>'
    inner = "<script src=https://cdn.example/leaflet.js></script>"
    html = f'<div style="x"><div>{words}<iframe srcdoc="{escape(inner)}"></iframe></div></div>'
    page = shown(tmp_path, {"text/html": html})
    assert "Make this Notebook" not in page
    assert "Its scripts are at cdn.example" in page


@pytest.mark.parametrize(
    ("html", "host"),
    [
        ('<script src="https://cdn.example/x.js"></script>', "cdn.example"),
        ("<div></div><script>load('https://a.example/x/y.min.js')</script>", "a.example"),
        ("<script async\nSRC=http://b.example/z></script>", "b.example"),
        ("<script>fetch('https://a.example/x.json')</script>", None),
        (f"<script>{' ' * 60_000} const home = 'https://a.example/x.js'</script>", None),
    ],
)
def test_scripts_that_are_elsewhere_are_told(tmp_path: Path, html: str, host: str | None) -> None:
    note = f"Its scripts are at {host}, and a report loads nothing"
    assert ("Its scripts are at" in shown(tmp_path, {"text/html": html})) == (host is not None)
    assert host is None or note in shown(tmp_path, {"text/html": html})


def test_image_keeps_its_size_and_its_words(tmp_path: Path) -> None:
    about = {"image/png": {"width": 300, "height": "x"}, "alt": "A 'curve'"}
    html = shown(tmp_path, {"image/png": PNG, "text/plain": "<Figure>"}, about)
    assert 'alt="A &#x27;curve&#x27;" width="300">' in html


def test_image_has_the_size_that_its_file_tells(tmp_path: Path) -> None:
    head = (
        b"\x89PNG\r\n\x1a\n"
        + b"\0\0\0\rIHDR"
        + (640).to_bytes(4, "big")
        + (0x1E0).to_bytes(4, "big")
    )
    html = shown(tmp_path, {"image/png": base64.b64encode(head).decode()})
    assert 'width="640" height="480"' in html
    assert "width" not in shown(tmp_path, {"image/png": PNG})


def test_attached_images_are_shown(tmp_path: Path) -> None:
    cell = new_markdown_cell("![p](attachment:p.png)", attachments={"p.png": {"image/png": PNG}})
    assert f'src="data:image/png;base64,{PNG}"' in render(tmp_path, cell).html


def test_glued_values_are_short_lines(tmp_path: Path) -> None:
    scrap = {"name": "acc<uracy", "data": 0.123456789, "encoder": "json", "version": 1}
    html = shown(tmp_path, {"application/scrapbook.scrap.json+json": scrap})
    assert "acc&lt;uracy = <code>0.123457</code>" in html
    long = {"name": "table", "data": [1] * 1_000, "encoder": "json"}
    assert len(shown(tmp_path, {"application/scrapbook.scrap.json+json": long})) < 300
    assert "old = <code>3</code>" in shown(
        tmp_path, {"application/papermill.record+json": {"old": 3}}
    )


def test_glued_figure_has_its_name(tmp_path: Path) -> None:
    html = shown(tmp_path, {"image/png": PNG}, {"scrapbook": {"name": "curves"}})
    assert "curves</figcaption>" in html


@pytest.mark.parametrize(
    "output",
    [
        {"output_type": "display_data", "data": {PLOTLY: 3, "image/png": {}}},
        {"output_type": "display_data", "data": {WIDGET: "x", "text/plain": ["a", 1]}},
        {"output_type": "display_data", "data": []},
        {"output_type": "stream", "text": 7, "name": []},
        {"output_type": "error", "traceback": 3},
        {"output_type": "display_data", "data": {"text/plain": "\ud800"}, "metadata": 3},
        {"output_type": "wrong"},
        "nothing",
        None,
    ],
)
def test_malformed_output_stops_nothing(tmp_path, output) -> None:
    after = new_output("stream", text="after")
    cell = {"cell_type": "code", "source": ["a", 3], "outputs": [output, after], "metadata": []}
    cells = [cell, 3, {}, new_code_cell("the end")]
    notebook = {"cells": cells, "metadata": None}
    page = render_notebook(notebook, attachments=tmp_path, attachments_url="a")
    page.html.encode()
    assert ">after</pre>" in page.html
    assert "the end" in page.html or '<span class="n">the</span>' in page.html


def test_figure_of_plotly_asks_the_page_for_its_library(packages: Path, tmp_path: Path) -> None:
    add_plotly(packages)
    output = new_output("display_data", {PLOTLY: FIGURE, "text/html": "<script>x</script>"})
    page = render(tmp_path, new_code_cell("", outputs=[output]))
    assert page.libraries == {"plotly"}
    assert "height:300px" in page.html
    assert "nbexp.library(&quot;plotly&quot;)" in page.html
    assert library_source("plotly") == "window.Plotly = {};"


def test_chart_of_vega_asks_the_page_for_its_library(packages: Path, tmp_path: Path) -> None:
    (packages / "vl_convert.py").write_text(
        "def javascript_bundle(): return 'window.vegaEmbed = 1'"
    )
    data = {"application/vnd.vegalite.v5+json": {"mark": "</script>"}, "text/plain": "chart"}
    page = render(tmp_path, new_code_cell("", outputs=[new_output("display_data", data)]))
    assert page.libraries == {"vega"}
    assert "\\u003c/script&gt;" in page.html
    assert library_source("vega") == "window.vegaEmbed = 1"


@pytest.mark.parametrize(
    ("mime", "package"),
    [(PLOTLY, "plotly"), ("application/vnd.vegalite.v4+json", "vl-convert-python")],
)
def test_figure_without_its_library_is_an_image(mime, package, packages, tmp_path) -> None:
    for name in ("plotly", "vl_convert"):  # hides packages that are installed
        (packages / name).with_suffix(".py").write_text("")
    data = {mime: FIGURE, "text/html": "<script src='//cdn'></script>", "image/png": PNG}
    html = shown(tmp_path, data)
    assert "<img" in html
    assert f"where the package {package} is installed" in html
    assert "iframe" not in html


def widget(model: str, **state: Any) -> dict[str, Any]:
    return {"model_name": model, "model_module": "@jupyter-widgets/controls", "state": state}


def widgets(**models: dict[str, Any]) -> dict[str, Any]:
    state = {"state": models, "version_major": 2, "version_minor": 0}
    return {"application/vnd.jupyter.widget-state+json": state}


def shown_widget(folder: Path, **models: dict[str, Any]) -> str:
    output = new_output("display_data", {WIDGET: {"model_id": "top"}, "text/plain": "a widget"})
    return render(folder, new_code_cell("", outputs=[output]), widgets=widgets(**models)).html


def test_widgets_show_the_values_that_they_had(tmp_path: Path) -> None:
    html = shown_widget(
        tmp_path,
        top=widget(
            "HBoxModel", children=["IPY_MODEL_bar", "IPY_MODEL_text", "IPY_MODEL_pick", "x"]
        ),
        bar=widget("FloatProgressModel", value=30, max=40, description="steps"),
        text=widget("HTMLModel", value="<b>30</b>/40<script>x</script>"),
        pick=widget("DropdownModel", _options_labels=["adam", "sgd"], index=1, description="by"),
    )
    assert '<progress max="1" value="0.75">' in html
    assert "<b>30</b>/40</div>" in html
    assert '<span class="nb-label">by</span> <code>sgd</code>' in html


def test_unknown_widget_is_its_text(tmp_path: Path) -> None:
    assert ">a widget</pre>" in shown_widget(tmp_path, top=widget("FigureModel"))
    assert ">a widget</pre>" in shown_widget(tmp_path)


def test_widget_holds_outputs_and_not_itself(tmp_path: Path) -> None:
    view = {"output_type": "display_data", "data": {WIDGET: {"model_id": "top"}}, "metadata": {}}
    outputs = [{"output_type": "stream", "name": "stdout", "text": "inside"}, view]
    assert ">inside</pre>" in shown_widget(tmp_path, top=widget("OutputModel", outputs=outputs))
    many = widget("VBoxModel", children=["IPY_MODEL_top"] * 100)
    assert ">a widget</pre>" in shown_widget(tmp_path, top=many)


def test_big_text_goes_aside_whole(tmp_path: Path) -> None:
    text = "".join(f"line {number} ü\n" for number in range(5_000))
    page = render(
        tmp_path, new_code_cell("", outputs=[new_output("stream", text=text)]), inline_bytes=10_000
    )
    assert (tmp_path / "aside/cell-1-1.txt").read_text("utf-8-sig") == text
    assert '<a href="pages/aside/cell-1-1.txt">Show all 5,001 lines</a>' in page.html
    assert "line 199 ü" in page.html
    assert "line 200 ü" not in page.html
    assert "line 4999 ü" in page.html


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (
            {"image/png": base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(9_000)).decode()},
            "cell-1-1.png",
        ),
        ({"text/html": "<p>" * 5_000}, "cell-1-1.html"),
        ({"image/svg+xml": f"<svg><!--{'x' * 9_000}--></svg>"}, "cell-1-1.html"),
        ({"application/x-new": "?" * 9_000}, "cell-1-1.bin"),
        ({"application/json": ["x" * 9_000]}, "cell-1-1.txt"),
    ],
)
def test_big_output_goes_aside(tmp_path, data, name) -> None:
    cell = new_code_cell("", outputs=[new_output("display_data", data)])
    page = render(tmp_path, cell, inline_bytes=5_000)
    assert [path.name for path in (tmp_path / "aside").iterdir()] == [name]
    assert f'"pages/aside/{name}"' in page.html


def test_many_outputs_that_add_up_go_aside_too(tmp_path: Path) -> None:
    outputs = [display(PNG) for _ in range(300)]
    page = render(tmp_path, new_code_cell("", outputs=outputs), inline_bytes=600)
    assert len(page.html) < 60_000
    assert len(list((tmp_path / "aside").iterdir())) > 50


def test_small_notebook_leaves_nothing_aside(tmp_path: Path) -> None:
    render(tmp_path, new_code_cell("", outputs=[display(PNG)]))
    assert not (tmp_path / "aside").exists()


def test_notebook_of_100_mb_takes_little_memory(tmp_path: Path) -> None:
    outputs = [display(png(7_000_000))] * 10
    lines = new_output("stream", text="0123456789\n" * 500_000)
    cell = {"cell_type": "code", "source": "", "outputs": [*outputs, lines], "metadata": {}}
    tracemalloc.start()
    page = render_notebook(
        {"cells": [cell], "metadata": {}}, attachments=tmp_path, attachments_url="a"
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(page.html) < 100_000
    assert peak < 100_000_000


def test_notebooks_alike_are_rendered_quickly(tmp_path: Path) -> None:
    def notebook(number: int) -> Any:
        cells = [
            cell
            for step in range(10)
            for cell in (
                new_markdown_cell(f"## Step {step}\n\nSome *words* and $x_{step}^2$."),
                new_code_cell(
                    f"value = step_{step}(a, b=3)\nprint(value)  # {step}",
                    outputs=[
                        new_output("stream", text=f"{number} {step}\n"),
                        new_output("display_data", {"text/html": TABLE, "text/plain": "t"}),
                    ],
                ),
            )
        ]
        return json.loads(json.dumps(new_notebook(cells=cells)))

    notebooks = [notebook(number) for number in range(30)]
    render_notebook(notebooks[0], attachments=tmp_path, attachments_url="a")
    started = time.perf_counter()
    for each in notebooks:
        render_notebook(each, attachments=tmp_path, attachments_url="a")
    assert (time.perf_counter() - started) / len(notebooks) < 0.03  # it takes a tenth of that


TABLE = (
    "<table class='dataframe'>" + "<tr><th>0</th><td>1.5</td><td>2.5</td></tr>" * 10 + "</table>"
)
