"""A notebook that tries to run scripts in the page, to cover it, and to phone home."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hostile_cells import ATTEMPTS, EVIL_WIDGET, REACHES
from nbformat.v4 import new_markdown_cell
from notebook_page import CHROMIUM, browser, write_page

from nbexp.render import render_notebook

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="playwright or chromium is missing")

FOLDER = 'it\'s "big" & <b>#1?.html'  # of the outputs beside the page
NOTHING_SENT = "a connection without a request"


class Trap:
    """A server on the loopback interface that notes every connection, and every datagram."""

    def __init__(self) -> None:
        self.caught: list[str] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._datagrams.bind(self._server.getsockname())
        for target in (self._accept, self._receive):
            threading.Thread(target=target, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(1)
                try:
                    request = connection.recv(2_000).decode(errors="replace")
                except OSError:
                    request = ""
                self.caught.append(request.split("\r\n")[0] or NOTHING_SENT)

    def _receive(self) -> None:
        while True:
            try:
                self.caught.append(f"a datagram of {len(self._datagrams.recv(2_000))} bytes")
            except OSError:
                return

    def close(self) -> None:
        self._server.close()
        self._datagrams.close()


@dataclass
class Seen:
    """What came of it.

    Attributes:
        requests: URLs that the browser asked for, but for files and data.
        caught: What reached the server.
        ahead: What reached the other server, of the frame that navigates itself.
        surprises: Dialogs, popups, downloads and navigations of the page.
        marks: What scripts left in the page.
        covered: Names of the attempts after which the page's own text can't be seen.
        heights: Of all frames, in pixels.
    """

    requests: list[str] = field(default_factory=list)
    caught: list[str] = field(default_factory=list)
    ahead: list[str] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    covered: list[str] = field(default_factory=list)
    heights: list[float] = field(default_factory=list)


def with_address(value: Any, host: str, spare: str) -> Any:
    """Return a cell with the servers' addresses in it."""
    if isinstance(value, str):
        told = value.replace("URL/", f"http://{host}/").replace("HOST", host)
        return told.replace("SPARE", spare)
    if isinstance(value, dict):
        return {
            with_address(key, host, spare): with_address(each, host, spare)
            for key, each in value.items()
        }
    return [with_address(each, host, spare) for each in value] if isinstance(value, list) else value


def write_report(folder: Path, host: str, spare: str) -> Path:
    """Write a report of one page, with an attempt in every second cell."""
    cells = []
    for name, cell in ATTEMPTS.items():
        cells += [with_address(cell, host, spare), new_markdown_cell(f"After {name}")]
    state = {"state": {"evil": with_address(EVIL_WIDGET, host, spare)}}
    widgets = {"application/vnd.jupyter.widget-state+json": state}
    notebook = {"cells": cells, "metadata": {"widgets": widgets}}
    rendered = render_notebook(notebook, attachments=folder / FOLDER, attachments_url=quote(FOLDER))
    return write_page(folder, rendered.html)


# Whether the text after an attempt is what stands at its place on the screen.
_COVERED = """number => {
  const cell = document.getElementById(`cell-${number}`);
  cell.scrollIntoView({ block: "center" });
  const box = cell.querySelector("p").getBoundingClientRect();
  const there = document.elementFromPoint(box.left + 5, box.top + box.height / 2);
  return !cell.contains(there) || box.height < 10;
}"""
_HEIGHTS = "() => [...document.querySelectorAll('iframe.nb-frame')].map((f) => f.offsetHeight)"
_MARKS = """() => [
  ...["pwned"].filter((name) => name in window),
  ...[document.title].filter((title) => title !== "Report"),
  ...["pwned"].filter((word) => document.body.innerText.startsWith(word)),
  ...Object.keys(window.nbexp.libraries),
  ...Object.values(localStorage).filter((value) => value.includes("pwned")),
  ...[document.cookie].filter(Boolean),
]"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    trap, spare, result = Trap(), Trap(), Seen()
    file = write_report(tmp_path_factory.mktemp("report"), trap.host, spare.host)
    with browser() as chromium:
        page = chromium.new_page(viewport={"width": 900, "height": 700})
        watch(page, result)
        page.goto(file.as_uri(), timeout=0)  # a hundred frames, on a machine that may be busy
        for number, name in enumerate(ATTEMPTS, 1):
            if page.evaluate(_COVERED, 2 * number):
                result.covered.append(name)
        click_frames(page)
        page.wait_for_timeout(1_500)  # for what should not come, there is no event
        result.marks = page.evaluate(_MARKS)
        result.heights = page.evaluate(_HEIGHTS)
        assert page.locator("#end").is_visible()
    result.caught, result.ahead = list(trap.caught), list(spare.caught)
    trap.close()
    spare.close()
    return result


def watch(page: Any, result: Seen) -> None:
    def on_request(request: Any) -> None:
        is_local = request.url.startswith(("file:", "data:", "blob:", "about:"))
        is_refused = request.failure in ("csp", "origin")  # before it left; else net::ERR_…
        if not is_local and not is_refused:
            result.requests.append(f"{request.url} {request.failure}")

    def on_dialog(dialog: Any) -> None:
        result.surprises.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def on_navigation(frame: Any) -> None:
        if frame.parent_frame is None and not frame.url.endswith("/page.html"):
            result.surprises.append(f"page went to {frame.url}")

    page.on("requestfinished", on_request)
    page.on("requestfailed", on_request)
    page.on("websocket", lambda socket: result.requests.append(socket.url))
    page.on("dialog", on_dialog)
    page.on("popup", lambda popup: result.surprises.append(f"popup {popup.url}"))
    page.on("download", lambda download: result.surprises.append(f"download {download.url}"))
    page.on("framenavigated", on_navigation)


def click_frames(page: Any) -> None:
    """Click into every frame, since a click allows scripts more."""
    for frame in page.locator("iframe.nb-frame").all():
        frame.scroll_into_view_if_needed()
        box = frame.bounding_box()
        page.mouse.click(box["x"] + 10, box["y"] + 8)


def test_there_are_enough_attempts() -> None:
    assert len(ATTEMPTS) >= 90


def test_no_script_reaches_the_page(seen: Seen) -> None:
    assert seen.marks == []


def test_no_request_leaves_the_page(seen: Seen) -> None:
    assert seen.requests == []
    assert seen.caught == []


def test_frame_that_navigates_itself_sends_nothing(seen: Seen) -> None:
    # Chromium opens the connection before it asks the page's policy, which then refuses.
    assert set(seen.ahead) <= {NOTHING_SENT}


def test_no_dialog_popup_download_or_navigation(seen: Seen) -> None:
    assert seen.surprises == []


def test_all_of_the_page_is_still_seen(seen: Seen) -> None:
    assert seen.covered == []


def test_frames_are_only_as_tall_as_they_may_be(seen: Seen) -> None:
    assert len(seen.heights) > len(REACHES)
    assert max(seen.heights) <= 5_000


def test_frame_that_never_ends_does_not_hold_up_the_page(tmp_path: Path) -> None:
    endless = "setTimeout(() => { for (;;) alert() }, 50); parent.postMessage('begun', '*')"
    output = {"output_type": "display_data", "data": {"application/javascript": endless}}
    cell = {"cell_type": "code", "source": "", "outputs": [output]}
    notebook = {"cells": [cell], "metadata": {}}
    html = render_notebook(notebook, attachments=tmp_path, attachments_url="aside").html
    note = "<script>onmessage = (event) => { window.begun ||= event.data === 'begun' }</script>"
    with browser() as chromium:
        page = chromium.new_page()
        page.goto(write_page(tmp_path, html, note).as_uri())
        page.wait_for_function("window.begun")
        page.wait_for_timeout(200)  # it has begun by then
        page.locator("button[data-action=theme]").click(timeout=5_000)
        assert page.locator("button[data-action=theme]").inner_text() == "Theme: light"


def test_big_output_shows_nothing_when_it_is_opened_by_itself(tmp_path: Path) -> None:
    trap = Trap()
    script = f"<script>document.title = 'ran'; location = 'http://{trap.host}'</script>"
    output = {"output_type": "display_data", "data": {"text/html": script + "x" * 300_000}}
    cell = {"cell_type": "code", "source": "", "outputs": [output]}
    render_notebook(
        {"cells": [cell], "metadata": {}}, attachments=tmp_path, attachments_url="aside"
    )
    (file,) = tmp_path.iterdir()
    with browser() as chromium:
        page = chromium.new_page()
        page.goto(file.as_uri(), wait_until="commit")
        page.wait_for_function("document.documentElement.textContent.startsWith('This is part of')")
        assert page.title() != "ran"
    assert trap.caught == []
    trap.close()
