"""The tabs of a report, whatever its stages are called, and however many there are."""

from __future__ import annotations

from typing import Any

import pytest
from notebook_page import CHROMIUM, browser

from nbexp.reports import write_report

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="playwright or chromium is missing")
PAGES = ("compare", "history", "leaderboard", "overview", "index")
LONG = [f"a_stage_with_a_name_as_long_as_names_get_{number}" for number in range(30)]
SEEN = """tab => {
    const [box, list] = [tab, tab.closest("nav")].map((each) => each.getBoundingClientRect());
    return box.top >= list.top && box.bottom <= list.bottom
      && box.left >= list.left && box.left < list.right;
}"""


@pytest.fixture(scope="module")
def chromium() -> Any:
    with browser() as opened:
        yield opened


@pytest.fixture
def open_report(chromium, runs, made) -> Any:
    """Write a report with more stages, and open a page of it."""

    def write_and_open(more: Any, path: str, width: int) -> Any:
        report = write_report(runs.make({"prepare-1": made("prepare")}, more=more))
        page = chromium.new_page(viewport={"width": width, "height": 800})
        page.goto((report.index.parent / path).as_uri())
        return page

    return write_and_open


def test_stage_called_like_a_page_is_told_from_it(open_report) -> None:
    page = open_report(PAGES, "stages/compare.html", 1280)
    for name in PAGES[:4]:
        stage = page.get_by_role("link", name=f"Stage {name}", exact=True)
        other = page.get_by_role("link", name=name.title(), exact=True)
        assert stage.get_attribute("href") != other.get_attribute("href")
        fonts = [each.evaluate("it => getComputedStyle(it).fontFamily") for each in (stage, other)]
        assert fonts[0] != fonts[1]
    assert page.locator("nav [aria-current]").text_content() == "Stage compare"
    page.get_by_role("link", name="Compare", exact=True).click()
    page.locator("h1", has_text="Compare").wait_for()
    page.close()


@pytest.mark.parametrize("width", [380, 1280])
def test_thirty_stages_with_long_names_can_be_reached(open_report, width: int) -> None:
    page = open_report(LONG, f"stages/{LONG[20]}.html", width)
    assert page.locator("nav [aria-current]").evaluate(SEEN)
    assert page.locator("h1").bounding_box()["y"] < 240
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    last = page.get_by_role("link", name="Leaderboard")
    assert not last.evaluate(SEEN)
    last.focus()
    assert last.evaluate(SEEN)
    page.close()
