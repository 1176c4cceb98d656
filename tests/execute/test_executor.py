from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from nbformat import v3
from notebook_files import cell_states, read_cells, write_notebook

from nbexp.execute import Job, NotebookExecutor
from nbexp.files import read_json
from nbexp.runs.outcome import Outcome
from nbexp.states import State

MakeJob = Callable[..., Job]
OLD = [("x = 1", ["parameters"]), ("print('x is', x)", [])]
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_notebook_runs_with_parameters_beside_its_modules_in_a_folder_with_braces(
    executor: NotebookExecutor, tmp_path: Path
) -> None:
    home = tmp_path / "a {brace} folder"
    home.mkdir()
    (home / "beside.py").write_text("VALUE = 'from a module beside the template'")
    template = write_notebook(
        home / "{x}.ipynb",
        "#:md\n# Title",
        "#:parameters\nx = 1",
        "import beside, os\nprint(beside.VALUE, os.environ['NBEXP_VARIANT'], os.environ['EXTRA'])",
        "sorted(n for n in globals() if n[0] != '_')",
        "print('folder', os.environ['NBEXP_FOLDER'])",
        "x",
    )
    folder = tmp_path / "variant"
    folder.mkdir()
    job = Job("v-1", template, folder, {"x": 5}, key="abc", environment={"EXTRA": "yes"})

    outcome = executor.execute(job)

    assert (outcome.state, outcome.error, outcome.note) == (State.FINISHED, None, "")
    assert (outcome.cells, outcome.key) == (6, "abc")
    assert Outcome.from_record(read_json(folder / "result.json")) == outcome
    cells = read_cells(folder)
    assert cells[2].metadata.tags == ["injected-parameters"]
    assert [cell.get("execution_count") for cell in cells] == [None, 1, 2, 3, 4, 5, 6]
    assert cell_states(folder) == ["completed"] * 7
    names = cells[4].outputs[0].data["text/plain"]
    assert names == "['In', 'Out', 'beside', 'exit', 'get_ipython', 'open', 'os', 'quit', 'x']"
    log = (folder / "log.txt").read_text()
    assert "--- cell 4 [" in log
    assert "from a module beside the template v-1 yes\n" in log
    assert f"folder {folder}\n" in log
    assert "5\n" in log
    papermill = json.loads((folder / "notebook.ipynb").read_text())["metadata"]["papermill"]
    assert papermill["parameters"] == {"x": 5}
    assert papermill["input_path"] == str(template)
    assert papermill["output_path"] == str(folder / "notebook.ipynb")


def test_no_parameters_inject_no_cell(executor: NotebookExecutor, make_job: MakeJob) -> None:
    job = make_job("#:parameters\nx = 1", "#:skip-execution\nx = 2", "print(x)")
    assert executor.execute(job).cells == 2
    assert cell_states(job.folder) == ["completed", "pending", "completed"]
    assert "1\n" in (job.folder / "log.txt").read_text()


def test_notebook_of_format_3_takes_parameters(
    executor: NotebookExecutor, make_job: MakeJob
) -> None:
    job = make_job("", parameters={"x": 2})
    cells = [v3.new_code_cell(s, metadata={"tags": t}) for s, t in OLD]
    sheets = [v3.new_worksheet(cells=cells)]
    job.template.write_text(json.dumps(v3.new_notebook(worksheets=sheets)))
    outcome = executor.execute(dataclasses.replace(job, kernel="python3"))
    assert (outcome.state, outcome.note) == (State.FINISHED, "")
    assert "x is 2\n" in (job.folder / "log.txt").read_text()


def test_parameters_are_put_first_where_no_cell_is_tagged(
    executor: NotebookExecutor, make_job: MakeJob
) -> None:
    job = make_job("print('x is', x)", "x = 3", parameters={"x": 2})
    outcome = executor.execute(job)
    assert outcome.state is State.FINISHED
    assert outcome.note == "no cell is tagged 'parameters', so a cell with them was put first"
    assert read_cells(job.folder)[0].metadata.tags == ["injected-parameters"]
    assert "x is 2\n" in (job.folder / "log.txt").read_text()


def test_failing_cell_is_quoted(executor: NotebookExecutor, make_job: MakeJob) -> None:
    job = make_job(
        "#:raises-exception\nraise KeyError('allowed')",
        "a = 1\nb = 0\n# c\n# d\n# e\na / b",
        "print('never')",
    )
    outcome = executor.execute(job)
    assert outcome.state is State.FAILED
    assert outcome.cells == 1
    error = outcome.error
    assert error is not None
    assert (error.cell, error.name, error.message) == (2, "ZeroDivisionError", "division by zero")
    assert error.source == "4     # d\n5     # e\n6 --> a / b"
    assert error.traceback == "ZeroDivisionError: division by zero"
    log = (job.folder / "log.txt").read_text()
    failed = f"--- failed in cell 2 of template.ipynb ---\n{error.source}\n{error.traceback}\n"
    assert f"{failed}=== failed after" in log
    assert "\x1b" not in error.traceback + log
    assert cell_states(job.folder) == ["completed", "failed", "pending"]
    cells = read_cells(job.folder)
    assert "An Exception was encountered" in cells[0].source
    assert read_json(job.folder / "result.json")["state"] == "failed"


@pytest.mark.parametrize(
    "source",
    [
        "class A:\n    def _repr_html_(self): raise ValueError('odd')\nA()",
        "%%capture\nraise ValueError('odd')",
    ],
)
def test_error_that_only_the_outputs_show_ends_the_notebook(
    executor: NotebookExecutor, make_job: MakeJob, source: str
) -> None:
    outcome = executor.execute(make_job(source, "print('never')"))
    assert (outcome.state, outcome.cells) == (State.FAILED, 0)
    assert outcome.error is not None
    assert (outcome.error.name, outcome.error.message) == ("ValueError", "odd")


def test_cell_that_may_fail_is_no_failure(executor: NotebookExecutor, make_job: MakeJob) -> None:
    job = make_job("#:raises-exception\n1 / 0", "print('after')")
    outcome = executor.execute(job)
    assert (outcome.state, outcome.cells) == (State.FINISHED, 2)
    assert len(read_cells(job.folder)) == 2


@pytest.mark.parametrize(
    ("call", "state", "note"),
    [
        (
            "import sys; sys.exit(0)",
            State.FINISHED,
            "cell 2 ended the notebook early with sys.exit(0); 2 cells did not run",
        ),
        ("import sys; sys.exit(3)", State.FAILED, ""),
        (
            "exit()",
            State.FINISHED,
            "cell 2 ended the notebook early with exit(); 2 cells did not run",
        ),
    ],
)
def test_exit_ends_the_notebook(
    executor: NotebookExecutor, make_job: MakeJob, call: str, state: State, note: str
) -> None:
    job = make_job("x = 1", call, "print('never')", "x")
    outcome = executor.execute(job)
    assert (outcome.state, outcome.note) == (state, note)
    assert "never" not in (job.folder / "log.txt").read_text()
    if state is State.FAILED:
        assert outcome.error is not None
        assert (outcome.error.name, outcome.error.message) == ("SystemExit", "3")
    assert cell_states(job.folder)[2:] == ["pending", "pending"]


def test_outputs_are_collected(executor: NotebookExecutor, make_job: MakeJob) -> None:
    glue = """
from IPython.display import display, Image
import base64
def glue(name, data):
    mime = "application/scrapbook.scrap.json+json"
    content = {"name": name, "data": data, "encoder": "json", "version": 1}
    display({mime: content}, raw=True, metadata={"scrapbook": {"name": name, "data": True}})
glue("accuracy", 0.75)
glue("both", [1, 2])
"""
    image = f"""
png = base64.b64decode({PIXEL!r})
display({{"image/png": {PIXEL!r}}}, raw=True,
        metadata={{"scrapbook": {{"name": "a curve", "display": True}}}})
display(Image(png))
Image(png)
"""
    saved = """
import os
from pathlib import Path
from nbexp import artifacts
for name in ("model", "both"):
    artifacts.save(Path(os.environ["NBEXP_FOLDER"]) / "artifacts", name, {"a": 1})
"""
    job = make_job(glue, image, saved)
    outcome = executor.execute(job)
    assert outcome.error is None
    assert outcome.scraps == {"accuracy": 0.75, "both": [1, 2]}
    assert set(outcome.artifacts) == {"model", "both"}
    assert outcome.figures == ("a_curve.png", "cell-02-1.png", "cell-02-2.png")
    assert all(
        (job.folder / "figures" / name).read_bytes()[:4] == b"\x89PNG" for name in outcome.figures
    )
    assert outcome.note == "both glued and saved (links take the glued value): both"


def test_what_the_kernel_used_is_told(executor: NotebookExecutor, make_job: MakeJob) -> None:
    outcome = executor.execute(make_job("data = bytearray(50_000_000)\nsum(range(3_000_000))"))
    assert outcome.usage["cpu_s"] > 0.01
    assert 50 < outcome.usage["memory_mib"] < 5000


def test_glued_table_becomes_an_artifact(executor: NotebookExecutor, make_job: MakeJob) -> None:
    job = make_job(
        "import pandas as pd, scrapbook as sb\n"
        "sb.glue('table', pd.DataFrame({'a': [1, 2]}), 'pandas')"
    )
    outcome = executor.execute(job)
    assert outcome.error is None
    assert set(outcome.artifacts) == {"table"}


def test_big_output_is_kept_whole(executor: NotebookExecutor, make_job: MakeJob) -> None:
    job = make_job(
        "for i in range(20_000): print('line', i, flush=i % 4 == 0)",
        "import threading, time\nlate = threading.Timer(0.2, print, ['late'])\nlate.start()",
        "late.join()",
    )
    outcome = executor.execute(job)
    assert (outcome.state, outcome.cells) == (State.FINISHED, 3)
    outputs = read_cells(job.folder)[0].outputs
    assert len(outputs) == 1
    lines = outputs[0].text.splitlines()
    assert lines[-1] == "line 19999"
    assert len(lines) == 20_000


def test_kernel_of_another_language_overrides_the_templates(
    executor: NotebookExecutor, make_job: MakeJob, bash_kernel: None
) -> None:
    job = make_job(
        "#:parameters\nx=1",
        'echo "x is $x"; echo "$PASSWORD"',
        "false",
        "echo never",
        parameters={"x": 7},
        secrets={"PASSWORD": "first line\nsecond line"},
    )
    outcome = executor.execute(dataclasses.replace(job, kernel="bash"))
    assert outcome.state is State.FAILED
    assert outcome.error is not None
    assert (outcome.error.cell, outcome.error.source) == (4, "false")
    log = (job.folder / "log.txt").read_text()
    assert "x is 7\n***\n" in log
    assert cell_states(job.folder) == ["completed"] * 3 + ["failed", "pending"]


def test_secrets_are_written_nowhere(executor: NotebookExecutor, make_job: MakeJob) -> None:
    secrets = {"SHORT": "hunter2", "LONG": "hunter2-and-more", "KEY": "-----BEGIN\nabc'd\n-----"}
    job = make_job(
        "import os\nfor n in ('SHORT', 'LONG', 'KEY'): print(os.environ[n])",
        "[os.environ[n] for n in ('SHORT', 'LONG', 'KEY')]",
        "print('hun', end='', flush=True); print('ter2', flush=True)",
        "import sys; print(os.environ['LONG'], file=sys.stderr)\nos.write(2, b'hunter2')",
        "from IPython.display import display\n"
        "display({'application/scrapbook.scrap.json+json': {'name': 'token', 'encoder': 'json',"
        " 'version': 1, 'data': {'deep': ['x' + os.environ['SHORT']]}}}, raw=True,"
        " metadata={'scrapbook': {'name': 'token', 'data': True}})",
        "raise ValueError('wrong password ' + os.environ['LONG'] + os.environ['KEY'])",
        secrets=secrets,
    )
    outcome = executor.execute(job)
    assert outcome.scraps == {"token": {"deep": ["x***"]}}
    assert outcome.error is not None
    assert outcome.error.message == "wrong password ******"
    for path in job.folder.rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert "hunter2" not in text, path
            assert "BEGIN" not in text, path
            assert "abc'd" not in text, path


def test_unknown_kernel_lists_the_installed_ones(
    executor: NotebookExecutor, make_job: MakeJob
) -> None:
    job = make_job("1", kernel="pyhton3")
    outcome = executor.execute(job)
    assert outcome.state is State.FAILED
    assert outcome.error is not None
    assert "'pyhton3' is not installed; installed are: " in outcome.error.message
    assert "Did you mean 'python3'?" in outcome.error.message
    assert (job.folder / "notebook.ipynb").exists()


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["python", "-m", "no_such_module", "{connection_file}"], "No module named no_such_module"),
        (["/no/such/program", "{connection_file}"], "No such file or directory"),
    ],
)
def test_broken_kernel_tells_why(
    executor: NotebookExecutor,
    make_job: MakeJob,
    install_kernel: Callable[..., None],
    argv: list[str],
    reason: str,
) -> None:
    install_kernel("broken", argv, "python")
    outcome = executor.execute(make_job("1", kernel="broken"))
    assert outcome.state is State.FAILED
    assert outcome.error is not None
    assert outcome.error.name == "KernelDidNotStart"
    assert reason in outcome.error.message


def test_unreadable_template_is_a_failure(executor: NotebookExecutor, make_job: MakeJob) -> None:
    job = make_job("1")
    job.template.write_text("no JSON")
    outcome = executor.execute(job)
    assert outcome.error is not None
    assert "is not a readable notebook" in outcome.error.message


def test_removed_folder_is_written_again(executor: NotebookExecutor, make_job: MakeJob) -> None:
    job = make_job("import os, shutil\nshutil.rmtree(os.environ['NBEXP_FOLDER'])")
    assert executor.execute(job).state is State.FINISHED
    assert read_json(job.folder / "result.json")["state"] == "finished"
    assert len(read_cells(job.folder)) == 1


def test_output_of_children_is_recorded_once(
    executor: NotebookExecutor, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # ipykernel leaves file descriptors alone under it
    job = make_job(
        "import os\nos.system('echo from a child; echo $PASSWORD')",
        "import time\ntime.sleep(0.5)  # the kernel reads its children's output beside",
        secrets={"PASSWORD": "hunter2"},
    )
    executor.execute(job)
    log = (job.folder / "log.txt").read_text()
    assert log.count("from a child\n***\n") == 1
    assert "hunter2" not in log
