"""The pages of a report, from a run made by hand."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from nbexp.errors import UsageError
from nbexp.reports import write_report
from nbexp.runs.outcome import CellError
from nbexp.states import State


def data_of(report: Path, stage: str) -> dict[str, Any]:
    text = (report / "data" / f"{stage}.js").read_text()
    found = json.loads(re.sub(r"^.*? = (\{.*\});\n$", r"\1", text, flags=re.DOTALL))
    assert isinstance(found, dict)
    return found


def column(data: dict[str, Any], key: str) -> list[Any]:
    at = [each["key"] for each in data["columns"]].index(key)
    return [row[at] for row in data["rows"]]


def test_report_has_a_page_for_everything(runs, small) -> None:
    run = runs.make(small())
    report = write_report(run)
    pages = {path.relative_to(run / "report").as_posix() for path in run.glob("report/**/*.html")}
    names = {f"variants/{name}.html" for name in small()}
    assert pages == names | {
        "index.html", "stages/prepare.html", "stages/train.html", "compare.html",
        "history.html", "leaderboard.html",
    }  # fmt: skip
    assert report.pages == len(pages)
    assert report.index == run / "report" / "index.html"


def test_no_link_of_a_report_leads_nowhere_or_leaves_it(runs, small, made) -> None:
    runs.make({"train-a": made("train", {"lr": 1}, metric=0.95, lineage={"prepare": "prepare-0"})})
    run = runs.make(small())
    write_report(run)
    for page in run.glob("report/**/*.html"):
        for link in re.findall(r'(?:href|src)="([^"]*)"', page.read_text()):
            target = link.partition("#")[0]
            if target and target != "data:,":
                assert (page.parent / target).is_file(), (page, link)


def test_overview_names_failures_first(runs, small) -> None:
    write_report(run := runs.make(small()))
    text = (run / "report" / "index.html").read_text()
    assert "ValueError" in text
    assert "lr &lt; 0 &amp; &lt;odd&gt;" in text
    assert 'href="variants/train-bad.html#cell-2"' in text
    assert text.index("1 failed") < text.index('id="pipeline"') < text.index("best score")


def test_stage_table_has_the_best_first_and_what_varies(runs, small) -> None:
    write_report(run := runs.make(small()))
    data = data_of(run / "report", "train")
    assert column(data, "variant")[0] == "train-3"
    assert column(data, "score")[:2] == [pytest.approx(0.9), pytest.approx(0.8)]
    assert column(data, "optimizer.name")[0] == "adam"
    columns = {each["key"]: each for each in data["columns"]}
    assert columns["lr"]["varies"]
    assert columns["lr"]["shown"]
    assert not columns["prepare"]["varies"]
    assert data["kept"].count(True) == 1
    assert data["pruned"].count(True) == 1
    assert [len(each[0]) for each in data["curves"]["loss"] if each].count(3) == 1
    assert len(data["matrices"]) == 10
    assert data["importance"][0]["param"] == "lr"


def test_overview_has_failures_that_are_alike_once(runs, made) -> None:
    error = CellError("ValueError", "no", 4, "fit(x)", "ValueError: no", "templates/train.ipynb", 3)
    variants = {f"train-{n}": made("train", {"lr": n}, State.FAILED, error=error) for n in range(4)}
    other = replace(error, message="else")
    variants["train-x"] = made("train", {"lr": 9}, State.FAILED, error=other)
    write_report(run := runs.make(variants))
    text = (run / "report/index.html").read_text()
    place = "in cell 3 of templates/train.ipynb (cell 4 of the executed notebook)"
    assert re.findall(r'#cell-4">(.*?)</a>', text) == [place]
    assert "5 failed" in text
    assert "The same in 3 more: " in text
    assert re.search(r"There too, .*train-x.*ValueError: else", text)
    assert place in (run / "report/variants/train-2.html").read_text()


def test_best_of_a_stage_that_was_stopped_is_said_to_be_of_those_that_had_ended(runs, made) -> None:
    variants = {f"train-{n}": made("train", {"lr": n}, metric=n / 10) for n in range(2)}
    variants |= {f"train-s{n}": made("train", {"lr": n}, State.STOPPED) for n in range(3)}
    write_report(run := runs.make(variants))
    assert "the best of 2 of 5 variants: 3 stopped" in (run / "report/index.html").read_text()
    assert "of 2 of 5 variants: 3 stopped" in (run / "report/stages/train.html").read_text()


def test_artifacts_that_hold_the_same_do_not_vary(runs, made) -> None:
    variants = {}
    for number in (1, 2):
        place = f"/p/runs/r/variants/prepare-{number}/artifacts"
        content = {"data": {"$content": "same"}, "model": {"$content": f"other {number}"}}
        params = {"data": f"{place}/data", "model": f"{place}/model"}
        variants[f"train-{number}"] = made("train", params, parts={"params": content})
    write_report(run := runs.make(variants))
    columns = {each["title"]: each for each in data_of(run / "report", "train")["columns"]}
    assert [columns[name]["varies"] for name in ("data", "model")] == [False, True]
    assert [columns[name]["shown"] for name in ("data", "model")] == [False, True]


def test_skipped_variant_says_why_it_has_no_notebook(runs, small) -> None:
    write_report(run := runs.make(small()))
    assert "it is skipped" in (run / "report/variants/train-left.html").read_text()


def test_variant_page_leads_to_others_and_is_not_filled_with_values(runs, small, made) -> None:
    links = "[best](../train-3/notebook.ipynb), [none](../other/notebook.ipynb)"
    records = [{"variant": f"train-{n}", "params": {}, "metrics": {}} for n in range(10)]
    notebook = new_notebook(cells=[new_markdown_cell(links)])
    glued = {"counts": [[n] * 20 for n in range(30)]}
    linked = made("train", {"variants": records}, notebook=notebook, scraps=glued)
    write_report(run := runs.make({**small(), "train-linked": linked}))
    page = (run / "report/variants/train-linked.html").read_text()
    assert '<a href="train-3.html">best</a>' in page
    assert '<a class="nb-inert" title="../other/notebook.ipynb">none</a>' in page
    assert "<dd>10 variants</dd>" in page
    assert "<dd>30 by 20 values</dd>" in page


def test_history_tells_what_changed(runs, small, made) -> None:
    runs.make({"prepare-1": made("prepare"), "train-a": made("train", {"lr": 1}, metric=0.95)})
    run = runs.make(small(), epochs=9)
    write_report(run)
    history = (run / "report/history.html").read_text()
    assert "params.epochs 3 → 9" in history
    board = (run / "report/leaderboard.html").read_text()
    assert board.index("train-a") < board.index("train-3")


def test_runs_can_be_compared_with_the_pages_of_their_best_variants(runs, small, made) -> None:
    earlier = runs.make({
        "prepare-1": made("prepare"),
        "train-a": made("train", {"lr": 1}, metric=0.95, epochs=4),
        "train-b": made("train", {"lr": 2}, metric=0.5),
    })  # fmt: skip
    runs.make({"prepare-1": made("prepare")}, pipeline="another")
    run = runs.make(small(), epochs=9)
    write_report(run)
    text = (run / "report/compare.html").read_text()
    data = json.loads(re.findall(r'id="runs-data">(.*?)</script>', text)[0])
    assert column(data["table"], "variant") == [run.name, earlier.name]
    assert column(data["table"], "params.epochs") == ["9", "3"]
    assert column(data["table"], "train: score") == [0.9, 0.95]
    best = data["best"]["train"]
    assert best["runs"] == [run.name, earlier.name]
    assert column(best, "variant") == [f"{run.name}: train-3", f"{earlier.name}: train-a"]
    assert best["links"] == [
        "../variants/train-3.html", f"../runs/{earlier.name}/variants/train-a.html",
    ]  # fmt: skip
    pages = {path.name for path in (run / f"report/runs/{earlier.name}").rglob("*.html")}
    assert pages == {"train-a.html"}  # prepare-1 is the same in both
    history = (run / "report/history.html").read_text()
    assert f'href="compare.html#*:{run.name},{earlier.name}"' in history
    leaders = (run / "report/leaderboard.html").read_text()
    assert f'href="runs/{earlier.name}/variants/train-a.html"' in leaders


def test_huge_notebook_of_another_run_is_left_there(runs, small, made) -> None:
    huge = new_notebook(cells=[new_markdown_cell("long " * 1_100_000)])
    earlier = runs.make({"train-a": made("train", {"lr": 1}, metric=0.95, notebook=huge)})
    write_report(run := runs.make(small()))
    text = (run / "report/compare.html").read_text()
    data = json.loads(re.findall(r'id="runs-data">(.*?)</script>', text)[0])
    assert data["best"]["train"]["runs"] == [run.name, earlier.name]
    assert data["best"]["train"]["links"] == ["../variants/train-3.html", None]
    assert not (run / "report/runs").exists()


def test_pipelines_of_one_task_share_leaderboards_alone(runs, small, made) -> None:
    given = {"prepare-1": made("prepare"), "train-a": made("train", {"lr": 1}, metric=0.95)}
    runs.make(given, pipeline="rival", task="digits")
    runs.make(given | {"train-c": made("train", {"lr": 3}, metric=0.99)}, pipeline="stranger")
    run = runs.make(small(), task="digits")
    write_report(run)
    board = (run / "report/leaderboard.html").read_text()
    assert "Leaderboard of digits" in board
    assert board.index("train-a") < board.index("rival") < board.index("train-3")
    assert "train-c" not in board
    assert "1 run<" in (run / "report/history.html").read_text()
    assert "runs-data" not in (run / "report/compare.html").read_text()


def test_report_replaces_a_report_and_nothing_else(runs, small, tmp_path: Path) -> None:
    run = runs.make(small())
    target = tmp_path / "there"
    write_report(run, target)
    (target / "old.html").write_text("")
    write_report(run, target)
    assert not (target / "old.html").exists()
    other = tmp_path / "papers"
    other.mkdir()
    (other / "thesis.tex").write_text("")
    with pytest.raises(UsageError, match="is there already, and is no report"):
        write_report(run, other)
    assert (other / "thesis.tex").is_file()


def test_report_of_a_run_without_variants(runs) -> None:
    run = runs.make({}, ends=False)
    write_report(run)
    assert "no variants" in (run / "report/index.html").read_text()


def test_files_can_be_had_from_the_report(runs, small) -> None:
    write_report(run := runs.make(small()))
    files = run / "report/files/train-3"
    assert {path.name for path in files.iterdir()} == {"notebook.ipynb", "log.txt", "metrics.jsonl"}


def test_variant_that_failed_is_never_the_best(runs, made) -> None:
    variants = {
        "train-good": made("train", {"lr": 1}, metric=0.5),
        "train-bad": made("train", {"lr": 9}, State.FAILED, metric=1.0),
    }
    runs.make(variants)
    write_report(run := runs.make(variants, epochs=9))
    assert "train-good" in (overview := (run / "report/index.html").read_text())
    assert "best score" in overview
    assert 'href="variants/train-bad.html">train-bad</a></p>' not in overview
    assert column(data_of(run / "report", "train"), "score") == [0.5, None]
    assert "train-bad" not in (run / "report/leaderboard.html").read_text()
    compare = (run / "report/compare.html").read_text()
    data = json.loads(re.findall(r'id="runs-data">(.*?)</script>', compare)[0])
    assert column(data["table"], "train: score") == [0.5, 0.5]


def test_matrix_with_a_gap_is_none_here_or_in_later_reports(runs, made) -> None:
    gap = {"confusion": [[1.0, math.nan], [2.0, 3.0]]}
    first = runs.make({"train-a": made("train", {"lr": 1}, metric=0.5, scraps=gap)})
    write_report(first)
    assert data_of(first / "report", "train")["matrices"] == []
    write_report(runs.make({"train-b": made("train", {"lr": 2}, metric=0.6)}))


def test_leaderboard_leads_to_own_pages_of_variants_from_earlier_runs(runs, made) -> None:
    cached = made("train", {"lr": 1}, metric=0.5, key="c" * 64)
    runs.make({"train-a": cached, "train-b": made("train", {"lr": 2}, metric=0.4)})
    other = made("train", {"lr": 2}, metric=0.7, key="o" * 64)
    write_report(run := runs.make({"train-a": cached, "train-b": other}))
    board = (run / "report/leaderboard.html").read_text()
    rows = re.findall(r"<tr.*?</tr>", board)[1:]
    assert ["is-current" in row for row in rows] == [True, True, False]
    assert 'href="variants/train-a.html"' in rows[1]


def test_pipelines_of_a_task_that_disagree_on_the_mode_have_boards_of_their_own(runs, made) -> None:
    runs.make({"train-a": made("train", {"lr": 1}, metric=0.2)}, pipeline="b", task="t", mode="min")
    write_report(run := runs.make({"train-b": made("train", {"lr": 2}, metric=0.4)}, task="t"))
    board = (run / "report/leaderboard.html").read_text()
    assert board.index("the smallest first") < board.index("train-a")
    assert board.index("the largest first") < board.index("train-b")


def test_history_tells_of_code_and_files_that_changed(runs, made) -> None:
    parts = {"modules": {"helper": "1" * 64}, "inputs": {"data.csv": "1" * 64, "old.csv": "1"}}
    now = {"modules": {"helper": "2" * 64, "more": "1"}, "inputs": {"data.csv": "2" * 64}}
    runs.make({"train-a": made("train", metric=0.5, parts=parts)})
    write_report(run := runs.make({"train-a": made("train", metric=0.5, parts=now)}))
    history = (run / "report/history.html").read_text()
    told = re.findall("<li>(.*?)</li>", history)
    assert told == [
        "code of module helper", "content of input data.csv", "input old.csv taken out",
        "module more added",
    ]  # fmt: skip
