"""What the checks of the machine find, without a command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nbexp.doctor.checks import examine
from nbexp.doctor.finding import Finding, Level


def found(root: Path) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(root, is_quick=True)}


def test_each_part_of_the_machine_is_looked_at_and_nothing_is_left(tmp_path: Path):
    findings = found(tmp_path)
    assert {"Python", "papermill", "kernel python3", "Ray", "MLflow", "disk"} <= findings.keys()
    assert findings["papermill"].level is Level.OK
    assert list(tmp_path.iterdir()) == []


def test_a_check_that_breaks_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail() -> list[str]:
        raise ZeroDivisionError("no metadata")

    monkeypatch.setattr("nbexp.doctor.installed._requirements", fail)
    findings = found(tmp_path)
    assert findings["check"].message == "ZeroDivisionError: no metadata"
    assert findings["check"].level is Level.PROBLEM
    assert findings["MLflow"].level is Level.OK


def test_a_kernel_whose_program_is_gone_is_found_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kernel = tmp_path / "kernels" / "gone"
    kernel.mkdir(parents=True)
    spec = {"argv": ["/no/such/program"], "display_name": "gone", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    finding = found(tmp_path)["kernel gone"]
    assert finding.level is Level.WARNING
    assert finding.to_record() == {
        "name": "kernel gone",
        "level": "warning",
        "message": "its program '/no/such/program' is not there",
        "remedy": "jupyter kernelspec remove gone, or install it anew.",
    }
