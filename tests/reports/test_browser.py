"""Every kind of page in a real browser: it loads nothing from elsewhere, fits, and can be used."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from nbformat.v4 import new_markdown_cell, new_notebook
from playwright.sync_api import Browser, Frame, Page, expect, sync_playwright

from nbexp.reports import write_report

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium")
PAGES = (
    "index.html", "stages/train.html", "stages/prepare.html", "variants/train-3.html",
    "variants/train-bad.html", "variants/train-left.html", "history.html", "leaderboard.html",
    "compare.html#*", "compare.html#*:", "compare.html#train:train-3,train-4,train-7",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as starter:
        yield starter.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture
def report(runs, small, made) -> Path:
    best = made("train", {"lr": 1}, metric=0.95, epochs=5)
    runs.make({"prepare-1": made("prepare"), "train-a": best})
    return write_report(runs.make(small())).index.parent


class Watched:
    """A page, and what went wrong on it."""

    def __init__(self, browser: Browser, *, theme: Any = "light", width: int = 1280) -> None:
        # axe-core is put into the page, which its policy would not let in.
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, bypass_csp=True
        )
        self.page: Page = self.context.new_page()
        self.troubles: list[str] = []
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("requestfailed", self._fail)
        self.page.on("request", self._watch)
        self.page.on("console", self._hear)

    def _fail(self, request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # the frame that asked was taken away
            self.troubles.append(request.url)

    def _watch(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:", "about:")):
            self.troubles.append(request.url)

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(message.text)

    def open(self, report: Path, path: str) -> None:
        file, _, place = path.partition("#")
        self.page.goto((report / file).as_uri() + (f"#{place}" if place else ""))
        self.page.wait_for_load_state("networkidle")


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """A page on which nothing may go wrong."""
    found = Watched(browser)
    yield found
    assert not found.troubles
    found.context.close()


@pytest.mark.parametrize(
    ("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)]
)
def test_pages_load_nothing_fit_and_are_accessible(browser, report, theme, width) -> None:
    watched = Watched(browser, theme=theme, width=width)
    for path in PAGES:
        watched.open(report, path)
        wide = watched.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{path} is {wide} pixels wide"
        assert not watched.troubles, path
        found = Axe().run(watched.page, options={"preload": False}).response["violations"]
        grave = [
            (each["id"], each["nodes"][0]["html"])
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
        assert not grave, path
        watched.troubles.clear()  # axe-core speaks to frames in ways that warn
    watched.context.close()


@pytest.mark.parametrize("way", ["printer", "media"])
def test_charts_that_were_never_scrolled_to_are_printed(watched, report, way: str) -> None:
    watched.page.set_viewport_size({"width": 1280, "height": 300})
    watched.open(report, "stages/train.html")
    watched.page.locator("svg.plot").nth(3).wait_for(state="attached")
    assert watched.page.locator("svg.plot:empty").count()
    if way == "printer":
        watched.page.pdf()
    else:
        watched.page.emulate_media(media="print")
    expect(watched.page.locator("svg.plot:empty")).to_have_count(0)


def cell_tops(frame: Frame) -> tuple[int, ...]:
    """Return where the cells of a frame begin, in whole pixels from the top of the page."""
    cells = frame.locator(".nb-cell")
    boxes = [cells.nth(number).bounding_box() for number in range(cells.count())]
    return tuple(round(box["y"]) for box in boxes if box)


def test_compared_notebooks_have_the_same_cells_beside_each_other(watched, report) -> None:
    watched.open(report, PAGES[-1])
    page = watched.page
    page.wait_for_function("document.querySelectorAll('iframe.beside').length === 3")
    deadline = time.monotonic() + 10
    while len(set(tops := [cell_tops(frame) for frame in page.frames[1:]])) > 1 or not tops[0]:
        assert time.monotonic() < deadline, tops
        page.wait_for_timeout(50)
    assert page.locator("#differences td.is-best").count() == 1


def test_runs_are_compared_by_their_settings_and_best_variants(watched, report) -> None:
    watched.open(report, "compare.html")
    page = watched.page
    page.get_by_label("Compare").select_option("whole runs")
    expect(page.locator(".chip")).to_have_count(2)
    expect(page.locator("#differences tbody tr", has_text="train: score")).to_contain_text("0.95")
    page.locator("#best").get_by_label("Stage").select_option("train")
    expect(page.locator("#best thead th").last).to_contain_text("train-a")
    expect(page.locator("#curves svg")).to_have_count(1)
    expect(page.frame_locator("iframe.beside").last.locator(".nb-cell")).to_have_count(2)
    page.locator("#best").get_by_role("link", name="train-a").click()
    expect(page.get_by_role("heading", name="train-a")).to_be_visible()


def test_variants_without_a_page_are_compared_by_all_else(watched, runs, small, made) -> None:
    huge = new_notebook(cells=[new_markdown_cell("long " * 1_100_000)])
    earlier = made("train", {"lr": 1}, metric=0.95, epochs=5, notebook=huge)
    runs.make({"train-a": earlier})
    watched.open(write_report(runs.make(small())).index.parent, "compare.html#*")
    page = watched.page
    expect(page.locator("#best thead th").last).to_contain_text("train-a")
    expect(page.locator("#best thead a")).to_have_count(1)
    expect(page.locator("#curves .line.is-leader")).to_have_count(2)
    expect(page.locator("#cells")).to_contain_text("not part of this report")


def test_choices_of_a_comparison_are_in_its_address(watched, report) -> None:
    watched.open(report, "compare.html#*")
    page = watched.page
    stage = page.locator("#best").get_by_label("Stage")
    expect(stage).to_have_value("train")
    stage.select_option("prepare")
    page.wait_for_url("**:prepare")
    page.reload()
    expect(stage).to_have_value("prepare")
    page.locator("#best").get_by_label("Also what is the same").check()
    expect(page.locator("#differences").get_by_label("Also")).not_to_be_checked()
    page.go_back()
    expect(stage).to_have_value("train")


def test_comparison_of_too_few_says_what_to_do(watched, report) -> None:
    watched.open(report, "compare.html#train:train-3")
    page = watched.page
    said = page.locator("#differences p")
    expect(said).to_have_text("Choose a second variant to compare with.")
    page.get_by_role("button", name="Leave out train-3").click()
    expect(said).to_have_text("Add two variants to compare.")
    watched.open(report, "compare.html#%")  # an address that encodes nothing
    expect(page.locator(".chip")).to_have_count(2)


def test_focus_stays_where_something_was_chosen(watched, report) -> None:
    watched.open(report, "compare.html#*")
    page = watched.page
    stage = page.get_by_label("Stage")
    stage.focus()
    stage.select_option("prepare")
    expect(page.locator("#best thead th").first).to_contain_text("prepare-1")
    expect(stage).to_be_focused()
    page.locator("#best input").press("Space")
    expect(page.locator("#best table")).to_contain_text("size")
    expect(page.locator("#best input")).to_be_focused()
    page.locator(".chip button").last.press("Enter")
    expect(page.locator(".chip")).to_have_count(1)
    expect(page.locator(".chip button")).to_be_focused()
    page.get_by_label("Add").focus()
    page.get_by_label("Add").select_option(index=1)
    expect(page.locator(".chip")).to_have_count(2)
    expect(page.locator("#choice select")).to_be_focused()  # there is no more to add


def test_variants_that_are_ticked_can_be_compared(watched, report) -> None:
    watched.open(report, "stages/train.html")
    page = watched.page
    for name in ("train-3", "train-4"):
        page.get_by_role("checkbox", name=name).check()
    page.get_by_role("link", name="Compare 2").click()
    page.wait_for_url("**/compare.html#**")
    expect(page.locator(".chip")).to_have_count(2)
    page.get_by_role("button", name="Leave out train-4").click()
    expect(page.locator(".chip")).to_have_count(1)
