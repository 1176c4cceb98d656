"""Save and load from a notebook, in a run and by hand."""

from pathlib import Path

import pytest

from nbexp import artifacts
from nbexp.errors import ArtifactError
from nbexp.notebook import load, save
from nbexp.notebook import saving as saving_module


@pytest.fixture
def by_hand(tmp_path, monkeypatch):
    monkeypatch.delenv("NBEXP_FOLDER", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(saving_module, "_said", [])


def test_in_a_run_artifacts_go_into_the_variants_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NBEXP_FOLDER", str(tmp_path / "train-3f9a2c"))
    ref = save("data", [1, 2])
    assert ref == str(tmp_path / "train-3f9a2c" / "artifacts" / "data")
    assert load(ref) == [1, 2]
    assert artifacts.scan(tmp_path / "train-3f9a2c" / "artifacts").keys() == {"data"}
    assert capsys.readouterr().out == ""


def test_by_hand_artifacts_go_beside_the_notebook_and_it_says_so_once(by_hand, tmp_path, capsys):
    refs = [save(name, name) for name in "ab"]
    assert refs == [str(tmp_path / "nbexp-artifacts" / name) for name in "ab"]
    assert [load(ref) for ref in refs] == ["a", "b"]
    assert load(Path(refs[0])) == "a"
    assert capsys.readouterr().out.count("./nbexp-artifacts") == 1


def test_pickles_are_written_and_loaded_only_when_asked(by_hand):
    with pytest.raises(ArtifactError, match="pickle=True"):
        save("it", {1, 2})
    ref = save("it", {1, 2}, pickle=True)
    with pytest.raises(ArtifactError, match="pickle=True"):
        load(ref)
    assert load(ref, pickle=True) == {1, 2}


def test_weights_go_into_the_model_that_is_given(by_hand):
    torch = pytest.importorskip("torch")
    model, other = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    assert load(save("model", model), into=other) is other
    assert torch.equal(model.weight, other.weight)
