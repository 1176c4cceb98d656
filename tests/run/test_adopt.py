"""A variant that ran before is brought into a run whole, or not at all."""

import pytest
from run_folders import KEY, leave_result, make_run, start_variant

from nbexp.files import read_json, write_json
from nbexp.run import read_outcome


@pytest.fixture
def source(tmp_path):
    folder = start_variant(make_run(tmp_path, "before"), "train-1")
    leave_result(folder)
    artifact = folder / "artifacts" / "model"
    artifact.mkdir(parents=True)
    (artifact / "artifact.json").write_text("{}")
    record = read_json(folder / "result.json") | {"artifacts": {"model": "digest"}}
    write_json(folder / "result.json", record)
    return folder


def test_artifacts_are_shared_and_the_rest_is_copied(tmp_path, source):
    run = make_run(tmp_path, "now")
    folder = run.adopt("train-1", source, KEY)
    assert folder == run.variant("train-1")
    assert read_outcome(folder, KEY) == read_outcome(source, KEY)
    there = [folder / name for name in ("artifacts/model/artifact.json", "notebook.ipynb")]
    assert [file.stat().st_nlink for file in there] == [2, 1]


@pytest.mark.parametrize("lost", ["artifacts/model/artifact.json", "notebook.ipynb", "result.json"])
def test_nothing_is_left_of_one_that_is_not_whole(tmp_path, source, lost):
    run = make_run(tmp_path, "now")
    (source / lost).unlink()
    assert run.adopt("train-1", source, KEY) is None
    assert list(run.variants.iterdir()) == []


def test_what_can_no_longer_be_read_is_not_adopted(tmp_path, source):
    run = make_run(tmp_path, "now")
    (source / "figures").mkdir()
    (source / "figures" / "gone.png").symlink_to("nowhere")
    assert run.adopt("train-1", source, KEY) is None
    assert list(run.variants.iterdir()) == []


def test_folder_that_an_attempt_has_used_is_left_alone(tmp_path, source):
    run = make_run(tmp_path, "now")
    start_variant(run, "train-1")
    assert run.adopt("train-1", source, KEY) is None
    assert (run.variant("train-1") / "variant.json").exists()
