"""The search by name, parameter and text."""

from __future__ import annotations

import json
import os
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from nbexp.server.contents import Catalogue
from nbexp.server.searching import Hit, Query, search
from nbexp.server.stores import LocalStore

MIME = "application/scrapbook.scrap.json+json"


def found(root: Path, text: str) -> list[Hit]:
    store = LocalStore(root)
    return list(search(Query.read(text), store.notebooks(""), Catalogue(store)))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("FIRST", ["first"]),
        ("accuracy", ["first"]),
        ("fit", ["first", "second"]),
        ("fit accuracy", ["first"]),
        ('"deep net"', ["plain"]),
        ("lr=0.01", ["plain"]),
        ("lr=1e-2", ["plain"]),
        ("lr<=0.01", ["first", "plain"]),
        ("lr>0.05", ["second"]),
        ("lr!=0.1", ["first", "plain"]),
        ("lr<abc", []),
        ("name=adam", ["second"]),
        ("optimizer.name=ADAM lr=0.1", ["second"]),
        ("optimizer.name=adam lr=0.2", []),
        ("momentum=0", []),
        ('name="deep net"', ["plain"]),
        ("ipynb", ["first", "second", "broken", "plain"]),
        ('"unclosed', []),
    ],
)
def test_all_that_is_asked_for_must_match(notebooks: Path, text: str, names: list[str]) -> None:
    hits = found(notebooks, text)
    assert sorted(Path(hit.entry.path).stem for hit in hits) == sorted(names)


def test_places_say_where_it_matched(notebooks: Path) -> None:
    (hit,) = found(notebooks, "accuracy lr<0.01")
    param, text = hit.places
    assert (param.where, param.match, param.cell) == ("parameter", "lr = 0.001", None)
    assert (text.where, text.before, text.match, text.after) == ("cell 2", "", "Accuracy", " 0.91")


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("accuracy>0.9", True),
        ("accuracy>0.95", False),
        ("accuracy>0.9 lr=0.1", True),
        ("scores.f1<0.5", True),
        ("f1<0.5", True),
        ("kind=CNN", True),
    ],
)
def test_values_that_were_glued_are_found(tmp_path: Path, text: str, is_found: bool) -> None:
    glued = {"accuracy": 0.9375, "scores": {"f1": 0.25}, "kind": "cnn", "table": [1, 2]}
    outputs = [
        new_output("display_data", {MIME: {"name": name, "data": value, "encoder": "json"}})
        for name, value in glued.items()
    ]
    cells = [
        new_code_cell("lr = 0.1", metadata={"tags": ["parameters"]}),
        new_code_cell("fit()", outputs=outputs),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "trained.ipynb")
    places = [hit.places[0] for hit in found(tmp_path, text)]
    assert [place.where for place in places] == ["glued"] * is_found


def test_outputs_of_a_wrong_form_do_not_hide_the_rest(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "source": "fit()", "outputs": [{"data": {MIME: 1}}, {"data": 1}]}
    (tmp_path / "odd.ipynb").write_text(json.dumps({"cells": [cell]}))
    assert found(tmp_path, "fit")


def test_words_are_shown_where_they_are_written_rather_than_in_the_name(notebooks: Path) -> None:
    assert [hit.places[0].where for hit in found(notebooks, "plain")] == ["name"]
    (notebooks / "plain.ipynb").rename(notebooks / "net.ipynb")
    assert [hit.places[0].where for hit in found(notebooks, "net")] == ["cell 1"]


def test_cells_have_the_numbers_of_the_page(tmp_path: Path) -> None:
    error = new_output("error", ename="ValueError", evalue="too odd", traceback=[])
    marker = new_code_cell("x", metadata={"tags": ["papermill-error-cell-tag"]})
    cells = [marker, new_code_cell("y"), new_code_cell("z", outputs=[error])]
    nbformat.write(new_notebook(cells=cells), tmp_path / "failed.ipynb")
    (hit,) = found(tmp_path, '"too odd"')
    assert hit.places[0].cell == 2


def test_injected_parameters_count_more_than_defaults_and_are_not_run(tmp_path: Path) -> None:
    cells = [
        new_code_cell("lr = 1\nout = open('ran', 'w')", metadata={"tags": ["parameters"]}),
        new_code_cell("lr: float = -2.5", metadata={"tags": ["injected-parameters"]}),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "both.ipynb")
    assert found(tmp_path, "lr=-2.5")
    assert not found(tmp_path, "lr=1")
    assert not (tmp_path / "ran").exists()


def test_changed_notebook_is_read_anew(notebooks: Path) -> None:
    store = LocalStore(notebooks)
    catalogue, path = Catalogue(store), notebooks / "plain.ipynb"
    before = store.stat("plain.ipynb")
    assert before
    assert catalogue.contents(before).params["lr"] == 0.01
    path.write_text(path.read_text().replace("0.01", "0.25"))
    os.utime(path, (1, 1))
    now = store.stat("plain.ipynb")
    assert now
    assert catalogue.contents(now).params["lr"] == 0.25


def test_of_a_large_notebook_its_recorded_parameters_are_found(tmp_path: Path) -> None:
    cell = new_code_cell("fit()", outputs=[new_output("stream", text="x" * 21_000_000)])
    metadata = {"papermill": {"parameters": {"lr": 3}}}
    nbformat.write(new_notebook(cells=[cell], metadata=metadata), tmp_path / "large.ipynb")
    assert found(tmp_path, "lr=3 large")
    assert not found(tmp_path, "fit")


def test_copies_in_reports_runs_and_mlflow_are_left_out(tmp_path: Path) -> None:
    for folder in ("report/files", "mlartifacts", "run/templates", "own", "own/templates"):
        (tmp_path / folder).mkdir(parents=True)
        notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (tmp_path / folder / "n.ipynb").write_text(json.dumps(notebook))
    (tmp_path / "report" / "nbexp-report").touch()
    (tmp_path / "run" / "driver.lock").touch()
    hits = found(tmp_path, "ipynb")
    assert [hit.entry.path for hit in hits] == ["own/n.ipynb", "own/templates/n.ipynb"]


def test_notebook_of_any_content_keeps_no_other_from_being_found(notebooks: Path) -> None:
    odd = ('{"worksheets": [0]}', '{"a": 1}', '{"cells": 3}', "[" * 9999)
    for number, content in enumerate(odd):
        (notebooks / f"odd-{number}.ipynb").write_text(content)
    assert [Path(hit.entry.path).stem for hit in found(notebooks, "accuracy")] == ["first"]


def test_notebook_of_an_early_format_is_found(notebooks: Path) -> None:
    cell = {"cell_type": "code", "input": "early = 1", "language": "python", "outputs": []}
    early = {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": [cell]}]}
    (notebooks / "early.ipynb").write_text(json.dumps(early))
    assert [Path(hit.entry.path).stem for hit in found(notebooks, '"early = 1"')] == ["early"]
