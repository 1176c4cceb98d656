"""Failures and stops as show tells them: what is alike once, and of how many the best is."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from cli_project import Nbexp
from run_folders import emit, make_run

from nbexp.runs.outcome import CellError

ERROR = CellError("ValueError", "no", 4, "1 --> fit(x)", "ValueError: no", "templates/t.ipynb", 3)
PLACE = "in cell 3 of templates/t.ipynb (cell 4 of the executed notebook)"


def run_of(root: Path, *ends: tuple[str, str, CellError | None]) -> None:
    """Make a run of variants by name, each with its state and error."""
    run = make_run(root)
    for name, state, error in ends:
        about = {"variant": name, "stage": "train", "label": ""}
        emit(run, "variant_added", **about, lineage={})
        shown = asdict(error) if error else None
        metric = 0.5 if state == "finished" else None
        emit(run, "variant_ended", **about, state=state, error=shown, metric=metric)
    emit(run, "run_ended", state="failed")


def test_failure_of_all_variants_is_shown_whole_once(tmp_path: Path, nbexp: Nbexp):
    other = CellError(**{**asdict(ERROR), "message": "else"})
    run_of(tmp_path, *((f"train-{n}", "failed", ERROR) for n in range(9)),
           ("train-x", "failed", other))  # fmt: skip
    shown = nbexp("show", "-C", tmp_path).output
    assert shown.count(PLACE) == shown.count("1 --> fit(x)") == 1
    same = "train-1, train-2, train-3, train-4, train-5 and 3 more"
    assert f"the same in 8 more  {same}\n" in shown
    assert "there too  train-x  ValueError: else\n" in shown


def test_best_of_a_stage_that_was_stopped_is_of_those_that_had_ended(tmp_path: Path, nbexp: Nbexp):
    ends = [("a", "finished"), ("b", "finished"), ("c", "stopped"), ("d", "timed out")]
    run_of(tmp_path, *((f"train-{name}", state, None) for name, state in ends))
    lines = nbexp("show", "-C", tmp_path).output.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("train"))
    assert lines[head + 1] == "  the best of 2 of 4 variants: 1 stopped, 1 timed out"
