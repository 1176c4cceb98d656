"""What a notebook tells MLflow holds no secret, in whatever it is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SECRETS = {"TOKEN": "tOk3nWq81xYz", "KEY": 'Hu7sEcRe"\n<é ü>\\%+/Q9tZw2Kx', "PIN": "83516724"}
# What is looked for: parts that no way of writing changes.
PARTS = ("tOk3nWq81xYz", "Hu7sEcRe", "Q9tZw2Kx", "83516724")

INSTALL = """
import os
__import__("nbexp.notebook.hooks", fromlist=["install"]).install()
import json
from pathlib import PurePath
import mlflow, pandas as pd
SECRETS = [os.environ[name] for name in os.environ["NBEXP_SECRETS"].split()]
mlflow.set_experiment("told")
"""
VALUES = """
for text in SECRETS:
    odd = {"set": {text}, "bytes": text.encode(), "path": PurePath(text), "none": None}
    with mlflow.start_run():
        mlflow.log_params(odd)
        mlflow.log_param("path alone", PurePath(text))
        mlflow.log_params({"table": {text: [text]}})
        mlflow.set_tags(odd)
        mlflow.log_metric("score", 0.5)
        mlflow.log_dict({**odd, text: {"in": [text]}}, "odd.json")
        mlflow.log_dict({"set": {text}, "text": text}, "odd.yaml")
client = mlflow.MlflowClient()
[run, *_] = client.search_runs([client.get_experiment_by_name("told").experiment_id])
assert run.data.params["none"] == "None" and run.data.metrics == {"score": 0.5}, run.data
"""
TABLES = """
for text in SECRETS:
    table = pd.DataFrame({"a": [text, None], text: [1, 83516725], "b": [2.5, 3.5]})
    more = table.assign(c=pd.Categorical([text, "x"]), d=[[text], {text: text}])
    with mlflow.start_run():
        mlflow.log_table(more, "frame.json")
        mlflow.log_table(more, "frame.json")
        mlflow.log_table(table, "frame.parquet")
        mlflow.log_table({"a": pd.Series([text])}, "series.json")
        own = [mlflow.active_run().info.run_id]
        back = mlflow.load_table("frame.json", run_ids=own)
        assert back["b"].tolist() == [2.5, 3.5] * 2 and back["a"].tolist()[0] == "***", back
        back = mlflow.load_table("frame.parquet", run_ids=own)
        assert back["***"].tolist() == [1, 83516725], back
        data = mlflow.data.from_pandas(table, source=text, name=text, targets="b")
        mlflow.log_input(data, context=text, tags={text: text})
    assert table["a"][0] == text
"""
FIGURES = """
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt, plotly.graph_objects as go
for text in SECRETS:
    with mlflow.start_run():
        figure, axes = plt.subplots()
        axes.set_title(text.replace("$", ""))
        mlflow.log_figure(figure, "figure.svg")
        drawn = go.Figure(go.Scatter(y=[1.0, 2.0], text=text), layout={"title": {"text": text}})
        mlflow.log_figure(drawn, "figure.html", save_kwargs={"include_plotlyjs": False})
"""
TRACES = """
def failing(text):
    raise ValueError(text)

spans = []
for text in SECRETS:
    with mlflow.start_span(name=f"span {text}", attributes={text: text}) as span:
        span.set_inputs({"given": text, "number": 5})
        span.set_outputs([text])
        mlflow.update_current_trace(tags={"told": text}, metadata={text: text})
    spans.append(span)
    try:
        mlflow.trace(failing)(text)
    except ValueError:
        pass
mlflow.flush_trace_async_logging()
for span, text in zip(spans, SECRETS):
    mlflow.log_feedback(trace_id=span.trace_id, name="like", value=text, rationale=text)
    mlflow.set_trace_tag(span.trace_id, text, text)
    trace = mlflow.get_trace(span.trace_id)
    assert trace.data.spans[0].inputs == {"given": "***", "number": 5}, trace.data
    assert trace.info.assessments[0].value == "***"
assert len(mlflow.search_traces(return_type="list")) == 2 * len(SECRETS)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which all of that was told to MLflow."""
    folder = tmp_path_factory.mktemp("masking")
    environment = os.environ | SECRETS | {
        "NBEXP_SECRETS": " ".join(SECRETS), "NBEXP_FOLDER": str(folder),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
    }  # fmt: skip
    code = "".join((INSTALL, VALUES, TABLES, FIGURES, TRACES))
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_mlflow_is_told_no_secret(store: Path) -> None:
    files = [path for path in store.rglob("*") if path.is_file()]
    found = {
        str(path.relative_to(store)): [part for part in PARTS if part.encode() in data]
        for path in files
        for data in [path.read_bytes()]
    }
    assert {path: parts for path, parts in found.items() if parts} == {}
    for name in ("mlflow.db", "odd.json", "odd.yaml", "frame.json", "frame.parquet", "figure.svg"):
        assert any(path.endswith(name) for path in found), name
