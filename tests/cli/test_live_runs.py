"""Runs that fail, that are looked at, and that are ended from outside."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from cli_project import Nbexp, await_true, events, living, start, write_project, write_template

SLOW = """\
name = "slow"
[stages.slow]
notebook = "templates/slow.ipynb"
params = { n = { grid = [1, 2] } }
resources = { cpu = 0.5 }
"""

# The terminal at its standard input becomes that of its session, which is told of its end.
IN_TERMINAL = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    write_project(folder)
    return folder


@pytest.fixture(scope="module")
def ended(project: Path) -> subprocess.CompletedProcess[str]:
    """Run it, with one variant that fails."""
    process = start("run", "-C", project)
    out, err = process.communicate(timeout=200)
    return subprocess.CompletedProcess([], process.returncode, out, err)


def test_a_run_with_a_failure_exits_with_1_and_says_what_and_where(ended, project: Path):
    assert ended.returncode == 1, ended.stderr
    failure = ended.stdout[ended.stdout.index("✗ make-") :]
    assert re.match(r"✗ make-\w+ n=3  failed\n", failure)
    assert "in cell 2 of templates/make.ipynb (cell 3 of the executed notebook)\n" in failure
    assert "│ 2 -->     raise ValueError('three is too much')" in failure
    notebook = re.search(r"notebook  (.*)", failure)
    assert notebook
    assert Path(notebook[1]).is_file()


def test_without_a_terminal_a_run_writes_plain_lines_and_a_summary(ended, project: Path):
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", ended.stdout)
    lines = ended.stdout.splitlines()
    assert lines[0] == "starting…"
    assert lines[1].endswith("of small: make, use")
    assert re.search(r"^failed in .*: 4 finished, 1 failed, 1 skipped$", ended.stdout, re.MULTILINE)
    assert re.search(r"^  best y 21  use-\w+ make.n=2$", ended.stdout, re.MULTILINE)
    assert re.search(r"next: .*nbexp logs make-\w+", ended.stdout)
    assert re.search(r"next: .*nbexp show", ended.stdout)
    assert re.search(r"next: .*mlflow ui", ended.stdout)


@pytest.fixture
def call(ended, project: Path, nbexp: Nbexp) -> Callable[..., str]:
    """Call a command about the run; return what it writes."""

    def write(*arguments: str, exit_code: int = 0) -> str:
        result = nbexp(*arguments, "-C", project)
        assert result.exit_code == exit_code, result.output
        return result.output

    return write


@pytest.fixture
def names(call: Callable[..., str]) -> dict[str, str]:
    """Return the name of each variant by its label."""
    return {v["label"]: v["name"] for v in json.loads(call("show", "--json"))["variants"]}


def test_plan_says_what_an_open_key_is_where_there_is_one(call: Callable[..., str]):
    legend = "(open): the key is known once what it links to has run"
    assert call("plan").count("(open)") == 2  # of what links to the variant that failed
    assert call("plan").count(legend) == 1
    assert "(open)" not in call("plan", "--only", "make")


def test_ls_lists_the_run_with_counts_and_best(call: Callable[..., str]):
    assert re.search(r"small-\S+ +failed .* 4 finished, 1 failed, 1 skipped +y 21", call("ls"))
    (run,) = json.loads(call("ls", "--json"))
    assert run["state"] == "failed"
    assert run["counts"] == {"finished": 4, "failed": 1, "skipped": 1}
    assert run["best"]["use"]["value"] == 21


def test_show_has_tables_of_variants_best_first_and_the_failure(call, names):
    shown = call("show")
    best, other = names["make.n=2"], names["make.n=1"]
    assert shown.index(f"  {best}") < shown.index(f"  {other}")
    assert re.search(rf"{best} +finished +21 .*make\.n=2 +{names['n=2']}", shown)
    assert "ValueError: three is too much" in shown
    assert f"{names['n=3']} failed" in shown  # why what needed it was skipped


def test_show_json_has_everything_of_the_variants(call, names):
    variants = {v["name"]: v for v in json.loads(call("show", "--json"))["variants"]}
    use = variants[names["make.n=2"]]
    assert (use["params"], use["scraps"], use["metric"]) == ({"x": 20}, {"y": 21}, 21)
    assert use["lineage"] == {"make": names["n=2"]}
    failed = variants[names["n=3"]]
    assert failed["error"]["name"] == "ValueError"
    assert (failed["error"]["cell"], failed["error"]["template_cell"]) == (3, 2)
    assert failed["error"]["template"] == "templates/make.ipynb"


@pytest.mark.parametrize("run", ["last", None], ids=["with its run", "alone"])
def test_show_of_a_variant_tells_all_that_is_known(call, names, run: str | None):
    name = names["n=2"]
    arguments = ("show", *([run] if run else []), name[:-1])
    shown = call(*arguments)
    for part in ("params", "scraps", "identity", "MLflow run", "notebook.ipynb", "log.txt"):
        assert part in shown
    record = json.loads(call(*arguments, "--json"))
    assert record["name"] == name
    assert len(record["key"]) == 64
    assert record["identity"]["params"] == {"n": 2}


def test_an_unknown_variant_is_told(call):
    assert "no variant 'maek-1'" in call("why", "maek-1", exit_code=2)


def test_logs_prints_what_a_variant_printed(call, names):
    assert "made 2" in call("logs", names["n=2"])
    assert "made 2" in call("logs", names["n=2"], "--follow")


def test_logs_without_a_name_prints_those_of_the_failed(call, names):
    shown = call("logs")
    assert f"── {names['n=3']} n=3" in shown
    assert "three is too much" in shown


def test_stop_of_a_run_that_has_ended_says_so(call):
    assert "No run goes on" in call("stop", exit_code=2)
    assert "has ended (failed)" in call("stop", "last", exit_code=2)


def test_plan_tells_what_is_cached_and_how_long_the_rest_takes(ended, project, nbexp: Nbexp, names):
    shown = nbexp("plan", project / "pipeline.toml").output
    assert re.search(rf"{names['n=1']} +[0-9a-f]{{12}} +cached +n=1", shown)
    assert re.search(rf"{names['n=3']} +[0-9a-f]{{12}} +to run +n=3", shown)
    assert re.search(r"2 variants to run: about .* of work", shown)
    record = json.loads(nbexp("plan", "-C", project, "--json").output)
    assert [v["state"] for v in record["stages"][0]["variants"]] == ["cached", "cached", "pending"]
    assert 0 < record["wall_s"] <= record["work_s"]


def test_why_tells_why_it_ran_and_what_the_next_run_would_do(call, names):
    shown = call("why", names["n=2"])
    assert "no earlier run has this stage" in shown
    assert "next run: would be taken from the cache" in shown
    failed = call("why", names["n=3"])
    assert "nothing changed, but it has not finished: it failed" in failed
    skipped = call("why", names["make.n=3"])
    assert f"it did not start: {names['n=3']} failed" in skipped


def test_why_tells_which_part_changed_after_an_edit(call, names, project: Path):
    template = project / "templates" / "make.ipynb"
    before = template.read_text()
    template.write_text(before.replace("print('made'", "print('built'"))
    try:
        shown = call("why", names["n=2"])
        changed = r"cell 2 of the template changed: print\('made'.* → print\('built'"
        assert re.search(rf"would run again\n +{changed}", shown)
        below = json.loads(call("why", names["make.n=2"], "--json"))
        assert below["next_run"] == "would run again"
        assert below["next_why"] == [f"if {names['n=2']} leaves something else"]
        stage = json.loads(call("why", "make", "--json"))
        assert [each["label"] for each in stage] == ["n=1", "n=2", "n=3"]
    finally:
        template.write_text(before)


def test_why_tells_what_is_in_the_place_of_a_variant_that_is_none_any_more(
    call, names, project: Path
):
    file = project / "pipeline.toml"
    before = file.read_text()
    assert before.count("[1, 2, 3]") == 1
    file.write_text(before.replace("[1, 2, 3]", "[1, 5, 3]"))
    try:
        why = json.loads(call("why", names["n=2"], "--json"))
        assert why["next_run"] == "would not run"
        assert why["next_why"][0] == "the pipeline, as it is written, has no such variant now"
        assert why["next_why"][1].startswith("the nearest that it has is make-")
        assert why["next_why"][2] in {f"parameter n changed from 2 to {n}" for n in (1, 3, 5)}
    finally:
        file.write_text(before)


def write_slow(folder: Path) -> None:
    sleep = "import time\nprint('begun', n, flush=True)\ntime.sleep(600)"
    write_template(folder / "templates" / "slow.ipynb", "n = 1", sleep)
    (folder / "pipeline.toml").write_text(SLOW)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a run of two variants that print and then sleep, and wait until both do."""
    write_slow(tmp_path)
    process = start("run", tmp_path / "pipeline.toml", "--json")
    try:
        await_true(lambda: _begun(tmp_path) == 2, "both notebooks had begun")
        yield process
    finally:
        process.kill()
        process.communicate()


def _begun(folder: Path) -> int:
    logs = folder.glob("runs/*/variants/*/log.txt")
    return sum("begun" in log.read_text() for log in logs)


def test_ctrl_c_exits_with_130_keeps_notebooks_and_leaves_no_process(slow, tmp_path: Path):
    family = psutil.Process(slow.pid).children(recursive=True)
    assert len(family) > 3
    slow.send_signal(signal.SIGINT)
    out, err = slow.communicate(timeout=60)
    assert slow.returncode == 130, err
    assert "Traceback" not in err
    told = [json.loads(line) for line in out.splitlines()]
    assert told == events(tmp_path)
    assert told[-1]["event"] == "run_ended"
    notebooks = list(tmp_path.glob("runs/*/variants/*/notebook.ipynb"))
    assert len(notebooks) == 2
    assert all("begun" in notebook.read_text() for notebook in notebooks)
    await_true(lambda: not living(family), "all processes were gone", timeout_s=10)


def test_run_whose_terminal_is_closed_stops_and_leaves_no_process(tmp_path: Path, nbexp: Nbexp):
    write_slow(tmp_path)
    terminal, inner = os.openpty()
    command = [sys.executable, "-m", "nbexp", "run", str(tmp_path / "pipeline.toml")]
    process = subprocess.Popen(
        [sys.executable, "-c", IN_TERMINAL, *command],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        start_new_session=True,
    )
    os.close(inner)
    await_true(lambda: _begun(tmp_path) == 2, "both notebooks had begun")
    family = psutil.Process(process.pid).children(recursive=True)
    os.close(terminal)
    assert process.wait() == 129
    await_true(lambda: not living(family), "all processes were gone", timeout_s=60)
    shown = json.loads(nbexp("show", "--json", "-C", tmp_path).output)
    assert {each["state"] for each in (shown, *shown["variants"])} == {"stopped"}


def test_stop_ends_a_variant_and_then_the_run(slow, tmp_path: Path, nbexp: Nbexp):
    first, second = sorted(path.name for path in tmp_path.glob("runs/*/variants/*"))
    follower = start("logs", first, "--follow", "-C", tmp_path)
    stopped = nbexp("stop", "last", first, "-C", tmp_path)
    assert (stopped.exit_code, stopped.output) == (0, f"{first} is stopped.\n")
    followed, _ = follower.communicate(timeout=60)
    assert "begun" in followed
    assert follower.returncode == 0
    again = nbexp("stop", first, "-C", tmp_path)
    assert again.exit_code == 2
    whole = nbexp("stop", "-C", tmp_path)
    assert (whole.exit_code, "2 stopped" in whole.output) == (0, True), whole.output
    slow.communicate(timeout=60)
    assert slow.returncode == 1
    why = nbexp("why", second, "-C", tmp_path).output
    assert "it has not finished: it was stopped" in why
