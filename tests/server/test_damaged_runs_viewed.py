"""A run of which something is damaged: its pages tell it, and all others go on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbexp.server import LocalStore

OF_RUN = ("index.html", "history.html", "leaderboard.html", "compare.html", "live.json")
OF_VARIANT = ("stages/train.html", "data/train.js", "variants/train-a.html", "console/train-a.html",
              "console/train-a.json")  # fmt: skip
BESIDE = ("browse/runs/", "search/?q=lr%3D0.5", "run/runs/GOOD/index.html",
          "run/runs/GOOD/history.html", "run/runs/GOOD/variants/train-a.html")  # fmt: skip


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[::20] = b"\xff" * len(data[::20])
    path.write_bytes(data)


def odd(path: Path) -> None:
    path.write_text('[["odd", 1], null]')


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def huge(path: Path) -> None:
    os.truncate(path, 1 << 40)


@pytest.fixture
def served(serve, begin) -> Iterator[tuple[Any, Path, Path]]:
    """Serve a project of two runs, and yield the server and their folders."""
    runs = [begin("train-a"), begin("train-a")]
    for run in runs:
        run.start("train-a", lr=0.5)
        run.log("train-a", 1, loss=0.5)
        run.say("train-a", "begun\n")
        run.end_variant("train-a", 0.5)
        run.end()
    with serve(LocalStore(runs[0].path.parent.parent)) as server:
        yield server, runs[0].path, runs[1].path


@pytest.mark.parametrize(
    ("name", "damage", "told"),
    [
        ("events.jsonl", flip, "its events.jsonl is damaged"),
        ("events.jsonl", pipe, "its events.jsonl can&#39;t be read"),
        ("events.jsonl", folder, "its events.jsonl can&#39;t be read"),
        ("events.jsonl", huge, "its events.jsonl can&#39;t be read"),
        ("pipeline.json", odd, ""),
        ("variants/train-a/variant.json", cut, ""),
        ("variants/train-a/metrics.jsonl", flip, ""),
        ("variants/train-a/log.txt", pipe, ""),
        ("variants/train-a/log.txt", huge, ""),
        ("variants/train-a/notebook.ipynb", cut, "Its notebook can&#39;t be read"),
        ("variants/train-a/notebook.ipynb", pipe, "It has no notebook"),
        ("variants/train-a/notebook.ipynb", huge, "Its notebook can&#39;t be read"),
    ],
)
def test_damaged_run_is_told_and_others_go_on(
    served, name: str, damage: Callable[[Path], None], told: str
) -> None:
    server, bad, good = served
    damage(bad / name)
    pages = {page: server.get(f"/run/runs/{bad.name}/{page}") for page in OF_RUN + OF_VARIANT}
    assert {pages[page].status for page in OF_RUN} == {200}
    assert {pages[page].status for page in OF_VARIANT} <= {200, 404}
    page = "index.html" if name == "events.jsonl" else "variants/train-a.html"
    assert told in pages[page].text
    for path in BESIDE:
        assert server.get(f"/{path.replace('GOOD', good.name)}").status == 200
