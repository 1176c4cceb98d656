"""``nbexp view``, as someone starts and ends it."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_ended_and_leaves_nothing(
    viewing, notebooks: Path, tmp_path: Path, number: signal.Signals
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with viewing(notebooks, "--port", 0, folder=temporary) as (process, address):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", address)
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        with opener.open(address, timeout=30) as answer:
            assert answer.url.endswith("/browse/")
            assert "plain.ipynb" in answer.read().decode()
        with pytest.raises(urllib.error.HTTPError, match="403") as refused:
            urllib.request.urlopen(address.partition("?")[0], timeout=30)
        refused.value.close()
        assert list(temporary.iterdir())
        process.send_signal(number)
        assert process.stdout
        assert process.stdout.read().endswith("ended\n")
        assert process.wait(30) == 0
    assert list(temporary.iterdir()) == []


def test_no_token_lets_in_everybody(viewing, notebooks: Path, tmp_path: Path) -> None:
    with viewing(notebooks, "--port", 0, "--no-token", folder=tmp_path) as (_, address):
        assert "token" not in address
        with urllib.request.urlopen(address, timeout=30) as answer:
            assert answer.status == 200


def test_default_port_gives_way_to_the_next(viewing, notebooks: Path, tmp_path: Path) -> None:
    with (
        viewing(notebooks, folder=tmp_path) as (_, first),
        viewing(notebooks, folder=tmp_path) as (_, second),
    ):
        ports = [int(re.findall(r":(\d+)/", address)[0]) for address in (first, second)]
        assert 8899 <= ports[0] < ports[1]


def test_mistakes_are_one_message(notebooks: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for arguments, message in (
            ((tmp_path / "none",), "is no folder"),
            ((notebooks, "--port", str(port)), "Use --port 0 for any free one"),
            ((notebooks, "--host", "192.0.2.1"), "Can't listen on 192.0.2.1"),
        ):
            done = subprocess.run(
                [sys.executable, "-m", "nbexp", "view", *map(str, arguments)],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 2
            assert message in done.stderr
            assert "Traceback" not in done.stderr
