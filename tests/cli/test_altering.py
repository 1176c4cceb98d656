"""A run that is altered from the command line while it goes."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_project import Nbexp, await_true, events, start, write_template

PIPELINE = """\
name = "altered"
[stages.train]
notebook = "templates/train.ipynb"
metric = "total"
params = {{ lr = {{ grid = [1, 2] }}, gate = {gate} }}
resources = {{ cpu = 0.5 }}
"""
# It goes on until it is let through, so that nothing ends before it is meant to.
TRAIN = """\
import time
from pathlib import Path
import nbexp
state = nbexp.checkpoint(total=0)
for epoch in nbexp.loop("epoch", range(1_000_000)):
    state.total += lr
    nbexp.log("total", state.total, epoch)
    if Path(gate).exists():
        break
    time.sleep(0.05)
"""


class Altered:
    """The run, and the command line."""

    def __init__(self, folder: Path, process: subprocess.Popen[str], nbexp: Nbexp) -> None:
        self.folder = folder
        self.process = process
        self._nbexp = nbexp

    def __call__(self, *arguments: str, exit_code: int = 0) -> str:
        result = self._nbexp(*arguments, "-C", self.folder)
        assert result.exit_code == exit_code, result.output
        return result.output

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in events(self.folder) if event["event"] == kind]

    def variants(self) -> dict[str, str]:
        """Return the names of the variants by label."""
        return {str(e["label"]): str(e["variant"]) for e in self.of("variant_added")}

    def await_events(self, kind: str, number: int) -> None:
        def has_come() -> bool:
            assert self.process.poll() is None, "the run ended"
            return len(self.of(kind)) >= number

        await_true(has_come, f"there were {number} events {kind}")

    def await_logged(self, names: set[str]) -> None:
        def have_logged() -> bool:
            return names <= {event["variant"] for event in self.of("metrics")}

        await_true(have_logged, f"{names} had logged something")


@pytest.fixture
def altered(tmp_path: Path, nbexp: Nbexp) -> Iterator[Altered]:
    write_template(tmp_path / "templates" / "train.ipynb", "lr = 1\ngate = ''", TRAIN)
    gate = json.dumps(str(tmp_path / "gate"))
    (tmp_path / "pipeline.toml").write_text(PIPELINE.format(gate=gate))
    process = start("run", tmp_path / "pipeline.toml")
    try:
        await_true(lambda: "metrics" in {e["event"] for e in events(tmp_path)}, "it had begun")
        yield Altered(tmp_path, process, nbexp)
    finally:
        process.kill()
        process.communicate()


def test_variants_are_added_paused_continued_and_stopped(altered: Altered, tmp_path: Path):
    added = altered("add", "--set", "lr=3")
    assert re.fullmatch(r"altered-\S+: 1 variant of train added\n", added)
    again = json.loads(altered("add", "--set", "lr=3", "--json", exit_code=1))
    assert again["is_done"] is False
    assert "no parameter 'rate'" in altered("add", "--set", "rate=3", exit_code=1)
    first, second, third = (altered.variants()[f"lr={n}"] for n in (1, 2, 3))
    altered.await_logged({first, second, third})

    altered("pause")
    altered.await_events("variant_paused", 3)
    shown = altered("show")
    assert re.search(r"^altered-\S+  paused  3 paused$", shown, re.MULTILINE)
    assert altered("stop", first) == f"{first} is stopped.\n"

    altered("continue")
    altered.await_events("variant_started", 5)
    assert altered("stop", "last", second) == f"{second} is stopped.\n"
    (tmp_path / "gate").touch()
    out, err = altered.process.communicate(timeout=60)
    assert altered.process.returncode == 1, err
    assert "‖ paused" in out
    assert out.count(f"▶ {third}") == 1
    assert re.search(r"^stopped in .*: 1 finished, 2 stopped$", out, re.MULTILINE)

    record = json.loads(altered("show", third, "--json"))
    entries = [entry for event in altered.of("metrics") if event["variant"] == third
               for entry in event["entries"]]  # fmt: skip
    assert [entry["step"] for entry in entries] == list(range(len(entries)))
    assert record["reported"]["total"]["last"] == record["metric"] == 3 * len(entries)
    assert [event["event"] for event in record["course"]] == ["paused"]
    assert altered("ls").count("1 finished, 2 stopped") == 1
