"""A run that was stopped goes on as it was asked for."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_project import Nbexp, await_true, events, start, write_template
from run_folders import emit, make_run

from nbexp.files import write_json

WAITS = "import os, time\nwhile not os.path.exists(flag):\n    time.sleep(0.05)\nprint(k)"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_template(tmp_path / "wait.ipynb", "k = 1\nflag = ''", WAITS)
    write_template(tmp_path / "other.ipynb", "x = 1", "print(x)")
    (tmp_path / "p.toml").write_text(
        f'name = "p"\n[stages.s]\nnotebook = "wait.ipynb"\n'
        f'params = {{ k = 1, flag = "{tmp_path}/go" }}\n[stages.other]\nnotebook = "other.ipynb"\n'
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def labels(run: Path) -> set[str]:
    lines = (run / "events.jsonl").read_text().splitlines()
    ended = [each for each in map(json.loads, lines) if each["event"] == "variant_ended"]
    return {f"{each['stage']} {each['state']}" for each in ended}


@pytest.fixture
def first(project: Path) -> Iterator[subprocess.Popen[str]]:
    process = start("run", "p.toml", "--set", "s.k=7", "--only", "s", "--no-warm")
    yield process
    process.kill()
    process.communicate()


def test_resumed_run_has_the_options_and_the_additions_of_the_first(
    project: Path, first: subprocess.Popen[str], nbexp: Nbexp
):
    await_true(lambda: any(e["event"] == "variant_started" for e in events(project)), "it runs")
    assert nbexp("add", "--set", "k=9").exit_code == 0
    assert nbexp("resume").exit_code == 2  # it still goes on
    assert nbexp("stop").exit_code == 0
    output, _ = first.communicate()
    [run] = (project / "runs").glob("p-*")
    assert f"nbexp resume {run.name}  goes on from here, with --set s.k=7 --only s" in output
    (project / "go").touch()
    done = nbexp("resume")
    assert done.exit_code == 0, done.output
    [resumed] = set((project / "runs").glob("p-*")) - {run}
    records = [json.loads(p.read_text()) for p in resumed.glob("variants/*/variant.json")]
    assert sorted(record["params"]["k"] for record in records) == [7, 9]
    assert labels(resumed) == {"s finished"}
    asked = [json.loads((each / "request.json").read_text()) for each in (run, resumed)]
    assert asked[0] == asked[1] == {
        "pipeline": "p.toml", "sets": ["s.k=7"], "only": ["s"], "warm": False, "inline": False
    }  # fmt: skip


@pytest.mark.parametrize("record", [None, 5, {}, {"pipeline": "../p.toml", "sets": "s.k=1"}])
def test_run_of_which_nothing_is_known_can_not_be_resumed(
    record: object, tmp_path: Path, nbexp: Nbexp
):
    run = make_run(tmp_path)
    if record is not None:
        write_json(run.path / "request.json", record)
    done = nbexp("resume", "-C", tmp_path)
    assert done.exit_code == 2
    assert "is not known" in done.output


def test_run_that_has_finished_is_not_gone_on_with(tmp_path: Path, nbexp: Nbexp) -> None:
    run = make_run(tmp_path)
    emit(run, "run_ended", state="finished")
    result = nbexp("resume", "-C", tmp_path)
    assert result.exit_code == 2
    assert f"{run.id} has finished: there is nothing to go on with" in result.stderr
