"""Single notebooks as files, and runs as tables."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from nbexp.cli._main import cli
from nbexp.errors import UsageError
from nbexp.reports import exports


@pytest.fixture
def project(runs, small) -> Path:
    runs.make(small())
    return runs.folder


def run(*words: str | Path) -> str:
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def test_one_file_of_html_stands_alone(project: Path, tmp_path: Path) -> None:
    target = tmp_path / "own.html"
    run("export", "train-3", "--dir", project, "--to", target)
    text = target.read_text()
    assert "One variant." in text
    assert "<title>train-3</title>" in text
    assert "<script src" not in text
    assert not re.search(r'(?:src|href)="(?!#|data:)', text)


def test_markdown_has_its_outputs(project: Path, tmp_path: Path) -> None:
    target = tmp_path / "own.md"
    run("export", "train-3", "--dir", project, "--to", target)
    assert "# Training" in target.read_text()
    assert "lr=0.001" in target.read_text()


@pytest.mark.skipif(
    not any(map(shutil.which, ("chromium", "google-chrome"))), reason="needs Chromium"
)
def test_pdf_is_printed(project: Path, tmp_path: Path) -> None:
    target = tmp_path / "own.pdf"
    run("export", "train-3", "--dir", project, "--to", target)
    assert target.read_bytes().startswith(b"%PDF-")


def test_pdf_without_a_browser_says_what_to_do(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    notebook = next(project.glob("runs/*/variants/train-3/notebook.ipynb"))
    with pytest.raises(UsageError, match="Install chromium, or use --format html"):
        exports.export_notebook(notebook, "pdf", tmp_path / "own.pdf")
    assert not (tmp_path / "own.pdf").exists()


def test_what_is_no_notebook_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "odd.ipynb").write_text("{")
    done = CliRunner().invoke(cli, ["export", str(tmp_path / "odd.ipynb")])
    assert done.exit_code == 2
    assert "is not a readable notebook" in done.output


def test_table_keeps_whole_numbers_whole(runs, made) -> None:
    variants = {
        "prepare-1": made("prepare", {"size": 3}),
        "train-1": made("train", {"hidden": 64, "layers": [1, 2]}, metric=0.5),
        "train-2": made("train", {"hidden": 32, "layers": [3], "lr": 0.1}, metric=0.25),
    }
    runs.make(variants)
    text = run("table", "--dir", runs.folder)
    assert 'train-1,train,finished,0.5,1.5,,64,"[1, 2]",' in text.replace("'", "")
    assert "params.size" not in run("table", "--dir", runs.folder, "--stage", "train")
    assert r"train-2 & train & finished & 0.25 & 1.5 & 32" in run(
        "table", "--dir", runs.folder, "--stage", "train", "--format", "latex"
    )


def test_numbers_that_are_not_finite_are_told_from_missing_ones_and_never_coded(
    runs, made, tmp_path
) -> None:
    params = {"clip": math.inf, "low": math.nan, "deep": [{"a": -math.inf}]}
    runs.make(
        {"train-1": made("train", params, metric=math.inf), "train-2": made("train", {"clip": 1.5})}
    )
    where = ["--dir", runs.folder]
    table = run("table", *where, "--stage", "train")
    assert 'inf,nan,"[{""a"": ""-inf""}]"' in table
    latex = run("table", *where, "--stage", "train", "--format", "latex")
    shown = json.loads(run("show", *where, "train-1", "--json"), parse_constant=pytest.fail)
    assert shown["params"] == {"clip": "inf", "low": "nan", "deep": [{"a": "-inf"}]}
    text = run("show", *where, "train-1")
    run("report", *where, "--to", tmp_path / "report")
    pages = [page.read_text() for page in (tmp_path / "report").rglob("*.html")]
    assert pages
    assert not [each for each in (table, latex, text, *pages) if "$float" in each]


def test_table_as_parquet(project: Path, tmp_path: Path) -> None:
    run("table", "--dir", project, "--format", "parquet", "--to", tmp_path / "t.parquet")
    assert len(pd.read_parquet(tmp_path / "t.parquet")) == 13
    done = CliRunner().invoke(cli, ["table", "--dir", str(project), "--format", "parquet"])
    assert "name a file with --to FILE" in done.output
    assert done.exit_code == 2


@pytest.mark.parametrize("metadata", [{"kernelspec": {"name": [1]}}, {"title": 3, "authors": "x"}])
def test_markdown_of_a_malformed_notebook_is_refused(tmp_path: Path, metadata: dict) -> None:
    file = tmp_path / "odd.ipynb"
    file.write_text(
        json.dumps({"nbformat": 4, "nbformat_minor": 5, "cells": [], "metadata": metadata})
    )
    with pytest.raises(UsageError, match=r"malformed: .*--format html"):
        exports.export_notebook(file, "md", tmp_path / "odd.md")


def test_export_waits_for_no_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.ipynb")
    with pytest.raises(UsageError, match="is not a readable notebook"):
        exports.export_notebook(tmp_path / "pipe.ipynb", "html", tmp_path / "pipe.html")
