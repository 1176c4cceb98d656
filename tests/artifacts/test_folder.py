"""The folder of an artifact: names, replacement, what is missing or damaged."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from nbexp.artifacts import load, read, save, scan
from nbexp.errors import ArtifactError
from nbexp.files import read_json, write_json


def test_saving_again_replaces(tmp_path):
    save(tmp_path, "it", torch.ones(2))
    save(tmp_path, "it", "text")
    assert load(tmp_path / "it") == "text"
    assert sorted(p.name for p in (tmp_path / "it").iterdir()) == ["artifact.json", "data.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["it"]


def test_failed_save_leaves_the_older_one(tmp_path):
    save(tmp_path, "it", 1)
    with pytest.raises(ArtifactError):
        save(tmp_path, "it", object())
    assert load(tmp_path / "it") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["it"]


def test_savers_at_the_same_time_leave_one_whole_artifact(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: save(tmp_path, "it", [number] * 1000), range(40)))
    values = load(tmp_path / "it")
    assert len(values) == 1000
    assert len(set(values)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["it"]


@pytest.mark.parametrize("file", ["it", "it/file"])
def test_what_is_no_artifact_is_not_replaced(tmp_path, file):
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("content")
    with pytest.raises(ArtifactError, match="is not an artifact, so it is not replaced"):
        save(tmp_path, "it", 1)
    assert path.read_text() == "content"


def test_read_and_scan_tell_what_save_told(tmp_path):
    saved = [save(tmp_path, name, name) for name in ("a", "b.c-d_1")]
    (tmp_path / ".a.hidden").mkdir()
    (tmp_path / "incomplete").mkdir()
    (tmp_path / "file").touch()
    assert [read(each.path) for each in saved] == saved
    assert scan(tmp_path) == {each.name: each for each in saved}
    assert saved[0].size == 1
    assert saved[0].path.is_absolute()
    assert scan(tmp_path / "nowhere") == {}


def test_reference_is_a_path_or_its_text_also_relative(tmp_path, monkeypatch):
    save(tmp_path, "it", 1)
    monkeypatch.chdir(tmp_path)
    assert [load(tmp_path / "it"), load(str(tmp_path / "it")), load("it")] == [1, 1, 1]


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../a", "a b", "ä", "a\n", "x" * 300, None])
def test_name_is_refused_with_a_better_one(tmp_path, name):
    with pytest.raises(ArtifactError, match="can't be the name of an artifact") as refusal:
        save(tmp_path / "new", name, 1)
    better = str(refusal.value).rsplit("'", 2)[1]
    assert load(save(tmp_path, better, 1).path) == 1


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("modle", "there is no such artifact. Did you mean 'model'"),
        ("file", "is a file, not the folder"),
        ("empty", "has no artifact.json"),
        (None, "None came. Is the parameter linked"),
        ("", "'' came"),
    ],
)
def test_reference_to_no_artifact_is_refused(tmp_path, monkeypatch, ref, message):
    monkeypatch.chdir(tmp_path)
    save(tmp_path, "model", 1)
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtifactError, match=message):
        load(ref)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("data.safetensors", b"short", "has 5 bytes instead of"),
        ("data.safetensors", None, "data.safetensors is missing"),
        ("data.json", b"{" * 36, "damaged: data.json has another content"),
        ("artifact.json", b"{", "artifact.json can't be read"),
        ("artifact.json", b"[]", "artifact.json can't be read"),
    ],
)
def test_damage_is_told(tmp_path, file, content, message):
    path = save(tmp_path, "it", {"weights": torch.ones(4)}).path
    if content is None:
        (path / file).unlink()
    else:
        (path / file).write_bytes(content)
    with pytest.raises(ArtifactError, match=message) as refusal:
        load(path)
    assert "Run the stage that saved it again" in str(refusal.value)


def test_format_of_a_newer_version_is_told(tmp_path):
    path = save(tmp_path, "it", 1).path / "artifact.json"
    path.chmod(0o644)
    write_json(path, read_json(path) | {"format": "video", "nbexp": "9.0"})
    with pytest.raises(ArtifactError, match=r"'video', written by nbexp 9.0, .* Upgrade nbexp"):
        load(path.parent)


@pytest.mark.parametrize(
    ("value", "into", "message"),
    [
        (torch.nn.Linear(2, 2), torch.nn.Linear(3, 2), "don't fit into this torch.nn.*Linear"),
        (torch.nn.Linear(2, 2), "text", "must be a torch.nn.Module, but is a str"),
        ({"model": {"weight": torch.ones(1)}}, torch.nn.Linear(2, 2), "don't fit"),
        ([1], torch.nn.Linear(2, 2), "this artifact is in the format 'json'"),
    ],
)
def test_wrong_into_is_refused(tmp_path, value, into, message):
    path = save(tmp_path, "it", value).path
    with pytest.raises(ArtifactError, match=message):
        load(path, into=into)


def test_plain_data_needs_no_large_library(tmp_path):
    code = """
import sys
from pathlib import Path
from nbexp.artifacts import load, save
for number, value in enumerate(["text", b"bytes", {"a": [1, None]}, Path(__file__)]):
    load(save(Path.cwd(), f"n{number}", value).path)
print({"numpy", "pandas", "torch", "safetensors", "pyarrow"} & set(sys.modules))
"""
    (tmp_path / "code.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "code.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("value", [[0.5, "text"], torch.ones(3), b"bytes", "text"])
def test_content_with_another_bit_is_told_where_no_manifest_is(tmp_path, value):
    save(tmp_path, "it", value)
    file = next(path for path in (tmp_path / "it").iterdir() if path.name != "artifact.json")
    file.chmod(0o644)
    content = bytearray(file.read_bytes())
    content[-2] ^= 1
    file.write_bytes(content)
    with pytest.raises(ArtifactError, match=f"{file.name} has another content"):
        load(tmp_path / "it")


def test_description_with_another_bit_is_told(tmp_path):
    save(tmp_path, "it", "text")
    file = tmp_path / "it" / "artifact.json"
    file.chmod(0o644)
    file.write_bytes(file.read_bytes().replace(b"text", b"test"))
    with pytest.raises(ArtifactError, match="not what was written"):
        load(tmp_path / "it")
