"""The real TensorBoard beside a run: it shows what was logged, to this machine, and no longer."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import expect, sync_playwright

from nbexp.runs.events import Event
from nbexp.server import LocalStore
from nbexp.server.boards import is_installed
from nbexp.tracking import TensorboardListener

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt install chromium"),
    pytest.mark.skipif(not is_installed(), reason="needs TensorBoard: pip install tensorboard"),
]


def log(going) -> None:
    """Have a variant log, and write the event files as a run does."""
    going.start("train-a", lr=0.5)
    for step in range(3):
        going.log("train-a", step, loss=1.0 / (step + 1))
    listener = TensorboardListener(going.path)
    for line in (going.path / "events.jsonl").read_text().splitlines():
        listener.notify(Event.from_record(json.loads(line)))


def test_board_ends_with_a_server_that_is_killed(viewing, going, tmp_path: Path) -> None:
    log(going)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with viewing(going.path, "--port", 0, folder=temporary) as (server, address):
        ask = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        ask.open(address).close()  # the token becomes a cookie
        assert b"TensorBoard" in ask.open(f"{address.partition('?')[0]}run/tensorboard").read()
        boards = psutil.Process(server.pid).children(recursive=True)
        assert boards
        server.kill()
        assert psutil.wait_procs(boards, timeout=10)[1] == []


def test_scalars_are_shown_on_loopback_until_the_server_ends(serve, going) -> None:
    log(going)
    with serve(LocalStore(going.path)) as served, sync_playwright() as starter:
        chromium = starter.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = chromium.new_page()
        page.goto(f"{served.address}/run/index.html")
        with page.expect_popup(timeout=90_000) as opened:
            page.get_by_role("link", name="TensorBoard").click()
        board = opened.value
        expect(board.locator("scalar-card").first).to_contain_text("loss", timeout=60_000)
        expect(board.get_by_text("train/train-a").first).to_be_visible()
        ((process, _),) = served.view.boards._boards.values()
        parent = psutil.Process(process.pid)
        processes = [parent, *parent.children(recursive=True)]
        listening = [
            connection.laddr.ip
            for each in processes
            for connection in each.net_connections()
            if connection.status == psutil.CONN_LISTEN
        ]
        chromium.close()
    assert listening
    assert set(listening) == {"127.0.0.1"}
    assert psutil.wait_procs(processes, timeout=10)[1] == []
