"""A browser follows a run that another process works on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from nbformat.v4 import new_code_cell, new_notebook, new_output
from playwright.sync_api import Browser, Page, expect, sync_playwright

from nbexp.server import LocalStore

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as starter:
        yield starter.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture
def address(viewing, going, tmp_path: Path) -> Iterator[str]:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    going.start("train-a", lr=0.5)
    for step in range(3):
        going.log("train-a", step, loss=1.0 - step / 4)
    with viewing(going.path, "--port", 0, folder=temporary) as (_, found):
        yield found


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1000, "height": 400})
    page, troubles = context.new_page(), list[str]()
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    page.goto(address)  # the token becomes a cookie
    yield page
    assert troubles == []
    context.close()


def go(page: Page, address: str, path: str) -> None:
    page.goto(f"{address.partition('?')[0]}run/{path}")


def test_overview_follows_the_run_to_its_end(page: Page, address: str, going) -> None:
    assert "token" not in page.url
    expect(page.locator("h1 .badge")).to_have_text("running")
    expect(page.locator(".live")).to_contain_text("0 of 3, 1 running")
    page.locator(".node").focus()
    going.end_variant("train-a", 0.875)
    expect(page.locator(".live")).to_contain_text("1 of 3")
    expect(page.locator(".figure-value")).to_have_text("0.875")
    expect(page.locator(".node")).to_be_focused()
    for name in ("train-b", "train-c"):
        going.start(name)
        going.end_variant(name, 0.5)
    going.end()
    expect(page.locator("h1 .badge")).to_have_text("finished")
    expect(page.locator(".live")).to_have_text("finished")


def test_variant_grows_without_losing_the_readers_place(page: Page, address: str, going) -> None:
    going.write("train-a", "print('first')", "print('second')")
    go(page, address, "variants/train-a.html")
    expect(page.locator(".nb-cell")).to_have_count(3)
    page.evaluate("document.getElementById('cell-2').mark = 'the same'")
    page.locator("#cell-2 summary").click()
    page.evaluate("window.scrollTo(0, 250)")
    line = page.locator("#curves .plot .line").first
    before = line.get_attribute("d")
    going.log("train-a", 3, loss=0.125)
    going.write("train-a", "print('first')", "print('second')", "print('third')")
    expect(page.locator(".nb-cell")).to_have_count(4)
    expect(page.locator("#cell-4 button.copy")).to_have_count(1)
    expect(page.locator("button.copy")).to_have_count(3)
    expect(line).not_to_have_attribute("d", before or "")
    assert page.evaluate("document.getElementById('cell-2').mark") == "the same"
    assert page.locator("#cell-2 details").get_attribute("open") is None
    assert page.evaluate("window.scrollY") == 250


def test_stage_is_drawn_anew_with_the_readers_filter(page: Page, address: str, going) -> None:
    go(page, address, "stages/train.html")
    page.locator("#table input[type=search]").fill("state=finished")
    page.evaluate("window.mark = 1; window.scrollTo(0, 120)")
    going.end_variant("train-a", 0.75)
    expect(page.locator("#table tbody")).to_contain_text("0.75", timeout=15_000)
    assert page.evaluate("window.mark") is None
    expect(page.locator("#table input[type=search]")).to_have_value("state=finished")
    expect(page.locator("#table input[type=search]")).to_be_focused()
    expect(page.locator("#table tbody tr")).to_have_count(1)
    assert page.evaluate("window.scrollY") == 120


def test_console_follows_the_log(page: Page, address: str, going) -> None:
    going.say("train-a", "epoch 1\nepoch")
    go(page, address, "variants/train-a.html")
    page.get_by_role("link", name="Console").click()
    expect(page.locator("#console")).to_have_text("epoch 1\nepoch")
    going.say("train-a", " 2 <b>\n\x1b[31mepoch 3\x1b[0m\n")
    expect(page.locator("#console")).to_have_text("epoch 1\nepoch 2 <b>\nepoch 3\n")
    expect(page.locator("#console .nb-f1")).to_have_text("epoch 3")
    going.end_variant("train-a", 0.5)
    expect(page.locator("#console-state")).to_have_text("finished")


def test_files_are_saved_by_the_browser(page: Page, address: str, going) -> None:
    go(page, address, "variants/train-a.html")
    with page.expect_download() as download:
        page.get_by_role("link", name="notebook.ipynb").click()
    assert "begun" in Path(download.value.path()).read_text()


def test_what_runs_in_a_notebook_does_not_reach_the_server(
    serve, browser: Browser, notebooks: Path
) -> None:
    attack = (
        "<p id='ran'>no</p><script>document.getElementById('ran').textContent = 'yes';"
        "fetch('/browse/').then(() => parent.postMessage('reached', '*'));"
        "new Image().src = '/raw/plain.ipynb';</script>"
    )
    outputs = [new_output("display_data", {"text/html": text}) for text in
               (attack, attack + "x" * 300_000)]  # fmt: skip
    cell = new_code_cell("attack()", outputs=outputs)
    nbformat.write(new_notebook(cells=[cell]), notebooks / "hostile.ipynb")
    with serve(LocalStore(notebooks), token="secret") as served:
        page = browser.new_page()
        page.goto(f"{served.address}/notebook/hostile.ipynb?token=secret")
        page.evaluate("window.addEventListener('message', (e) => (window.got = e.data))")
        frames = page.locator("iframe.nb-frame")
        for number in range(2):  # one in the page, one in a file of its own
            frames.nth(number).scroll_into_view_if_needed()
            expect(frames.nth(number).content_frame.locator("#ran")).to_have_text("yes")
        assert page.evaluate("window.got") != "reached"
        (aside,) = [path for path in served.asked if path.startswith("/aside/")]
        page.goto(f"{served.address}{aside}", wait_until="commit")
        assert page.evaluate("origin") == "null"
        kinds = {path.split("/")[1] for path in served.asked}
        assert kinds == {"notebook", "assets", "aside"}
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible_and_fit_a_phone(
    serve, browser: Browser, notebooks: Path, going, scheme: Any
) -> None:
    going.start("train-a")
    going.say("train-a", "begun\n")
    run = f"run/project/runs/{going.folder.id}"
    paths = ("browse/", "browse/project/runs/", "browse/notebooks/", "search/?q=lr%3C1+fit",
             "browse/project/", "search/?q=begun",
             "notebook/notebooks/a%20b/first.ipynb", f"{run}/index.html",
             f"{run}/console/train-a.html", f"{run}/variants/train-a.html")  # fmt: skip
    with serve(LocalStore(notebooks.parent)) as served:
        page = browser.new_page(viewport={"width": 360, "height": 700}, color_scheme=scheme)
        for path in paths:
            page.goto(f"{served.address}/{path}")
            found = Axe().run(page).response["violations"]
            assert not [each["id"] for each in found if each["impact"] in ("serious", "critical")]
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
        page.close()


def test_progress_leaves_the_pages_of_a_run_in_sight(page: Page, address: str) -> None:
    for width in (1280, 1000):
        page.set_viewport_size({"width": width, "height": 400})
        expect(page.locator(".live progress")).to_be_visible()
        fits = "(nav) => nav.scrollWidth <= nav.clientWidth"
        assert page.locator(".page-nav").evaluate(fits), width
