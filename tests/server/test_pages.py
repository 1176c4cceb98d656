"""Pages of folders, notebooks and runs, as a browser gets them."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import sys
import threading
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from nbexp.runs.history import HistoryReader, RunHistory
from nbexp.server import LocalStore


@pytest.fixture
def project(serve, going):
    """Serve the folder of a project with a run that goes on."""
    with serve(LocalStore(going.path.parents[1])) as found:
        yield found


def live(served: Any, run: Any, **arguments: str) -> dict[str, Any]:
    query = "&".join(f"{name}={value}" for name, value in arguments.items())
    return dict(json.loads(served.get(f"/run/runs/{run.folder.id}/live.json?{query}").text))


def console(served: Any, run: Any, offset: str = "") -> dict[str, Any]:
    path = f"/run/runs/{run.folder.id}/console/train-a.json?offset={offset}"
    return dict(json.loads(served.get(path).text))


def test_root_leads_to_the_folder_or_to_the_run(serve, served, going) -> None:
    assert served.get("/").headers["Location"] == "/browse/"
    with serve(LocalStore(going.path)) as of_run:
        assert of_run.get("/").headers["Location"] == "/run/index.html"
        assert going.folder.id in of_run.get("/run/index.html").text


def test_notebook_looks_as_in_a_report_and_can_be_had(served, notebooks: Path) -> None:
    page = served.get("/notebook/a%20b/first.ipynb").text
    assert '<article class="nb-cell" id="cell-2"' in page
    assert "Accuracy 0.91" in page
    assert 'href="/browse/a%20b/"' in page
    raw = served.get("/raw/a%20b/first.ipynb")
    assert raw.body == (notebooks / "a b" / "first.ipynb").read_bytes()


def test_broken_notebook_is_said_to_be(served) -> None:
    answer = served.get("/notebook/broken.ipynb")
    assert answer.status == 502
    assert "broken.ipynb can&#x27;t be read as a notebook" in answer.text


def test_big_outputs_have_files_of_their_own_that_stay_without_an_origin(served, notebooks) -> None:
    script = new_output("display_data", {"text/html": f"<script>x</script>{'y' * 300_000}"})
    notebook = new_notebook(cells=[new_code_cell("show()", outputs=[script])])
    nbformat.write(notebook, notebooks / "big.ipynb")
    page = served.get("/notebook/big.ipynb").text
    (source,) = re.findall(r'src="(/aside/[^"]+)"', page)
    answer = served.get(source)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["Content-Security-Policy"].startswith("sandbox allow-scripts;")


@pytest.mark.parametrize("kind", ["aside", "raw", "notebook", "run", "browse", "assets"])
def test_name_that_no_file_can_have_is_not_found(served, kind: str) -> None:
    assert served.get(f"/{kind}/{'x' * 5000}").status == 404


class FaultyStore(LocalStore):
    """A folder of which nothing can be read, for a reason."""

    def __init__(self, root: Path, number: int) -> None:
        super().__init__(root)
        self._number = number

    def read(self, path: str, *_: Any) -> bytes:
        raise OSError(self._number, os.strerror(self._number), path)


@pytest.mark.parametrize(
    ("number", "status", "told"),
    [(errno.ENOENT, 404, "moved or removed"), (errno.ENOTDIR, 404, "moved or removed"),
     (errno.EACCES, 403, "may not read it"), (errno.EPERM, 403, "may not read it"),
     (errno.ENOSPC, 500, "No space left on device"), (errno.EIO, 500, "Input/output error"),
     (errno.EMFILE, 500, "Too many open files")],
)  # fmt: skip
def test_only_what_is_not_there_is_said_to_be_missing(
    serve, notebooks, caplog, *, number: int, status: int, told: str
) -> None:
    pages = ("/notebook/plain.ipynb", "/raw/plain.ipynb")
    with serve(FaultyStore(notebooks, number)) as served:
        answers = [served.get(page) for page in pages]
    assert [answer.status for answer in answers] == [status, status]
    assert all(told in answer.text for answer in answers)
    assert not any(str(notebooks) in answer.text for answer in answers)
    logged = [each.message for each in caplog.records if each.levelno == logging.ERROR]
    expected = [f"{page} can't be shown: [Errno {number}] {told}: 'plain.ipynb'" for page in pages]
    assert logged == (expected if status == 500 else [])


def test_search_shows_where_it_matched_and_what_to_do_otherwise(served) -> None:
    text = served.get("/search/?q=accuracy+lr%3C1").text
    assert "1 notebook" in text
    assert 'href="/notebook/a%20b/first.ipynb#cell-2"' in text
    assert "<mark>Accuracy</mark> 0.91" in text
    assert "Back to the folder" in served.get("/search/a%20b/?q=%3Cnone%3E").text
    assert served.get("/search/a%20b/?q=+").headers["Location"] == "/browse/a%20b/"


def test_folder_shows_its_runs(project, going) -> None:
    going.start("train-a")
    going.end_variant("train-a", 0.75)
    text = project.get("/browse/runs/").text
    assert f'href="/run/runs/{going.folder.id}/index.html"' in text
    assert 'data-state="running"' in text
    assert "score 0.75" in text


def test_projects_folder_shows_its_newest_runs(project, begin) -> None:
    text = project.get("/browse/").text
    assert '<h2 id="runs">1 run</h2>' in text
    assert "/browse/runs/" not in text.partition("folders")[0]
    names = [begin().folder.id for _ in range(11)]
    text = project.get("/browse/").text
    assert re.findall(r'href="/run/runs/([^/"]+)/index.html"', text) == names[:0:-1]
    assert '<a href="/browse/runs/">All 12 runs</a>' in text
    assert "All 12 runs" not in project.get("/browse/runs/").text


def test_what_was_found_stands_by_its_run(project, going, begin) -> None:
    newer = begin()
    for run, count in ((going, 8), (newer, 2)):
        for number in range(count):
            run.start(f"train-{number}")
    text = project.get("/search/?q=begun").text
    assert "10 notebooks" in text
    heads = re.findall(r'class="hits-of"><a href="/run/runs/([^/]+)/', text)
    assert heads == [newer.folder.id, going.folder.id]
    shown, folded = text.split("<details")
    assert "3 more of this run" in folded
    assert (shown.count('class="hit-name"'), folded.count('class="hit-name"')) == (7, 3)
    assert "hits-of" not in project.get("/search/templates/?q=score").text


def test_pages_of_a_run_are_those_of_its_report(project, going) -> None:
    going.start("train-a", lr=0.5)
    going.say("train-a", "begun\n")
    base = f"/run/runs/{going.folder.id}"
    assert project.get(base).headers["Location"] == f"{base}/index.html"
    for page in ("index.html", "stages/train.html", "variants/train-a.html", "compare.html",
                 "history.html", "leaderboard.html", "console/train-a.html"):  # fmt: skip
        answer = project.get(f"{base}/{page}")
        assert answer.status == 200, page
        folder = f"{base}/{page}".rpartition("/")[0]
        for link in re.findall(r'(?:href|src)="([^"#]+)', answer.text):
            if not link.startswith("data:"):
                target = link if link.startswith("/") else f"{folder}/{link}"
                while "/../" in target:
                    target = re.sub(r"/[^/]+/\.\./", "/", target, count=1)
                assert project.get(target).status == 200, (page, link)
    assert project.get(f"{base}/variants/none.html").status == 404
    assert project.get(f"{base}/files/train-a/../../events.jsonl").status == 404


def test_run_is_compared_with_those_beside_it_by_their_own_pages(project, going, begin) -> None:
    going.start("train-a", lr=0.5)
    going.end_variant("train-a", 0.75)
    other = begin("train-z")
    other.start("train-z", lr=0.7)
    other.end_variant("train-z", 0.5)
    compare = f"/run/runs/{going.folder.id}/compare.html"
    data = json.loads(re.findall(r'id="runs-data">(.*?)</script>', project.get(compare).text)[0])
    assert data["best"]["train"]["runs"] == [other.folder.id, going.folder.id]
    theirs, own = data["best"]["train"]["links"]
    assert own == "../variants/train-a.html"
    assert theirs == f"../../{other.folder.id}/variants/train-z.html"
    assert "train-z" in project.get(f"/run/runs/{other.folder.id}/variants/train-z.html").text


@pytest.mark.parametrize("page", ["compare.html", "history.html", "leaderboard.html"])
def test_page_of_a_run_that_has_ended_tells_of_one_that_began_later(
    project, going, begin, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setattr("nbexp.server.runs._REST", 0.0)
    path = f"/run/runs/{going.folder.id}/{page}"
    going.start("train-a", lr=0.5)
    going.end_variant("train-a", 0.75)
    going.end()
    assert going.folder.id in project.get(path).text
    overview = project.get(f"/run/runs/{going.folder.id}/index.html").text
    other = begin("train-z")
    other.start("train-z", lr=0.7)
    other.end_variant("train-z", 0.8125)
    now = project.get(path).text
    assert other.folder.id in now
    assert "0.8125" in now
    other.end_variant("train-z", 0.9375)
    assert "0.9375" in project.get(path).text
    other.end()
    assert project.get(f"/run/runs/{going.folder.id}/index.html").text == overview


def test_events_of_runs_beside_are_read_once(
    project, going, begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbexp.server.runs._REST", 0.0)
    path = f"/run/runs/{going.folder.id}/history.html"
    others = [begin("train-z") for _ in range(3)]
    project.get(path)
    read = []
    look = HistoryReader.read

    def note(reader: HistoryReader) -> RunHistory:
        read.append(history := look(reader))
        return history

    monkeypatch.setattr(HistoryReader, "read", note)
    project.get(path)
    assert read == []
    others[1].start("train-z")
    project.get(path)
    assert [history.id for history in read] == [others[1].folder.id]


def test_run_is_shown_as_it_stands_now(project, going) -> None:
    base = f"/run/runs/{going.folder.id}"
    before = live(project, going)
    assert (before["state"], before["done"], before["total"]) == ("running", 0, 3)
    assert live(project, going) == before
    going.start("train-a", lr=0.5)
    going.log("train-a", 1, loss=0.25)
    now = live(project, going)
    assert now["version"] != before["version"]
    assert now["running"] == 1
    assert now["version"] in project.get(f"{base}/variants/train-a.html").text
    going.end_variant("train-a", 0.9)
    going.end()
    end = live(project, going)
    assert (end["state"], end["is_alive"], end["done"]) == ("finished", False, 3)


def test_pages_that_take_long_to_make_are_not_made_for_each_event(
    project, going, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/run/runs/{going.folder.id}/index.html"
    monkeypatch.setattr("nbexp.server.runs._REST", 1e6)  # times the time that it took
    project.get(path)
    shown = live(project, going)
    going.start("train-a")
    going.end()
    assert "1 stopped" not in project.get(path).text
    now = live(project, going)
    assert now["version"] == shown["version"]
    assert (now["is_alive"], now["is_final"]) == (False, False)
    monkeypatch.setattr(project.view.run(path[5:])[0]._own, "_rests_until", 0.0)
    assert live(project, going)["is_final"]
    assert "3 stopped" in project.get(path).text


def test_notebook_that_grows_is_new_to_who_looks_at_it(project, going) -> None:
    going.start("train-a")
    before = live(project, going, variant="train-a")
    going.write("train-a", "print('more')")
    now = live(project, going, variant="train-a")
    assert now["files"] != before["files"]
    assert now["version"] == before["version"]


def test_run_whose_driver_died_has_stopped(project, going) -> None:
    going.start("train-a")
    assert live(project, going)["is_alive"]
    going.folder.unlock()
    now = live(project, going)
    assert (now["state"], now["is_alive"], now["running"]) == ("stopped", False, 0)


def test_console_goes_on_where_it_was(project, going) -> None:
    going.start("train-a")
    going.say("train-a", "one <b>\n\x1b[31mtwo\x1b[0m\nthr")
    first = console(project, going)
    assert first["html"] == 'one &lt;b&gt;\n<span class="nb-f1">two</span>\n'
    assert first["rest"] == "thr"
    assert first["is_new"]
    assert not first["left_out"]
    going.say("train-a", "ee\n")
    second = console(project, going, str(first["offset"]))
    assert (second["html"], second["rest"], second["is_new"]) == ("three\n", "", False)
    assert console(project, going, str(second["offset"]))["html"] == ""


def test_console_shows_the_last_lines_and_begins_anew_with_a_new_log(project, going) -> None:
    going.start("train-a")
    going.say("train-a", "".join(f"line {n}\n" for n in range(3_000)))
    shown = console(project, going)
    assert shown["html"].startswith("line 1000\n")
    assert shown["left_out"]
    (going.folder.variant("train-a").path / "log.txt").write_text("again\n")
    again = console(project, going, str(shown["offset"]))
    assert (again["html"], again["is_new"], again["left_out"]) == ("again\n", True, False)


def test_files_of_a_variant_come_from_the_run_itself(project, going) -> None:
    going.start("train-a")
    path = going.folder.variant("train-a").path / "artifacts" / "model" / "weights <1>.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(3_000_000))
    base = f"/run/runs/{going.folder.id}"
    link = "../files/train-a/artifacts/model/weights%20%3C1%3E.bin"
    assert f'href="{link}"' in project.get(f"{base}/variants/train-a.html").text
    answer = project.get(f"{base}/{link[3:]}")
    assert len(answer.body) == 3_000_000
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_search_leads_to_the_page_of_the_variant(project, going) -> None:
    going.start("train-a")
    text = project.get("/search/?q=lr%3D0.5").text
    assert f'href="/run/runs/{going.folder.id}/variants/train-a.html"' in text


def test_many_may_look_at_once(project, going) -> None:
    going.start("train-a")
    path = f"/run/runs/{going.folder.id}/variants/train-a.html"
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(project.get(path).status)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 8


def test_handlers_can_stand_below_another_servers_address(serve, notebooks: Path) -> None:
    with serve(LocalStore(notebooks), base_url="/user/me/nbexp/") as mounted:
        base = "/user/me/nbexp"
        assert mounted.get(f"{base}/").headers["Location"] == f"{base}/browse/"
        text = mounted.get(f"{base}/browse/").text
        for link in re.findall(r'(?:href|src|action)="(/[^"]+)"', text):
            assert link.startswith(f"{base}/")
        assert f'href="{base}/notebook/plain.ipynb"' in text
        assert mounted.get(f"{base}/notebook/plain.ipynb").status == 200
        assert mounted.get("/browse/").status == 404


@pytest.mark.parametrize("does_start", [True, False])
def test_tensorboard_is_started_once_and_ended_with_the_server(
    serve, going, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does_start: bool
) -> None:
    package = tmp_path / "path" / "tensorboard"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    start = "print('TensorBoard 2 at http://localhost:6543/ (Press CTRL+C)', flush=True)"
    wait = "import time\ntime.sleep(600)"
    (package / "main.py").write_text(f"{start}\n{wait}" if does_start else "raise SystemExit('no')")
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    (going.path / "tensorboard").mkdir()
    with serve(LocalStore(going.path)) as served:
        assert 'href="tensorboard"' in served.get("/run/index.html").text
        answers = [served.get("/run/tensorboard") for _ in range(2)]
        if not does_start:
            assert "TensorBoard did not start: no" in answers[0].text
            return
        assert [a.headers["Location"] for a in answers] == ["http://localhost:6543/"] * 2
        ((process, _),) = served.view.boards._boards.values()
        assert process.poll() is None
    assert process.poll() is not None
    sys.modules.pop("tensorboard", None)


def test_without_tensorboard_there_is_no_link(serve, going, monkeypatch) -> None:
    monkeypatch.setattr("nbexp.server.view.is_installed", lambda: False)
    (going.path / "tensorboard").mkdir()
    with serve(LocalStore(going.path)) as served:
        assert "tensorboard" not in served.get("/run/index.html").text
        assert served.get("/run/tensorboard").status == 404
