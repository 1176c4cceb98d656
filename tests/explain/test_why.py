"""Why variants ran or did not; what is told of it without a command line."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from projects import notebook, write
from run_folders import emit, leave_result

from nbexp.api import Pipeline
from nbexp.explain.why import Explainer, Reasons, why_no_variants
from nbexp.plan import PlannedVariant
from nbexp.run.writer import RunWriter
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import read_history
from nbexp.runs.record import VariantRecord
from nbexp.states import State

PIPELINE = """\
name = "digits"
stages.train = { notebook = "train.ipynb", params = { lr = { grid = [1, 2] } } }
stages.test = { notebook = "test.ipynb", params = { score = "@train.score" } }
"""
GLUE = "import nbexp\nnbexp.glue('score', 0.5)"
TRAIN = notebook("print('train', lr)", GLUE, parameters="lr = 0")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path / "train.ipynb", TRAIN)
    write(tmp_path / "test.ipynb", notebook(parameters="score = 0"))
    write(tmp_path / "pipeline.toml", PIPELINE)
    return tmp_path


def planned(project: Path) -> list[PlannedVariant]:
    plan = Pipeline.from_toml(project / "pipeline.toml").plan()
    return [variant for variant in plan.variants if variant.stage == "train"]


def begin(project: Path, name: str) -> RunWriter:
    run = RunWriter(project / "runs" / name)
    run.variants.mkdir(parents=True)
    run.templates.mkdir()
    run.lock.touch()
    stages = ["train", "test"]
    emit(run, "run_started", run=name, pipeline="digits", stages=stages, metrics={})
    return run


def execute(
    run: RunWriter, variant: PlannedVariant, state: State = State.FINISHED, **parts: Any
) -> VariantRecord:
    """Leave what an execution of a variant leaves; `parts` are those that were different then."""
    about = {"variant": variant.name, "stage": variant.stage, "label": variant.label}
    emit(run, "variant_added", **about, lineage={})
    emit(run, "variant_started", **about, attempt=1, params={})
    was = {**(variant.parts or {}), **parts}
    template, key = str(run.project / "train.ipynb"), str(variant.key)
    key = key if not parts else "0" * 64
    record = VariantRecord(variant.name, "train", variant.label, {}, {}, key, was, template)
    folder = run.variant(variant.name).path
    folder.mkdir()
    record.write(folder)
    leave_result(folder, state, key=key)
    shutil.copy(template, run.kept_template(Path(template), str(was["code"])))
    emit(run, "variant_ended", **about, state=state.value, duration_s=1.0)
    return record


def end(run: RunWriter) -> RunFolder:
    emit(run, "run_ended", state="finished")
    return run


def explain(project: Path, run: RunFolder, variant: str) -> Reasons:
    history = read_history(run)
    explainer = Explainer(project, run, history)
    assert explainer.problem == ""
    return explainer.reasons(history.variants[variant])


def test_first_run_has_nothing_to_be_compared_with(project: Path):
    one, two = planned(project)
    run = begin(project, "digits-1")
    execute(run, one)
    execute(run, two, State.FAILED)
    end(run)
    reasons = explain(project, run, one.name)
    assert reasons == Reasons(
        one.name,
        "lr=1",
        State.FINISHED,
        ("it ran since no earlier run has this stage",),
        None,
        "would be taken from the cache",
    )
    failed = explain(project, run, two.name)
    assert failed.next_run == "would run again"
    assert failed.next_why == ("nothing changed, but it has not finished: it failed",)


def test_what_is_different_from_the_variant_of_an_earlier_run_is_named(project: Path):
    one, two = planned(project)
    first = begin(project, "digits-1")
    execute(first, one, folder="elsewhere")
    end(first)
    second = begin(project, "digits-2")
    execute(second, one)
    execute(second, two)
    end(second)
    reasons = explain(project, second, one.name)
    assert reasons.compared_with == f"digits-1/{one.name}"
    assert reasons.why == (
        f"it ran since, compared with digits-1/{one.name}:",
        "the template lies in folder ., not in elsewhere",
    )
    other = explain(project, second, two.name)
    assert other.compared_with == f"digits-1/{one.name}"
    assert other.why[0].endswith(", the nearest of this stage:")
    assert "parameter lr changed from 1 to 2" in other.why


def test_what_failed_before_ran_again_for_that(project: Path):
    one, _ = planned(project)
    first = begin(project, "digits-1")
    execute(first, one, State.TIMED_OUT)
    end(first)
    second = begin(project, "digits-2")
    execute(second, one)
    end(second)
    (why,) = explain(project, second, one.name).why
    assert why == f"it ran though nothing changed since digits-1/{one.name}: it timed out there"


def test_an_edit_is_told_by_its_cells(project: Path):
    one, _ = planned(project)
    run = begin(project, "digits-1")
    execute(run, one)
    end(run)
    write(project / "train.ipynb", notebook("print('learn', lr)", GLUE, parameters="lr = 0"))
    reasons = explain(project, run, one.name)
    assert reasons.next_run == "would run again"
    (change,) = reasons.next_why
    assert "print('train', lr) → print('learn', lr)" in change


def test_a_variant_that_the_pipeline_no_longer_has_is_compared_with_the_nearest(project: Path):
    one, _ = planned(project)
    run = begin(project, "digits-1")
    execute(run, one)
    end(run)
    write(project / "pipeline.toml", PIPELINE.replace("[1, 2]", "[7]"))
    reasons = explain(project, run, one.name)
    assert reasons.next_run == "would not run"
    (nearest,) = planned(project)
    assert reasons.next_why[1:] == (
        f"the nearest that it has is {nearest.name}:",
        "parameter lr changed from 1 to 7",
    )


def test_a_variant_that_never_started_tells_what_it_waited_for(project: Path):
    one, _ = planned(project)
    run = begin(project, "digits-1")
    execute(run, one, State.FAILED)
    about = {"variant": "test-1", "stage": "test", "label": "", "lineage": {"train": one.name}}
    emit(run, "variant_added", **about)
    emit(run, "variant_ended", **about, state="skipped", reason=f"{one.name} failed")
    end(run)
    assert explain(project, run, "test-1").why == (f"it did not start: {one.name} failed",)


@pytest.mark.parametrize("text", [None, "name = 'digits'\n[stages.train]\nnotebook = 'gone.ipynb'"])
def test_without_its_pipeline_what_comes_next_is_not_known(project: Path, text: str | None):
    one, _ = planned(project)
    run = begin(project, "digits-1")
    execute(run, one)
    end(run)
    (project / "pipeline.toml").unlink()
    if text is not None:
        write(project / "pipeline.toml", text)
    history = read_history(run)
    explainer = Explainer(project, run, history)
    assert ("no file of the pipeline 'digits'" if text is None else "gone.ipynb") in (
        explainer.problem
    )
    reasons = explainer.reasons(history.variants[one.name])
    assert (reasons.next_run, reasons.next_why) == (None, ())


def test_a_stage_without_variants_tells_whose_variants_it_lacks(project: Path):
    one, _ = planned(project)
    run = begin(project, "digits-1")
    assert why_no_variants(read_history(run)) == "they are not known yet"
    execute(run, one, State.FAILED)
    assert why_no_variants(read_history(run)) == "no variant of train finished"


def test_reasons_are_written_as_json_holds_them():
    reasons = Reasons("train-1", "lr=1", State.PRUNED, ("so",), next_run="would run")
    record = reasons.to_record()
    assert (record["state"], record["why"], record["next_run"]) == ("pruned", ("so",), "would run")
    assert replace(reasons, next_run=None).to_record()["next_run"] is None
