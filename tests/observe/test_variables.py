"""Environment variables that a notebook asks for."""

from __future__ import annotations

import pytest
from observed_project import Project

ASKED = {
    "subscript": "import os\ntry: os.environ['ASKED']\nexcept KeyError: pass",
    "get": "import os; os.environ.get('ASKED')",
    "getenv": "import os; os.getenv('ASKED', 'x')",
    "in": "import os; 'ASKED' in os.environ",
    "bytes": "import os; os.environb.get(b'ASKED')",
    "module": "import sys; sys.path.append('../src'); import asks",
    "child": "import subprocess, sys; "
    "subprocess.run([sys.executable, '-c', 'import os; os.getenv(\"ASKED\")'])",
    "expanded": "import os; os.path.expandvars('$ASKED/x')",
}
NOT_ASKED = {
    "copied": "import os; os.environ.copy()",
    "dict": "import os; dict(os.environ)",
    "unpacked": "import os; {**os.environ, 'x': '1'}",
    "gone through": "import os; [(k, v) for k, v in os.environ.items()]",
    "cleared": "import os; os.environ.clear()",
    "keys": "import os; list(os.environ)",
    "its own": "import os; os.environ['ASKED'] = '1'; os.environ['ASKED']",
    "by a library": "import tempfile, locale, subprocess; tempfile.gettempdir(); "
    "subprocess.run(['true'])",
}


@pytest.mark.parametrize("way", ASKED)
def test_variable_that_is_asked_for_counts(project: Project, way: str) -> None:
    (project.root / "src" / "asks.py").write_text("import os\nos.environ.get('ASKED')\n")
    record = project.run(ASKED[way], {"ASKED": "1"})
    assert project.changes(record, {"ASKED": "1"}) == []
    what = "environment variable ASKED, which it reads,"
    assert project.changes(record, {"ASKED": "2"}) == [f"{what} changed"]
    assert project.changes(record) == [f"{what} is no longer set"]
    unset = project.run(ASKED[way])
    assert project.changes(unset, {"ASKED": "1"}) == [f"{what} is set now"]


def test_what_the_kernel_sets_itself_is_no_input(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MPLBACKEND", raising=False)
    inline = "module://matplotlib_inline.backend_inline"
    code = "import os; os.environ['TERM']; os.environ['MPLBACKEND']"
    record = project.run(code, {"TERM": "xterm-color", "MPLBACKEND": inline})
    assert project.changes(record, {"TERM": "dumb"}) == []
    assert project.changes(record, {"MPLBACKEND": "agg"}) != []


@pytest.mark.parametrize("way", NOT_ASKED)
def test_other_variables_do_not_count(project: Project, way: str) -> None:
    assert project.run(NOT_ASKED[way], {"OTHER": "1"})["variables"] == {}


def test_values_are_not_written_down(project: Project) -> None:
    record = project.run("import os; os.environ['ASKED']", {"ASKED": "a-long-secret"})
    assert "a-long-secret" not in str(record)


def test_what_one_cell_went_through_hides_nothing_that_another_asks_for(project: Project) -> None:
    """A frame that has ended may leave its id, and more, to the next one."""
    names = [f"ASKED_{n}" for n in range(40)]
    code = "import os\nx = 1\n" + "".join(
        "exec(compile('list(os.environ)', 'a', 'exec'))\n"
        f"exec(compile({'-x; ' * n + f'os.environ[{name!r}]'!r}, 'b', 'exec'))\n"
        for n, name in enumerate(names)
    )
    record = project.run(code, dict.fromkeys(names, "1"))
    assert sorted(record["variables"]) == sorted(names)
