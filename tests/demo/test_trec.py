"""The TREC case study: the accuracy in MLflow is the one that the executed notebook shows."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

REPOSITORY = Path(__file__).parents[2]
DATA = Path(os.environ.get("NBEXP_TEST_DATA", REPOSITORY.parent / "shared" / "data")) / "trec"

pytestmark = [
    pytest.mark.timeout(900),  # the whole run is in the first test's set-up
    pytest.mark.skipif(
        not (DATA / "test.tsv").is_file(),
        reason=f"TREC is not in {DATA}; NBEXP_TEST_DATA names the folder that holds trec/",
    ),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trec")
    text = (REPOSITORY / "notebooks" / "trec" / "pipeline.toml").read_text()
    (folder / "pipeline.toml").write_text(text.replace("../../", f"{REPOSITORY}/"))
    command = [sys.executable, "-m", "nbexp", "run", "pipeline.toml"]
    command += ["--set", f"params.data='{DATA.resolve()}'"]
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def glued(notebook: Path, name: str) -> Any:
    """Return what a notebook glued, from its cells' outputs alone."""
    cells = nbformat.read(notebook, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    bundles = [output["data"] for output in outputs if "data" in output]
    scraps = [bundle.get("application/scrapbook.scrap.json+json", {}) for bundle in bundles]
    return next(scrap["data"] for scrap in scraps if scrap.get("name") == name)


def logged(project: Path, stage: str) -> list[Any]:
    """Return MLflow's runs of a stage's variants."""
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{project / 'mlflow.db'}")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(client.search_runs(experiments, f"tags.`nbexp.stage` = '{stage}'"))


def test_accuracy_in_mlflow_equals_the_one_computed_by_hand(project: Path) -> None:
    [notebook] = project.glob("runs/*/variants/evaluate-*/notebook.ipynb")
    predicted = glued(notebook, "predicted")
    with (DATA / "test.tsv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    right = sum(row["label"] == answer for row, answer in zip(rows, predicted, strict=True))

    [run] = logged(project, "evaluate")
    assert len(rows) == 500
    assert run.info.status == "FINISHED"
    assert run.data.metrics["accuracy"] == right / len(rows)
    assert run.data.metrics["accuracy"] >= 0.85


def test_the_model_is_chosen_on_the_holdout(project: Path) -> None:
    trained = logged(project, "train")
    best = max(run.data.metrics["val_accuracy"] for run in trained)
    [evaluated] = logged(project, "evaluate")

    assert len(trained) == 4
    ancestors = json.loads(evaluated.data.tags["nbexp.lineage"])
    [chosen] = [run for run in trained if run.data.tags["nbexp.variant"] == ancestors["train"]]
    assert chosen.data.metrics["val_accuracy"] == best
