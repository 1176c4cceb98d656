"""What may be imported before a fork is found out by importing it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# Each is tried in a process of its own, which it may spoil.
TRY = """
import json, sys
sys.path.insert(0, sys.argv[1])
from nbexp.warm.fork_safety import ForkUnsafeError, import_fork_safe, installed_folders
from nbexp.warm.placeholders import CLASSES, Placeholders
from nbexp.warm.traces import Traces
import os, tempfile
os.chdir(tempfile.mkdtemp(dir=sys.argv[1]))
folders = installed_folders()
if sys.argv[3] == "installed":
    folders = (*folders, sys.argv[1] + "/")
try:
    import_fork_safe(sys.argv[2], folders, Placeholders(CLASSES, {}), Traces(os.environ))
except ForkUnsafeError as error:
    print(json.dumps(str(error)))
else:
    print(json.dumps(sys.argv[2] in sys.modules))
"""


def tried(folder: Path, source: str, how: str = "installed") -> str | bool:
    (folder / "tried.py").write_text(source)
    command = [sys.executable, "-c", TRY, str(folder), "tried", how]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    found: str | bool = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(9,), daemon=True)"
            ".start()",
            "starts threads",
        ),
        ("file = open('/dev/zero')", "opens files"),
        ("import socket\nends = socket.socketpair()", "opens files"),
        ("print('hello')", "prints when it is imported: hello"),
        ("import os\nos.system('echo from a child')", "prints when it is imported"),
        ("import warnings\nwarnings.warn('beware')", "beware"),
        ("get_ipython().events.register('post_run_cell', print)", "ZMQInteractiveShell.events"),
        ("get_ipython().mine = 1", "sets its ZMQInteractiveShell.mine"),
        ("get_ipython().kernel.comm_manager", "IPythonKernel.comm_manager"),
        ("file = get_ipython().config['IPKernelApp']['connection_file']", "connection_file"),
        ("config = get_ipython().config", "keeps its configuration"),
        ("input('Name? ')", "IPythonKernel._allow_stdin"),
        ("import sys\nsys.stdout.fileno()", "asks for sys.stdout.fileno"),
        ("import sys\nsys.excepthook = print", "sets sys.excepthook"),
        ("import signal\nsignal.signal(signal.SIGTERM, print)", "sets a handler of SIGTERM"),
        ("from os import getcwd\nFOLDERS = [getcwd()]", "asks for the working folder in tried"),
        ("import json\nraise ValueError('no')", ""),
        ("import xml.dom\nraise ValueError('no')", "ValueError: no"),
        ("import sys\nsys.exit(3)", ""),
    ],
)
def test_what_a_fork_would_show_is_left_out(tmp_path: Path, source: str, reason: str) -> None:
    found = tried(tmp_path, source)
    if reason:
        assert isinstance(found, str)
        assert found.startswith("tried: ")
        assert reason in found
    else:  # it left nothing behind, and the notebook will see the same error
        assert found is False


# What modules ask for, and a kernel answers.
ASKED = (
    "import numpy, threading\nthreading.Thread(target=int).start()",
    "import IPython\nshell = IPython.get_ipython()\nassert hasattr(shell, 'kernel')",
    "import sys\nassert 'IPKernelApp' in sys.modules['IPython'].get_ipython().config",
    "assert type(get_ipython()).__name__ == 'ZMQInteractiveShell'",
    "assert __IPYTHON__ and display and get_ipython().kernel.parent.kernel",
    "import __main__, sys\nassert not hasattr(__main__, '__file__') and sys.ps1 == 'In : '",
    "import logging, sys\nhandler = logging.StreamHandler()\nassert not sys.stderr.isatty()",
    "import os\nFOLDER = os.getcwd()\nPID = os.getpid()",
    "ask = input",
    "import sys\nsys.stderr.flush()\nflush, write = sys.stderr.flush, sys.stdout.write\n"
    "assert flush.__func__.__qualname__ == 'OutStream.flush'",
)


def test_what_leaves_no_trace_is_imported(tmp_path: Path) -> None:
    assert tried(tmp_path, "\n".join(ASKED)) is True


def test_local_modules_are_not_imported(tmp_path: Path) -> None:
    assert tried(tmp_path, "x = 1", "local") is False


def test_local_modules_are_found_behind_others(tmp_path: Path) -> None:
    (tmp_path / "packages").mkdir()
    (tmp_path / "mine.py").write_text("")
    source = f"import sys\nsys.path.append({str(tmp_path)!r})\nimport mine"
    assert tried(tmp_path / "packages", source) == "tried: imports mine, which is local"
