"""Do kernels from warm parents leave anything behind?

    python -m benchmarks.leaks [--count 1000] [--ordinary]

Executes a trivial notebook many times over, as nbclient does: starts a kernel, runs a cell, shuts
it down. At the start, after 100 and at the end it counts the processes, the sockets and the
temporary files that there are, what the client has open, and what client and parents hold in
memory. In the end, once the parents have gone, nothing may be left: if something is, or if
anything grew with the count, it exits with 1.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from traitlets.config import Config

_LINGER_S = 1.0
_FIRST = 100  # by then, caches have filled
_MAY_GROW = {"client_mib": 8.0, "parents_mib": 4.0}  # all else may not grow at all
_WORD = "LEAKS_FOLDER"  # marks the processes that descend from this one


@dataclass(frozen=True)
class Count:
    """What there is at one time.

    Attributes:
        processes: Those that descend from this one, wherever they are now; parents are apart.
        zombies: Of these and of the parents' children, those that have ended.
        parents: Warm parents.
        sockets: Files of sockets in the folder of warm parents, and connections to them.
        files: Entries of the temporary folder, of the kernels' runtime folder and of the parents'.
        open_files: What the client has open.
        threads: The client's.
        client_mib: The client's proportional set size.
        parents_mib: All parents' together.
    """

    processes: int
    zombies: int
    parents: int
    sockets: int
    files: int
    open_files: int
    threads: int
    client_mib: float
    parents_mib: float


def main() -> None:
    """Execute, count, print, and judge."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--count", type=int, default=1000, help="notebooks to execute")
    arguments.add_argument("--ordinary", action="store_true", help="without warm parents")
    options = arguments.parse_args()
    with _own_folders(warm=not options.ordinary) as folder:
        counts = {0: _show("at the start", _count(folder))}
        began = time.monotonic()
        for number in range(1, options.count + 1):
            _execute()
            if number in (_FIRST, options.count):
                counts[number] = _show(f"after {number:,}", _count(folder))
        took_s = time.monotonic() - began
        time.sleep(_LINGER_S + 2)
        end = _show("in the end", _count(folder))
    print(f"{options.count:,} notebooks took {took_s:.0f} s")
    found = _left(counts[0], end) + _grown(counts.get(_FIRST), counts[options.count])
    print("\n".join(found) or "Nothing is left behind, and nothing grew.")
    sys.exit(bool(found))


@contextlib.contextmanager
def _own_folders(*, warm: bool) -> Iterator[Path]:
    """Have all temporary files written to a folder of this command's own."""
    with tempfile.TemporaryDirectory(prefix="nbexp-leaks-", dir="/tmp") as name:
        folder = Path(name)
        for each in ("tmp", "run", "runtime"):
            (folder / each).mkdir()
        os.environ |= {
            _WORD: name,
            "TMPDIR": f"{name}/tmp",
            "XDG_RUNTIME_DIR": f"{name}/run",
            "JUPYTER_RUNTIME_DIR": f"{name}/runtime",
            "JUPYTER_DEFAULT_PROVISIONER_NAME": "nbexp-warm" if warm else "local-provisioner",
            "NBEXP_WARM_LINGER": str(_LINGER_S),
        }
        tempfile.tempdir = None  # it is read from the environment anew
        _execute()  # imports, the first parent
        time.sleep(_LINGER_S + 2)
        yield folder


def _execute() -> None:
    cell = nbformat.v4.new_code_cell("print('done')")
    notebook = nbformat.v4.new_notebook(cells=[cell])
    config = Config(KernelManager={"transport": "ipc"})  # ports may be taken by other programs
    NotebookClient(notebook, timeout=60, kernel_name="python3", config=config).execute()
    if [each.get("text") for each in notebook.cells[0].outputs] != ["done\n"]:
        sys.exit(f"Expected the output 'done', but got: {notebook.cells[0].outputs}")


def _count(folder: Path) -> Count:
    own = psutil.Process()
    others = list(_descendants(own, folder))
    parents = [each for each in others if _is_parent(each)]
    connections = [each for each in own.net_connections("unix") if str(folder) in str(each.raddr)]
    return Count(
        processes=len(others) - len(parents),
        zombies=sum(_is_zombie(each) for each in others),
        parents=len(parents),
        sockets=len(list(folder.rglob("*.sock"))) + len(connections),
        files=sum(not each.is_dir() for each in folder.rglob("*"))
        + len(list(folder.glob("tmp/*"))),
        open_files=own.num_fds(),
        threads=own.num_threads(),
        client_mib=_mib(own),
        parents_mib=sum(map(_mib, parents)),
    )


def _descendants(own: psutil.Process, folder: Path) -> Iterator[psutil.Process]:
    """Yield the processes with this one's mark, and the children of all these, zombies too."""
    marked = {own}
    for each in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if each.environ().get(_WORD) == str(folder):
                marked.add(each)
    for each in list(marked):
        with contextlib.suppress(psutil.Error):
            marked.update(each.children())
    yield from marked - {own}


def _is_parent(process: psutil.Process) -> bool:
    """Whether it is a warm parent; its kernels have its command line, but sessions of their own."""
    with contextlib.suppress(psutil.Error, OSError):
        is_program = any(word.endswith("warm/program.py") for word in process.cmdline())
        return is_program and os.getsid(process.pid) != process.pid
    return False


def _is_zombie(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.status() == psutil.STATUS_ZOMBIE
    return False


def _mib(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        return round(process.memory_full_info().pss / 2**20, 1)
    return 0.0


def _show(when: str, count: Count) -> Count:
    """Print a count as soon as it is known, and return it."""
    told = [f"{name} {value:,}" for name, value in asdict(count).items()]
    print(f"{when}: {', '.join(told)}", flush=True)
    return count


def _left(before: Count, after: Count) -> list[str]:
    """Tell what the end has that the start, when no parent ran, had not; memory apart."""
    return [
        f"left behind: {name}: {was} at the start, {getattr(after, name)} in the end"
        for name, was in asdict(before).items()
        if name not in _MAY_GROW and getattr(after, name) > was
    ]


def _grown(before: Count | None, after: Count) -> list[str]:
    if before is None:
        return []
    return [
        f"grown: {name}: {was} after {_FIRST}, {getattr(after, name)} in the end"
        for name, was in asdict(before).items()
        if getattr(after, name) - was > _MAY_GROW.get(name, 0)
    ]


if __name__ == "__main__":
    main()
