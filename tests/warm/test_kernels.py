"""A kernel from a warm parent is what an ordinary one is."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from nbexp.warm.client import WarmProcess

Warm = Callable[..., None]

# What a notebook could look at to tell how its kernel was started.
LOOKS = {
    "arguments": "import sys; [a if 'json' not in a else 'F' for a in sys.argv]",
    "path": "import sys; sys.path",
    "flags": "import sys; str(sys.flags)",
    "main": "import __main__; sorted(n for n in vars(__main__) if n.startswith('__'))",
    "environment": "import os; sorted(k for k in os.environ if k != 'JPY_PARENT_PID')",
    "client": "import os; int(os.environ['JPY_PARENT_PID'])",
    "folder": "import os; os.getcwd()",
    "umask": "import os; (os.umask(0o22), os.umask(0o22))[0]",
    "processors": "import os; sorted(os.sched_getaffinity(0))",
    "limits": "import resource; [resource.getrlimit(n) for n in range(10)]",
    "session": "import os; os.getsid(0) == os.getpgid(0) == os.getpid()",
    "threads": "import threading; sorted(t.name.split('-')[0] for t in threading.enumerate())",
    "blocked": "import signal; sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ()))",
    "handlers": "import signal; [str(signal.getsignal(n))[:40].split(' at ')[0] "
    "for n in (2, 13, 15, 17)]",
    "wakeup": "import signal; signal.set_wakeup_fd(-1) == -1",
    "collector": "import gc; [gc.isenabled(), gc.get_threshold()]",
    "input": "import sys; sys.__stdin__.read()",
    "streams": "import sys; [[s.encoding, s.errors, s.line_buffering, s.fileno()] "
    "for s in (sys.__stdin__, sys.__stdout__, sys.__stderr__)]",
    "sockets": "import os; [k for k in sorted(map(kind, os.listdir('/proc/self/fd'))) "
    "if k == 'socket']",
    "debugger": "import re; any(re.search('numpy|torch', file) "
    "for file in get_ipython().kernel._kernel_modules)",
    "spawned": "import multiprocessing as m; m.current_process().name",
    "loop": "import asyncio; type(asyncio.get_event_loop()).__name__",
    "numpy": "import numpy; int(numpy.random.randint(2**31)) > 0",
    "torch": "import torch; [torch.get_num_threads(), torch.rand(1).item() > 0]",
    "backend": "import matplotlib; matplotlib.get_backend()",
    "warnings": "import warnings; sorted({str(f[:3]) for f in warnings.filters})",
}
LOOK = """
import json

def kind(descriptor):
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").split(":")[0]
    except FileNotFoundError:  # closed since it was listed
        return ""

found = {}
for name, code in LOOKS.items():
    first, _, last = code.partition("; ")
    exec(first)
    found[name] = eval(last)
print(json.dumps(found))
"""


def test_a_notebook_cannot_tell(warm: Warm) -> None:
    found: list[dict[str, Any]] = []

    async def look(kernel: Any) -> None:
        text = await kernel.run(f"LOOKS = {LOOKS!r}\n{LOOK}")
        found.append(json.loads(text.splitlines()[-1]))

    warm(look, name="local-provisioner")
    warm(look, look, imports="numpy,torch,matplotlib")
    ordinary, *forked = found
    for name, value in ordinary.items():
        assert [each[name] for each in forked] == [value] * len(forked), name


def test_kernels_share_a_parent_and_nothing_else(warm: Warm) -> None:
    told: list[list[Any]] = []

    async def look(kernel: Any) -> None:
        assert isinstance(kernel.process, WarmProcess)
        code = "import os, sys, random, numpy, torch\nprint([os.getppid(), os.getpid(), "
        code += "random.random(), float(numpy.random.rand()), torch.rand(1).item(), 'x' in dir()])"
        told.append(json.loads((await kernel.run(code)).replace("'", '"').replace("F", "f")))
        await kernel.run("x = 1; sys.path.append('mine'); numpy.mine = os.environ['MINE'] = '1'")

    warm(look, look, imports="numpy,torch")
    one, other = told
    assert one[0] == other[0]
    assert all(a != b for a, b in zip(one[1:5], other[1:5], strict=True))
    assert (one[5], other[5]) == (False, False)


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        ("import os; os._exit(7)", 7),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV),
        ("import os; os.abort()", -signal.SIGABRT),
    ],
)
def test_death_is_told_at_once(warm: Warm, code: str, exit_code: int) -> None:
    async def die(kernel: Any) -> None:
        kernel.client.execute(code)
        await asyncio.wait_for(kernel.process.until_ended(), 10)
        assert kernel.process.poll() == exit_code
        assert not await kernel.manager.is_alive()

    warm(die)


def test_notebook_works_as_ever(warm: Warm) -> None:
    async def work(kernel: Any) -> None:
        run = kernel.run
        assert isinstance(kernel.process, WarmProcess)
        assert (await run("import sys; sys.exit(3)")).startswith("SystemExit: 3")
        child = "import subprocess as s; print(s.run(['echo', 'child'], stdout=-1).stdout)"
        assert await run(child) == "b'child\\n'"
        threads = "import threading; t = threading.Thread(target=print, args=('thread',)); "
        assert await run(f"{threads}t.start(); t.join()") == "thread"
        assert await run("import asyncio; await asyncio.sleep(0.01); print('awaited')") == "awaited"
        pool = "from concurrent.futures import ProcessPoolExecutor as P, ThreadPoolExecutor as T\n"
        pool += "import multiprocessing as m\n"
        assert await run(f"{pool}print(list(P(2, m.get_context('fork')).map(abs, [-1, -2])))") == (
            "[1, 2]"
        )
        loader = "import torch; from torch.utils.data import DataLoader\n"
        loader += "print([int(b[0]) for b in DataLoader(range(3), num_workers=2)])"
        assert await run(loader) == "[0, 1, 2]"
        run_plot = "import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()"
        assert "image/png" in await run(run_plot)
        assert "image/png" in await run("%matplotlib inline\nplt.plot([1, 2]); None")

    warm(work, imports="torch,matplotlib.pyplot")


def test_stream_that_was_kept_before_writes_into_the_notebook(warm: Warm) -> None:
    async def use(kernel: Any) -> None:
        code = "import logging, optuna; h = optuna.logging._default_handler; h.flush()\n"
        code += "optuna.logging.get_logger('optuna').warning('kept')"
        assert isinstance(kernel.process, WarmProcess)
        assert "kept" in await kernel.run(code)

    warm(use, imports="optuna")


def test_interrupt_restart_and_input(warm: Warm) -> None:
    async def use(kernel: Any) -> None:
        sleeping = asyncio.create_task(kernel.run("print('in'); import time; time.sleep(60)"))
        await asyncio.sleep(0.5)
        await kernel.manager.interrupt_kernel()
        assert "KeyboardInterrupt" in await asyncio.wait_for(sleeping, 10)
        first = kernel.process.pid
        await kernel.run("x = 1")
        kernel.client.stop_channels()
        await kernel.manager.restart_kernel()
        await kernel.connect()
        assert kernel.process.pid != first
        assert "NameError" in await kernel.run("x")
        assert await kernel.run("print(input('Name? '))", says="Ada") == "Ada"

    warm(use)


def test_an_end_flushes_files_and_runs_exit_functions(warm: Warm, tmp_path: Path) -> None:
    async def end(kernel: Any) -> None:
        await kernel.run("f = open('open.txt', 'w'); n = f.write('unflushed')")
        await kernel.run("import atexit, pathlib; p = pathlib.Path('exit.txt')")
        await kernel.run("n = atexit.register(p.write_text, 'ran')")
        await kernel.manager.shutdown_kernel()

    warm(end)
    assert (tmp_path / "open.txt").read_text() == "unflushed"
    assert (tmp_path / "exit.txt").read_text() == "ran"


def test_kernel_and_its_parent_end_with_the_client(sockets: Path) -> None:
    code = """
import asyncio, os, sys
from jupyter_client.manager import AsyncKernelManager
async def main():
    manager = AsyncKernelManager(kernel_name="python3")
    manager.kernel_spec.metadata["kernel_provisioner"] = {"provisioner_name": "nbexp-warm"}
    await manager.start_kernel(env={**os.environ, "NBEXP_WARM_LINGER": "0"})
    print(manager.provisioner.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdout is not None
        kernel = psutil.Process(int(client.stdout.readline()))
        parent = kernel.parent()
        assert parent is not None
        assert list(sockets.rglob("*.sock"))
        client.kill()
    _, alive = psutil.wait_procs([kernel, parent], timeout=5)
    assert not alive
    assert not list(sockets.rglob("*.sock"))


def test_clients_may_fork(tmp_path: Path) -> None:
    """As multiprocessing does: the loop of a forked client has lost its threads."""
    code = """
import multiprocessing, os
from jupyter_client.manager import KernelManager

def run():
    manager = KernelManager(kernel_name="python3")
    manager.kernel_spec.metadata["kernel_provisioner"] = {"provisioner_name": "nbexp-warm"}
    manager.start_kernel(env={**os.environ, "NBEXP_WARM_LINGER": "0"})
    os.write(1, f"{type(manager.provisioner.process).__name__}\\n".encode())  # whole, at once
    manager.shutdown_kernel(now=True)

run()
forked = [multiprocessing.get_context("fork").Process(target=run) for _ in range(2)]
[each.start() for each in forked]
[each.join() for each in forked]
"""
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "ignore", "-c", code]
    ended = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, env=environment, timeout=60, check=True
    )
    assert ended.stdout.split() == ["WarmProcess"] * 3


def test_kernels_end_with_a_parent_that_is_killed(warm: Warm) -> None:
    async def use(kernel: Any) -> None:
        psutil.Process(kernel.process.pid).parent().kill()
        await asyncio.wait_for(kernel.process.until_ended(), 5)
        assert kernel.process.poll() == -signal.SIGKILL

    async def use_again(kernel: Any) -> None:
        assert await kernel.run("print('anew')") == "anew"

    warm(use, use_again)


def test_what_was_reinstalled_is_imported_anew(warm: Warm, tmp_path: Path) -> None:
    parents = []

    async def look(kernel: Any) -> None:
        parents.append(psutil.Process(kernel.process.pid).ppid())
        folder = Path(json.__file__).parents[3]  # where Python's own packages are
        assert folder.is_dir()

    import numpy

    packages = Path(numpy.__file__).parents[1]
    warm(look)
    os.utime(packages)
    warm(look)
    assert parents[0] != parents[1]


def test_parent_without_clients_ends(warm: Warm, sockets: Path) -> None:
    parents: list[psutil.Process] = []

    async def look(kernel: Any) -> None:
        parents.append(psutil.Process(kernel.process.pid).parent())
        assert list(sockets.rglob("*.sock"))

    warm(look)
    parents[0].wait(10)
    assert not list(sockets.rglob("*.sock"))


def test_parent_without_clients_ends_at_once_among_many(sockets: Path) -> None:
    code = """
import socket, sys
from pathlib import Path
from nbexp.warm.fork_server import ForkServer
def listen(name):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{sys.argv[1]}/{name}.sock")
    listener.listen()
    return listener
others = [listen(number) for number in range(5)]
others.pop().close()
ForkServer(Path(sys.argv[1], "own.sock"), listen("own"), None).serve()
"""
    subprocess.run([sys.executable, "-c", code, str(sockets)], timeout=5, check=True)


@pytest.mark.parametrize("how", ["independent", "pipe", "interpreter"])
def test_other_kernels_start_the_ordinary_way(warm: Warm, how: str, tmp_path: Path) -> None:
    async def look(kernel: Any) -> None:
        assert isinstance(kernel.process, subprocess.Popen)

    if how == "independent":
        warm(look, independent=True)
    elif how == "pipe":
        with (tmp_path / "out").open("w") as out:
            warm(look, stdout=out, stderr=subprocess.STDOUT)
    else:
        other = tmp_path / "python"
        other.symlink_to(sys.executable)
        from nbexp.warm.client import interpreter

        assert interpreter([str(other), "-m", "ipykernel_launcher"]) is None
        assert interpreter(["bash"]) is None
        found = interpreter([sys.executable, "-X", "dev", "-m", "ipykernel_launcher", "-f", "x"])
        assert found == (sys.executable, "-X", "dev")
