"""What tables and labels of variants show of values."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
from cli_project import Nbexp
from run_folders import emit, make_run, start_variant

from nbexp.files import write_json
from nbexp.plan.variants import short
from nbexp.runs.folder import RunFolder
from nbexp.runs.record import VariantRecord


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1, "1"),
        (1.0, "1.0"),
        ("1", '"1"'),
        (-2.0, "-2.0"),
        (1e6, "1e+06"),
        (0.12345, "0.1235"),
        ("1e-3", '"1e-3"'),
        (True, "True"),
        ("true", '"true"'),
        ("adam", "adam"),
        ("", '""'),
        ("a\nb", '"a\\nb"'),
        (["1", 1, 1.0], '["1", 1, 1.0]'),
    ],
)
def test_label_tells_values_of_different_types_apart(value: Any, shown: str):
    assert short(value) == shown


def test_label_has_room_for_long_texts_but_not_for_all_of_them():
    assert short("a" * 5000) == f"{'a' * 60}…{'a' * 40}"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    run = make_run(tmp_path)
    values: list[Any] = [1, 1.0, "1", ["x"] * 900]
    for number, value in enumerate(values):
        variant = {"variant": f"train-{number}", "stage": "train", "label": "a\nb"}
        emit(run, "variant_added", **variant, lineage={})
        emit(run, "metrics", **variant, entries=[{"step": 1, "values": {"score": 0.25 + number}}])
        emit(run, "variant_ended", **variant, state="stopped" if number else "finished", metric=8.5)
        record = {"name": f"train-{number}", "stage": "train", "label": "", "params": {"x": value},
                  "lineage": {}, "key": "k", "parts": {}, "template": "t"}  # fmt: skip
        folder = run.variant(f"train-{number}").path
        folder.mkdir()
        write_json(folder / "variant.json", record)
    emit(run, "run_ended", state="stopped")
    return tmp_path


def test_table_of_a_stage_tells_values_of_different_types_apart(project: Path, nbexp: Nbexp):
    rows = list(csv.DictReader(io.StringIO(nbexp("table", "train", "-C", project).output)))
    *short_values, long = [row["params.x"] for row in rows]
    assert short_values == ["1", "1.0", '"1"']
    assert len(long) < 300
    assert long.endswith("(4500 characters)")
    assert nbexp("table", "trian", "-C", project).exit_code == 2


def test_stopped_variant_is_shown_with_what_it_had_logged_in_one_line(project: Path, nbexp: Nbexp):
    lines = nbexp("show", "-C", project).output.splitlines()
    shown = {line.split()[0]: line for line in lines if line.strip().startswith("train-")}
    assert len(shown) == 4
    assert "8.5" in shown["train-0"]
    assert "1.25" in shown["train-1"]
    assert "8.5" not in shown["train-1"]
    assert "a b" in shown["train-1"]


def give(run: RunFolder, name: str, params: Any, content: Any) -> None:
    """Write a variant with its parameters, and with the same as its identity takes them."""
    folder = start_variant(run, name)
    record = VariantRecord(name, "train", "", params, {}, "k", {"params": content}, "t.ipynb")
    record.write(folder)


def test_printed_table_compares_artifacts_by_what_they_hold(tmp_path: Path, nbexp: Nbexp):
    run = make_run(tmp_path)
    for number in (1, 2):
        paths = {name: f"{run.path}/variants/make-{number}/artifacts/{name}" for name in "abc"}
        params = {"a": paths["a"], "b": paths["b"], "c": {"of": [paths["c"], 1]}, "lr": number}
        held = {"c": {"of": [{"$content": "same"}, 1]}, "lr": number}
        give(run, f"train-{number}", params, {
            "a": {"$content": "same"}, "b": {"$content": f"other {number}"}, **held,
        })  # fmt: skip
    head = nbexp("table", "train", "-C", tmp_path, "--format", "latex").output.splitlines()[2]
    assert re.findall(r"params\.\w+", head) == ["params.b", "params.lr"]
    whole = nbexp("table", "train", "-C", tmp_path).output.splitlines()[0]  # for programs
    assert "params.a,params.b,params.c,params.lr" in whole
    assert str(run.path) in nbexp("table", "train", "-C", tmp_path).output


def test_printed_table_has_what_an_exploit_changed(tmp_path: Path, nbexp: Nbexp):
    run = make_run(tmp_path)
    for number in (1, 2):
        give(run, f"train-{number}", {"lr": number}, {"lr": 1})  # both have begun with the same
    head = nbexp("table", "train", "-C", tmp_path, "--format", "latex").output.splitlines()[2]
    assert "params.lr" in head
