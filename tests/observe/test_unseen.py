"""What can't be seen is said."""

from __future__ import annotations

import pytest
from observed_project import Project

CASES = {
    "connection": (
        "import socket\ntry: socket.create_connection(('192.0.2.1', 80), 0.01)\n"
        "except OSError: pass",
        ["it connects to 192.0.2.1:80, and what comes from there can't be checked"],
    ),
    "another language": (
        "import subprocess; subprocess.run(['perl', '-e', '1'])",
        ["it starts perl, whose reads can't be seen"],
    ),
    "script of a shell": (
        "open('x.sh', 'w').write('true'); import subprocess; subprocess.run(['bash', 'x.sh'])",
        ["it starts bash, whose reads can't be seen"],
    ),
    "nothing": (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', '']);"
        "subprocess.run('ls | wc -l', shell=True)",
        [],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_seen_is_said(project: Project, case: str) -> None:
    code, sentences = CASES[case]
    assert project.run(code)["unseen"] == sentences
