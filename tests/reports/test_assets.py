"""The scripts and styles of reports, in Chromium and from files."""

from __future__ import annotations

import csv
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from assets_page import SECTIONS, frame, stage_data, write_page
from playwright.sync_api import expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

Open = Callable[..., Any]
WIDE = {"width": 1200, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def troubles() -> list[str]:
    """Return what pages complained of, and asked for beyond their folder."""
    return []


@pytest.fixture
def open_page(browser: Any, tmp_path: Path, troubles: list[str]) -> Iterator[Open]:
    """Return a function that opens a page of a stage; without complaints, the test has passed."""
    contexts: list[Any] = []

    def open_(data: dict[str, Any], *, extra: str = "", fragment: str = "", **options: Any) -> Any:
        file = write_page(tmp_path, data, extra=extra)
        context = browser.new_context(**{"viewport": WIDE, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: _note_request(request.url, tmp_path, troubles))
        page.goto(file.as_uri() + fragment)
        page.wait_for_selector("#table tbody tr")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture(scope="module")
def many(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a page of 24 variants that stays open for all that only filters it."""
    page = browser.new_page(viewport=WIDE)
    page.goto(write_page(tmp_path_factory.mktemp("many"), stage_data(24)).as_uri())
    page.wait_for_selector("#table tbody tr")
    yield page
    page.close()


def _note_request(url: str, folder: Path, troubles: list[str]) -> None:
    if not url.startswith((folder.as_uri(), "data:", "blob:", "about:")):
        troubles.append(f"asked for {url}")


def column(page: Any, key: str) -> list[str]:
    """Return what a column of the table shows, from above."""
    return page.evaluate(
        """(key) => {
          const buttons = [...document.querySelectorAll("#table thead button")];
          const at = buttons.findIndex((each) => each.dataset.key === key);
          const rows = [...document.querySelectorAll("#table tbody tr")];
          const text = (cell) => (cell.querySelector("a, .badge, .clip") || cell).textContent;
          return rows.map((row) => text(row.cells[at]).replace(" (best)", ""));
        }""",
        key,
    )


def head(page: Any, key: str) -> Any:
    return page.locator(f'#table thead button[data-key="{key}"]')


def filter_by(page: Any, text: str) -> list[str]:
    """Filter the table, and return the variants that are left."""
    page.fill("input[data-filter]", text)
    return column(page, "variant")


def show_all(page: Any) -> None:
    """Have every chart drawn."""
    for name in SECTIONS:
        page.locator(f"#{name}").scroll_into_view_if_needed()
    page.wait_for_selector("#curves .line")


def test_sorting_goes_down_up_and_back_with_missing_values_last(open_page: Open) -> None:
    page = open_page(stage_data())
    before = column(page, "val_accuracy")
    head(page, "val_accuracy").click()
    down = column(page, "val_accuracy")
    assert head(page, "val_accuracy").locator("..").get_attribute("aria-sort") == "descending"
    head(page, "val_accuracy").click()
    up = column(page, "val_accuracy")
    assert head(page, "val_accuracy").locator("..").get_attribute("aria-sort") == "ascending"
    assert down[-1] == up[-1] == ""
    assert down[:-1] == sorted(down[:-1], key=float, reverse=True) == up[:-1][::-1]
    head(page, "val_accuracy").click()
    assert column(page, "val_accuracy") == before
    assert head(page, "val_accuracy").locator("..").get_attribute("aria-sort") is None


def test_a_second_key_sorts_within_the_first(open_page: Open) -> None:
    page = open_page(stage_data())
    head(page, "hidden").click()
    head(page, "lr").click(modifiers=["Shift"])
    pairs = list(zip(column(page, "hidden"), column(page, "lr"), strict=True))
    assert pairs == sorted(pairs, key=lambda pair: (int(pair[0]), float(pair[1])))


def test_not_a_number_is_last_and_infinity_is_largest(open_page: Open) -> None:
    data = stage_data(4)
    at = [each["key"] for each in data["columns"]].index("train_loss")
    for row, value in zip(data["rows"], ["nan", "inf", 2.5, "-inf"], strict=True):
        row[at] = value
    page = open_page(data)
    head(page, "train_loss").click()
    assert column(page, "train_loss") == ["-∞", "2.5", "∞", "NaN"]
    head(page, "train_loss").click()
    assert column(page, "train_loss") == ["∞", "2.5", "-∞", "NaN"]


def test_texts_sort_by_the_numbers_in_them(open_page: Open) -> None:
    data = stage_data(3)
    at = [each["key"] for each in data["columns"]].index("optimizer")
    for row, value in zip(data["rows"], ["layer10", "layer9", "Layer1"], strict=True):
        row[at] = value
    page = open_page(data)
    head(page, "optimizer").click()
    assert column(page, "optimizer") == ["Layer1", "layer9", "layer10"]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("lr<0.01", lambda row: row["lr"] < 0.01),
        ("lr < 0.01 hidden = 64", lambda row: row["lr"] < 0.01 and row["hidden"] == 64),
        ("hidden=16|64", lambda row: row["hidden"] in (16, 64)),
        ("state=failed", lambda row: row["state"] == "failed"),
        ("state!=finished", lambda row: row["state"] != "finished"),
        ("val_accuracy>=0.7", lambda row: (row["val_accuracy"] or 0) >= 0.7),
        ("train_loss=nan", lambda row: row["train_loss"] == "nan"),
        ("took>1m", lambda row: row["took"] > 60),
        ("SGD", lambda row: row["optimizer"] == "sgd"),
        ('"16, <b>" adam', lambda row: row["hidden"] == 16 and row["optimizer"] == "adam"),
        ("nowhere", lambda _: False),
    ],
)
def test_filter(many: Any, text: str, holds: Callable[[dict[str, Any]], bool]) -> None:
    data = stage_data(24)
    keys = [each["key"] for each in data["columns"]]
    rows = [dict(zip(keys, row, strict=True)) for row in data["rows"]]
    assert filter_by(many, text) == [row["variant"] for row in rows if holds(row)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("lrr<0.01", "There is no column “lrr”; did you mean “lr”?"),
        ("lr<", "“lr<” wants a value after it."),
        ("lr<abc", "“lr” is compared with numbers; “abc” is none."),
    ],
)
def test_a_wrong_filter_says_so_and_hides_nothing(many: Any, text: str, problem: str) -> None:
    assert len(filter_by(many, text)) == 24
    assert many.locator("#table .hint .problem").text_content() == problem
    assert many.locator("input[data-filter]").get_attribute("aria-invalid") == "true"


def test_what_does_not_differ_is_hidden_until_it_is_chosen(open_page: Open) -> None:
    page = open_page(stage_data())
    expect(head(page, "epochs")).to_have_count(0)
    page.click("#table .menu > summary")
    page.check('#table .menu input[value="epochs"]')
    assert column(page, "epochs") == ["30"] * 12
    page.uncheck('#table .menu input[value="lr"]')
    expect(head(page, "lr")).to_have_count(0)
    page.keyboard.press("Escape")
    assert not page.locator("#table .menu").get_attribute("open")
    page.click("#table .menu > summary")
    page.get_by_role("button", name="As at first").click()
    assert (head(page, "epochs").count(), head(page, "lr").count()) == (0, 1)


def test_what_matters_is_picked_out(open_page: Open) -> None:
    page = open_page(stage_data())
    assert page.locator("#table th.is-varying").all_text_contents() == ["hidden", "lr", "optimizer"]
    best = max(column(page, "val_accuracy"))
    assert page.locator("#table td.is-best").text_content() == f"{best} (best)"
    expect(page.locator("#table .tag")).to_have_count(1)


def test_chosen_variants_are_compared(open_page: Open) -> None:
    data = stage_data()
    page = open_page(data)
    boxes = page.locator('#table tbody input[type="checkbox"]')
    boxes.nth(3).check()
    expect(page.locator("#table .choice a")).to_have_count(0)
    boxes.nth(1).check()
    head(page, "lr").click()
    link = page.locator("#table .choice a")
    names = ",".join(data["rows"][row][0] for row in (1, 3))
    assert link.get_attribute("href") == f"../compare.html#train:{names}"
    assert link.text_content() == "Compare 2"
    page.locator("#table .choice button").click()
    expect(page.locator("#table .is-selected")).to_have_count(0)


def test_csv_has_the_rows_and_columns_shown_at_full_precision(open_page: Open) -> None:
    data = stage_data()
    page = open_page(data)
    filter_by(page, "hidden=64")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save as CSV").click()
    assert waiting.value.suggested_filename == "train.csv"
    lines = Path(waiting.value.path()).read_text().splitlines()
    assert lines[0] == "variant,state,val_accuracy,hidden,lr,optimizer,train_loss,took"
    rows = [row for row in data["rows"] if row[3] == 64]
    assert [line.split(",")[2] for line in lines[1:]] == [
        "" if row[2] is None else repr(row[2]) for row in rows
    ]


def test_csv_quotes_what_would_break_its_form(open_page: Open) -> None:
    data = stage_data(4)
    at = [each["key"] for each in data["columns"]].index("optimizer")
    odd = ["a,b", 'say "hi"', "two\nlines", " plain "]
    for row, value in zip(data["rows"], odd, strict=True):
        row[at] = value
    page = open_page(data)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save as CSV").click()
    with Path(waiting.value.path()).open(newline="") as file:
        head, *rows = csv.reader(file)
    assert [row[head.index("optimizer")] for row in rows] == odd


def test_a_table_tells_what_it_shows_and_goes_back_to_it(many: Any) -> None:
    told = many.evaluate(
        """(data) => {
          const box = document.createElement("div");
          document.body.append(box);
          const told = { filters: [] };
          const onFilter = (rows, conditions) => told.filters.push([rows.length,
            conditions.map(({ column, operator, texts }) => [column.key, operator, ...texts])]);
          const table = nbexp.table(box, data, { onFilter });
          const lr = data.columns.find(({ key }) => key === "lr");
          table.setFilter("sgd lr<1");
          table.replace(lr, [[">", "0.001"]]);
          box.querySelector('[data-key="lr"]').click();
          box.querySelector('[data-key="lr"]').click();
          told.state = table.state();
          const rows = () => [...box.querySelectorAll("tbody tr")].map((row) => row.dataset.row);
          told.rows = rows();
          table.restore({ filter: "", sort: [], columns: [] });
          told.all = rows().length;
          table.restore(told.state);
          told.again = rows();
          table.restore({ sort: ["gone", "-lr"], columns: ["gone", "lr"] });
          told.known = table.state();
          box.remove();
          return told;
        }""",
        stage_data(12),
    )
    assert told["filters"][:3] == [
        [12, []],
        [6, [["lr", "<", "1"]]],
        [len(told["rows"]), [["lr", ">", "0.001"]]],
    ]
    assert told["state"] == {"filter": "sgd lr>0.001", "sort": ["-lr"], "columns": []}
    assert told["again"] == told["rows"]
    assert told["all"] == 12
    assert told["known"] == {"filter": "", "sort": ["-lr"], "columns": ["lr"]}


def test_many_rows_are_drawn_as_they_are_scrolled_to_and_all_for_print(open_page: Open) -> None:
    page = open_page(stage_data(2000, wide=True))
    rows = page.locator("#table tbody tr")
    expect(rows).to_have_count(80)
    page.evaluate("document.querySelector('#table .table-box').scrollTop = 1e6")
    page.wait_for_function("document.querySelectorAll('#table tbody tr').length > 80")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    expect(rows).to_have_count(2000)


def test_many_rows_open_and_sort_quickly(open_page: Open) -> None:
    started = time.monotonic()
    page = open_page(stage_data(2000, wide=True))
    opened = time.monotonic() - started
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    times = {
        what: page.evaluate(f"(() => {{ const t = performance.now(); {what}; "
                            "return performance.now() - t; })()")
        for what in (
            "document.querySelector('thead [data-key=lr]').click()",
            "document.querySelector('thead [data-key=optimizer]').click()",
        )
    }  # fmt: skip
    sorts = ", ".join(f"{milliseconds:.0f} ms" for milliseconds in times.values())
    print(f"2,000 by 20: opened in {opened:.2f} s, painted after {paint:.0f} ms, sorted in {sorts}")


def test_the_view_is_kept_in_the_address(open_page: Open) -> None:
    page = open_page(stage_data())
    filter_by(page, "hidden=64")
    head(page, "lr").click()
    shown = column(page, "variant")
    fragment = "#" + page.url.split("#")[1]
    again = open_page(stage_data(), fragment=fragment)
    assert column(again, "variant") == shown
    assert again.locator("input[data-filter]").input_value() == "hidden=64"


def test_charts_follow_the_filter(open_page: Open) -> None:
    page = open_page(stage_data())
    show_all(page)
    expect(page.locator("#curves .line:not(.is-hovered)")).to_have_count(11)
    filter_by(page, "hidden=64")
    expect(page.locator("#parallel .line.is-out")).to_have_count(8)
    expect(page.locator("#scatter .is-out")).to_have_count(8)
    page.wait_for_function("document.querySelectorAll('#curves .line').length === 4")
    expect(page.locator("#parallel .brush")).to_have_count(1)


def test_dragging_along_an_axis_filters(open_page: Open) -> None:
    page = open_page(stage_data())
    show_all(page)
    handle = page.locator("#parallel .handle").first
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    page.mouse.move(box["x"] + 14, box["y"] + 4)
    page.mouse.down()
    page.mouse.move(box["x"] + 14, box["y"] + 60, steps=3)
    page.mouse.up()
    page.wait_for_function("document.querySelector('input[data-filter]').value")
    assert re.fullmatch(r"hidden>=\d+", page.locator("input[data-filter]").input_value())
    assert set(column(page, "hidden")) == {"256"}
    page.mouse.click(box["x"] + 14, box["y"] + 200)
    assert page.locator("input[data-filter]").input_value() == ""


def test_pointing_at_a_row_shows_it_in_the_charts(open_page: Open) -> None:
    page = open_page(stage_data())
    show_all(page)
    page.locator("#table tbody tr").nth(2).hover()
    expect(page.locator('#parallel .line.is-hovered[visibility="visible"]')).to_have_count(1)
    expect(page.locator('#curves .line.is-hovered[visibility="visible"]')).to_have_count(1)
    expect(page.locator('#scatter .ring[visibility="visible"]')).to_have_count(1)


def test_pruned_curves_end_early_with_a_mark(open_page: Open) -> None:
    page = open_page(stage_data())
    show_all(page)
    expect(page.locator("#curves .line.is-pruned")).to_have_count(2)
    expect(page.locator("#curves .cut")).to_have_count(2)
    widths = page.evaluate(
        "[...document.querySelectorAll('#curves .lines .line')].map((line) => "
        "[line.classList.contains('is-pruned'), line.getBBox().width])"
    )
    whole = max(width for _, width in widths)
    assert all((width < whole - 1) == is_pruned for is_pruned, width in widths)


def test_curves_of_one_point_are_dots_apart_from_the_axis(open_page: Open) -> None:
    data = stage_data()
    lone = max(row for row, is_pruned in enumerate(data["pruned"]) if is_pruned)
    for curves in data["curves"].values():
        curves[lone] = [line[:1] for line in curves[lone]]
    page = open_page(data)
    show_all(page)
    dots = page.locator("#curves .point")
    expect(dots).to_have_count(1)
    assert float(dots.get_attribute("cx")) > 59  # the axis is at 56
    expect(page.locator("#curves .cut")).to_have_count(2)
    expect(page.locator("#curves .note")).to_contain_text("or a dot")


def test_curves_can_be_smoothed_logarithmic_and_of_another_name(open_page: Open) -> None:
    page = open_page(stage_data())
    show_all(page)
    page.locator("#curves select").select_option("train_loss")
    page.get_by_label("Log scale").check()
    page.get_by_label("Smoothing").fill("0.6")
    assert page.locator("#curves .axis-title").all_text_contents() == ["step", "train_loss (log)"]
    expect(page.locator("#curves .is-raw")).to_have_count(5)
    assert "NaN" not in page.locator("#curves svg").inner_html()


def test_charts_say_what_they_show(open_page: Open) -> None:
    page = open_page(stage_data())
    show_all(page)
    label = page.locator("#curves svg").get_attribute("aria-label")
    assert re.match(r"val_accuracy over steps, 11 variants, 2 of them pruned; best ", label)
    label = page.locator("#scatter svg").get_attribute("aria-label")
    assert label.startswith("val_accuracy against lr, 11 variants; best val_accuracy 0.")
    assert page.locator("#importance svg").get_attribute("aria-label").endswith("optimizer 5 %")
    assert "Confused most:" in page.locator("#matrices p").first.text_content()


def test_points_lead_to_variants(open_page: Open) -> None:
    data = stage_data()
    page = open_page(data)
    show_all(page)
    links = page.locator("#scatter a").evaluate_all(
        "(nodes) => nodes.map((each) => each.getAttribute('href'))"
    )
    known = [link for link, row in zip(data["links"], data["rows"], strict=True) if row[2]]
    assert sorted(links) == sorted(known)


def test_matrix_shows_counts_or_shares(open_page: Open) -> None:
    data = stage_data()
    page = open_page(data)
    cells = page.locator("#matrices tbody td")
    best = max(data["matrices"], key=lambda each: data["rows"][each["row"]][2])
    assert cells.all_text_contents() == [str(n) for line in best["counts"] for n in line]
    page.get_by_label("Shares of the true label").check()
    share = best["counts"][0][0] / sum(best["counts"][0])
    assert cells.first.text_content() == f"{share * 100:.0f} %"


def test_sections_without_data_are_hidden(open_page: Open) -> None:
    data = stage_data(1)
    data |= {"curves": {}, "importance": None, "importance_note": "", "matrices": []}
    for each in data["columns"]:
        each["varies"] = False
    page = open_page(data, extra='<nav class="toc"><ul><li><a href="#curves">Curves</a></ul></nav>')
    hidden = {name for name in SECTIONS if not page.locator(f"#{name}").is_visible()}
    assert hidden == {"parallel", "scatter", "importance", "curves", "matrices"}
    assert not page.locator(".toc li").is_visible()


def test_theme_goes_round_and_is_kept(open_page: Open) -> None:
    page = open_page(stage_data(), color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    button = page.locator('button[data-action="theme"]')
    seen = []
    for _ in range(3):
        button.click()
        seen.append((button.text_content(), page.evaluate(ground) == light))
    assert seen == [("Theme: light", True), ("Theme: dark", False), ("Theme: auto", True)]
    button.click()
    button.click()
    page.reload()
    assert button.text_content() == "Theme: dark"
    assert page.evaluate(ground) != light


def test_print_is_light_without_controls(open_page: Open) -> None:
    page = open_page(stage_data(), color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator(".page-header").is_visible()
    assert not page.locator("#table .controls").first.is_visible()


def test_frames_tell_their_heights_and_ask_for_libraries(open_page: Open) -> None:
    tell = "parent.postMessage({nbexp: 'height', value: %s}, '*');"
    script = """
      window.got = [];
      addEventListener('message', (event) => got.push(event.data));
      parent.postMessage({nbexp: 'hello'}, '*');
      for (const name of ['shown', 'toString', 'shown', 'shown'])
        parent.postMessage({nbexp: 'library', name}, '*');
    """
    frames = [frame(tell % value) for value in ("300", "1e9", "-5", "'77'", "NaN")]
    before = "<script>nbexp.libraries.shown = 'source';</script>"
    page = open_page(stage_data(), extra=before + "".join(frames) + frame(script))
    page.wait_for_function("document.querySelectorAll('iframe')[2].style.height === '24px'")
    handle = page.frames[-1]
    handle.wait_for_function("got.length === 4")
    heights = page.evaluate("[...document.querySelectorAll('iframe')].map((f) => f.style.height)")
    assert heights == ["300px", "5000px", "24px", "160px", "160px", "160px"]
    assert handle.evaluate("got") == [
        {"nbexp": "theme", "value": "light"},
        {"nbexp": "library", "name": "shown", "source": "source"},
        {"nbexp": "library", "name": "toString", "source": None},
        {"nbexp": "library", "name": "shown", "source": "source"},
    ]
    for _ in range(2):
        page.click('button[data-action="theme"]')
    handle.wait_for_function("got.length === 6")
    assert [each["value"] for each in handle.evaluate("got.slice(4)")] == ["light", "dark"]


def test_messages_from_elsewhere_are_ignored(open_page: Open) -> None:
    forged = "parent.postMessage({nbexp: 'height', value: 999}, '*');"
    forged += "parent.postMessage(null, '*'); parent.postMessage('height', '*');"
    page = open_page(stage_data(), extra=frame(forged, kind="other") + frame("0"))
    page.evaluate("window.postMessage({nbexp: 'height', value: 998}, '*')")
    page.evaluate("new Promise((done) => setTimeout(() => requestAnimationFrame(done)))")
    heights = page.evaluate("[...document.querySelectorAll('iframe')].map((f) => f.style.height)")
    assert heights == ["160px", "160px"]


def test_code_is_folded_at_once_and_stays_so(open_page: Open) -> None:
    cell = (
        '<details class="nb-source" open><summary>1</summary><pre class="nb-code">x</pre></details>'
    )
    button = '<button type="button" data-action="fold-code">Hide code</button>'
    page = open_page(stage_data(), extra=button + cell * 2)
    page.click('button[data-action="fold-code"]')
    opened = "document.querySelectorAll('details.nb-source[open]').length"
    assert page.evaluate(opened) == 0
    page.reload()
    assert page.evaluate(opened) == 0
    assert page.locator('button[data-action="fold-code"]').text_content() == "Show code"
    page.click('button[data-action="fold-code"]')
    assert page.evaluate(opened) == 2


def test_code_can_be_copied(open_page: Open) -> None:
    page = open_page(stage_data(), extra='<pre class="nb-code">lr = 0.1</pre>')
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == "lr = 0.1"


def test_slash_leads_to_the_filter(open_page: Open) -> None:
    page = open_page(stage_data())
    page.keyboard.press("/")
    page.keyboard.type("a/b")
    assert page.locator("input[data-filter]").input_value() == "a/b"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(open_page: Open, scheme: str) -> None:
    page = open_page(stage_data(), viewport={"width": 360, "height": 740}, color_scheme=scheme)
    show_all(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_every_control_has_a_name_and_every_image_a_description(open_page: Open) -> None:
    page = open_page(stage_data())
    show_all(page)
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("a, button, input, select, summary, svg, iframe")]
          .filter((node) => !node.closest("[hidden]"))
          .filter((node) => !(node.getAttribute("aria-label") || node.textContent.trim()
            || (node.labels && [...node.labels].some((each) => each.textContent.trim()))))
          .map((node) => node.outerHTML)"""
    )
    assert unnamed == []


def test_markup_in_values_stays_text(open_page: Open) -> None:
    data = stage_data()
    hostile = '<img src=x onerror="document.body.dataset.hit = 1">'
    data["labels"] = [hostile] * 12
    data["importance_note"] = hostile
    for row in data["rows"]:
        row[5] = hostile
    page = open_page(data)
    show_all(page)
    page.locator("#table tbody tr").first.hover()
    expect(page.locator("main img")).to_have_count(0)
    assert page.locator("body").get_attribute("data-hit") is None
