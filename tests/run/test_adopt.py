"""A variant that ran before is brought into a run whole, or not at all."""

import os
import shutil
import time

import pytest
from run_folders import KEY, leave_result, make_run, start_variant

from nbexp import artifacts
from nbexp.files import read_json, write_json
from nbexp.runs import manifest
from nbexp.runs.outcome import read_outcome

LARGE = 2**21
DATA = "artifacts/model/content/weights.bin"
FILES = ["artifacts/model/artifact.json", DATA, "figures/loss.png", "notebook.ipynb"]


@pytest.fixture
def source(tmp_path):
    """A variant that saved a folder of two files, and drew a figure."""
    folder = start_variant(make_run(tmp_path, "before"), "train-1")
    leave_result(folder)
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "weights.bin").write_bytes(b"0" * 100)
    (saved / "large.bin").write_bytes(b"0" * LARGE)
    (folder / "figures").mkdir()
    (folder / "figures" / "loss.png").write_bytes(b"png")
    code = {"cell_type": "code", "source": ["1\n", "2"], "outputs": []}
    write_json(folder / "notebook.ipynb", {"cells": [code]})
    model = artifacts.save(folder / "artifacts", "model", saved)
    record = read_json(folder / "result.json")
    record |= {"artifacts": {"model": model.digest}, "figures": ["loss.png"]}
    write_json(folder / "result.json", record)
    hashes = {f"artifacts/model/{k}": each for k, each in artifacts.hashes(model).items()}
    manifest.write(folder, manifest.parts_of(["model"], ["loss.png"]), hashes)
    return folder


def adopt(tmp_path, source):
    run = make_run(tmp_path, "now")
    adopted = run.adopt("train-1", source, KEY)
    return run, adopted and adopted.path


def age(path):
    """Let the clock of the file system go on: two changes within one of its ticks look the same."""
    began = path.stat().st_ctime_ns
    beside = path.with_name("clock")
    while True:
        beside.touch()
        if beside.stat().st_ctime_ns > began:
            break
    beside.unlink()


def test_all_of_it_is_there_and_none_but_large_artifacts_is_shared(tmp_path, source):
    run, folder = adopt(tmp_path, source)
    assert folder == run.variant("train-1").path
    assert read_outcome(folder, KEY) == read_outcome(source, KEY)
    files = list(read_json(source / "manifest.json")["files"])
    assert sorted(files) == sorted([*FILES, "artifacts/model/content/large.bin"])
    assert all((folder / name).read_bytes() == (source / name).read_bytes() for name in files)
    assert [(folder / name).stat().st_nlink for name in FILES] == [1, 1, 1, 1]


def emptied(path):
    path.chmod(0o644)
    path.write_bytes(b"")


def cut(path):
    path.chmod(0o644)
    os.truncate(path, path.stat().st_size // 2)


def changed_in_place(path):
    age(path)
    path.chmod(0o644)
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(before.st_size // 2)
        byte = file.read(1)
        file.seek(before.st_size // 2)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced_by_a_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "damage", [os.unlink, emptied, cut, changed_in_place, replaced_by_a_folder]
)
def test_nothing_is_left_of_one_that_is_not_whole(tmp_path, source, damage, name, caplog):
    damage(source / name)
    run, folder = adopt(tmp_path, source)
    assert folder is None
    assert list(run.variants.iterdir()) == []
    assert read_outcome(source, KEY) is None
    assert name in caplog.text


def file_for_folder(source):
    shutil.rmtree(source / "artifacts" / "model")
    (source / "artifacts" / "model").write_text("model")


@pytest.mark.parametrize(
    "damage",
    [
        file_for_folder,
        lambda source: (source / "artifacts/model/content/more.txt").touch(),
        lambda source: shutil.rmtree(source / "artifacts"),
        lambda source: (source / "manifest.json").unlink(),
        lambda source: (source / "manifest.json").write_text("{"),
        lambda source: (source / "manifest.json").write_text('{"files": {}}'),
        lambda source: (source / "result.json").unlink(),
    ],
)
def test_folders_and_records_that_are_damaged_are_not_used(tmp_path, source, damage):
    damage(source)
    assert adopt(tmp_path, source)[1] is None


def test_a_copied_project_is_whole_and_looked_at_once(tmp_path, source):
    copied = tmp_path / "elsewhere"
    shutil.copytree(source, copied)  # times and inodes differ
    before = read_json(copied / "manifest.json")
    assert read_outcome(copied, KEY) == read_outcome(source, KEY)
    looked = read_json(copied / "manifest.json")
    assert looked != before
    assert read_outcome(copied, KEY) is not None
    assert read_json(copied / "manifest.json") == looked


def test_a_notebook_that_was_saved_in_jupyter_is_the_same(tmp_path, source):
    notebook = read_json(source / "notebook.ipynb")
    notebook["cells"][0]["source"] = "1\n2"
    notebook["cells"].append({"cell_type": "markdown", "source": "A remark.", "metadata": {}})
    write_json(source / "notebook.ipynb", notebook | {"metadata": {"widgets": {}}})
    assert adopt(tmp_path, source)[1] is not None


def test_a_large_file_that_is_shared_stays_known_on_both_sides(tmp_path, source):
    _, folder = adopt(tmp_path, source)
    for side in (source, folder):
        recorded = read_json(side / "manifest.json")
        assert read_outcome(side, KEY) is not None
        assert read_json(side / "manifest.json") == recorded  # nothing had to be read again


def test_thousands_of_variants_are_looked_at_in_moments(source):
    began = time.process_time()
    for _ in range(2000):
        assert read_outcome(source, KEY) is not None
    assert time.process_time() - began < 4.0  # 0.3 ms each on a slow machine


def test_folder_that_an_attempt_has_used_is_left_alone(tmp_path, source):
    run = make_run(tmp_path, "now")
    start_variant(run, "train-1")
    assert run.adopt("train-1", source, KEY) is None
    assert (run.variant("train-1").path / "variant.json").exists()
