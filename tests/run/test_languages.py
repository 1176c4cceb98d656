"""Unchanged notebooks: another language, scrapbook's own glue, and no parameters at all."""

import json
import sys
from pathlib import Path

import pytest

from nbexp import State
from nbexp.runs.results import RunResult

PIPELINE = """
[stages.shell]
notebook = "templates/shell.ipynb"
params = { name = { grid = ["one", "two words"] }, count = 3 }

[stages.plain]
notebook = "templates/plain.ipynb"

[stages.reads]
notebook = "templates/reads.ipynb"
params = { notebook = "@shell.notebook", accuracy = "@plain.accuracy", table = "@plain.table" }
"""


@pytest.fixture
def kernels(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which the bash kernel is installed."""
    spec = {
        "argv": [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"],
        "display_name": "Bash",
        "language": "bash",
    }
    folder = tmp_path / "jupyter" / "kernels" / "bash"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps(spec))
    return {"JUPYTER_PATH": str(tmp_path / "jupyter")}


@pytest.mark.timeout(300)
def test_bash_scrapbook_and_bare_notebooks_are_stages(project, kernels):
    project.template(
        "shell",
        'echo "hello $name, $count times"',
        parameters="name=nobody\ncount=0",
        kernel="bash",
    )
    project.template(
        "plain",
        "import pandas as pd\nimport scrapbook as sb",
        "sb.glue('accuracy', 0.75)\nsb.glue('table', pd.DataFrame({'a': [1, 2]}), 'pandas')",
    )
    project.template(
        "reads",
        "import json, nbexp\ncells = json.load(open(notebook))['cells']",
        "said = ''.join(cells[-1]['outputs'][0]['text'])\nnbexp.glue('said', said.strip())\n"
        "nbexp.glue('rows', len(nbexp.load(table)))\nnbexp.glue('seen', accuracy)",
        parameters="notebook = ''\naccuracy = 0\ntable = ''",
    )
    project.pipeline(PIPELINE)
    assert project.start(environment=kernels).wait() == 0, (project.folder / "out.txt").read_text()
    result = RunResult.read(project.runs()[-1])
    assert result.state is State.FINISHED
    assert {v.scraps["said"] for v in result.stage("reads")} == {
        "hello one, 3 times",
        "hello two words, 3 times",
    }
    assert all((v.scraps["rows"], v.scraps["seen"]) == (2, 0.75) for v in result.stage("reads"))
