from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from cli_project import Nbexp, write_project

import nbexp as package
from nbexp.cli._main import COMMANDS, cli


def commands() -> list[click.Command]:
    return [cli, *cli.commands.values()]


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.name)
def test_every_command_and_option_has_help(command: click.Command):
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


def test_help_lists_the_commands_uncut(nbexp: Nbexp):
    shown = nbexp("--help").output
    assert all(re.search(rf"^  {name} +\w.*", shown, re.MULTILINE) for name in cli.commands)
    assert "..." not in shown.partition("Commands:")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_of_a_command_what_its_own_help_begins_with(name: str):
    command = cli.commands[name]
    assert (command.name, command.get_short_help_str(200)) == (name, COMMANDS[name])


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["rnu"]])
def test_without_a_command_none_is_imported_nor_the_heavy_libraries(arguments: list[str]):
    heavy = {"rich", "ray", "mlflow", "torch", "pandas", "numpy", "papermill", "nbexp.api"}
    commands = [f"nbexp.cli.{name}" for name in COMMANDS]
    code = (
        "import atexit, sys; from nbexp.cli import main; "
        f"atexit.register(lambda: print(sorted({heavy.union(commands)} & set(sys.modules)))); "
        f"sys.argv = ['nbexp', *{arguments}]; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]"


def test_completion_of_a_command_imports_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(COMMANDS, "polish", "A command that has no module.")
    found = cli.shell_complete(click.Context(cli), "p")
    assert [(each.value, each.help) for each in found] == [
        ("plan", COMMANDS["plan"]), ("pause", COMMANDS["pause"]), ("polish", COMMANDS["polish"])
    ]  # fmt: skip


def test_version(nbexp: Nbexp):
    assert nbexp("--version").output == f"nbexp {package.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rnu",), "No such command 'rnu'"),
        (("run", "-X"), "No such option"),
        (("run", "-C", "elsewhere"), "elsewhere"),
        (("plan", "-C", ".", "missing.toml"), "missing.toml"),
        (("run", "missing.toml"), "missing.toml"),
        (("plan", "missing.toml"), "missing.toml"),
        (("plan", "pipeline.toml", "--set", "make.m=1"), "make"),
        (("plan", "pipeline.toml", "--only", "mak"), "Did you mean 'make'?"),
        (("show",), "There are no runs"),
        (("why", "train"), "There are no runs"),
        (("logs",), "There are no runs"),
        (("stop",), "No run goes on here"),
        (("ls", "-C", "elsewhere"), "elsewhere"),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(
    nbexp: Nbexp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments, message
):
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    result = nbexp(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pipeline.toml", "templates"]


@pytest.mark.parametrize("command", ["run", "plan"])
def test_all_problems_of_a_pipeline_are_told_with_their_remedies(
    nbexp: Nbexp, tmp_path: Path, command: str
):
    file = write_project(tmp_path)
    file.write_text(file.read_text().replace("metric", "metrc").replace("n = {", "m = {"))
    result = nbexp(command, file)
    assert result.exit_code == 2
    assert "stages.use.metrc" in result.stderr
    assert "stages.make.params.m" in result.stderr
    assert result.stderr.count("→") >= 2
    assert "problems found; nothing was run." in result.stderr


def test_a_bug_is_called_one(nbexp: Nbexp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("nbexp.cli.ls.list_runs", fail)
    result = nbexp("ls", "-C", tmp_path)
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.stderr
    assert "bug in nbexp" in result.stderr


def test_a_disk_that_fails_is_one_message(
    nbexp: Nbexp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device", "runs")

    monkeypatch.setattr("nbexp.cli.ls.list_runs", fail)
    result = nbexp("ls", "-C", tmp_path)
    assert result.exit_code == 1
    assert result.stderr == "Error: [Errno 28] No space left on device: 'runs'\n"


def test_ls_without_runs_says_how_to_start_one(nbexp: Nbexp, tmp_path: Path):
    assert "nbexp run" in nbexp("ls", "-C", tmp_path).output
    assert json.loads(nbexp("ls", "-C", tmp_path, "--json").output) == []


def test_init_writes_a_project_that_can_be_planned(nbexp: Nbexp, tmp_path: Path):
    folder = tmp_path / "digits"
    result = nbexp("init", folder)
    assert result.exit_code == 0
    assert "nbexp run pipeline.toml" in result.output
    assert {path.name for path in folder.iterdir()} == {
        "pipeline.toml", "templates", "README.md", ".gitignore"
    }  # fmt: skip
    assert "../" not in (folder / "pipeline.toml").read_text()
    plan = json.loads(nbexp("plan", folder / "pipeline.toml", "--json").output)
    assert plan["stages"][0]["name"] == "prepare"
    assert plan["work_s"] is None
    assert not (folder / "mlflow.db").exists()


def test_init_refuses_a_folder_in_use_and_names_what_is_in_the_way(nbexp: Nbexp, tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("")
    result = nbexp("init", tmp_path)
    assert result.exit_code == 2
    assert "thesis.tex" in result.stderr
    assert nbexp("init", tmp_path / "thesis.tex").exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_doctor_tells_what_it_finds(nbexp: Nbexp, tmp_path: Path):
    result = nbexp("doctor", "--quick", "--json", "-C", tmp_path)
    findings = {finding["name"]: finding for finding in json.loads(result.stdout)}
    assert {"Python", "papermill", "six", "torch", "kernel python3", "Ray", "MLflow", "disk"} <= (
        set(findings)
    )
    assert findings["papermill"]["level"] == "ok"
    levels = {finding["level"] for finding in findings.values()}
    assert result.exit_code == (1 if "problem" in levels else 0)
    assert list(tmp_path.iterdir()) == []


def test_doctor_tells_of_a_kernel_whose_program_is_gone(
    nbexp: Nbexp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kernel = tmp_path / "kernels" / "gone"
    kernel.mkdir(parents=True)
    spec = {"argv": ["/no/such/program"], "display_name": "gone", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    output = nbexp("doctor", "--quick", "-C", tmp_path).output
    assert re.search(r"! kernel gone  .*/no/such/program.*\n +→ .*jupyter kernelspec", output)


def test_doctor_counts_problems_and_exits_with_1(
    nbexp: Nbexp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        "nbexp.doctor.installed._requirements", lambda: ["surely-not-there>=1", "click"]
    )
    result = nbexp("doctor", "--quick", "-C", tmp_path)
    assert result.exit_code == 1
    assert '→ pip install "surely-not-there>=1"' in result.output
    assert "1 problem" in result.output
