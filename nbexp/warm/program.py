"""The program of a warm parent: import, look whether that was wise, and serve.

Its one argument is a JSON table: the socket's `path`, the number of the file that `listener`
listens on, and the modules to `import`.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import socket
import sys
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

if __name__ == "__main__":
    sys.path.pop(0)  # this file's own folder

from nbexp.files import cache_folder, write_json
from nbexp.warm.child import become_kernel
from nbexp.warm.fitness import Fingerprint, UnfitError, import_fit, installed_folders
from nbexp.warm.parent import Launch, Parent

# Without it, pyarrow's allocator would keep a thread.
_NO_THREADS = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
# What the scout leaves out, and what notebooks use of nbexp.
_MORE = (
    "IPython.core.logger", "IPython.extensions.storemagic", "nbexp.notebook.hooks",
    "nbexp.notebook.gluing", "nbexp.notebook.saving", "nbexp.notebook.reporting",
    "nbexp.notebook.looping", "nbexp.notebook.checkpointing",
)  # fmt: skip


def main() -> None:
    """Serve until nobody needs it; in a forked child, be the kernel."""
    if os.fork():
        os._exit(0)  # who started it need not wait for its end
    settings = json.loads(sys.argv[1])
    left_out, before = LeftOut(), dict(os.environ)
    try:
        own = _import_all(settings["imports"], left_out)
    except UnfitError as error:
        left_out.add(error)
        os.execve(sys.executable, sys.orig_argv, before)
    launch = _serve(settings)
    if launch is not None:
        become_kernel(launch, _set_since(before), own)


def _serve(settings: dict[str, Any]) -> Launch | None:
    """Serve as `Parent.serve` does."""
    listener = socket.socket(fileno=settings["listener"])
    listener.set_inheritable(False)
    parent = Parent(Path(settings["path"]), listener, Fingerprint(installed_folders()))
    _spare_finalizers()
    gc.collect()
    gc.freeze()  # so that collections in the children leave these pages shared
    return parent.serve()


def _set_since(before: Mapping[str, str]) -> dict[str, str]:
    """Return what imports have set in the environment."""
    return {
        name: value
        for name, value in os.environ.items()
        if before.get(name) != value and name not in _NO_THREADS
    }


def _spare_finalizers() -> None:
    """Spare the children what imported modules tidy up in memory when Python ends.

    Torch has hundreds of such finalizers, and each would have its own copy of what it frees.
    """
    for finalizer in list(getattr(weakref.finalize, "_registry", ())):
        finalizer.atexit = False


def _import_all(names: list[str], left_out: LeftOut) -> dict[str, SimpleNamespace]:
    """Import what a kernel imports when it starts, and then what a notebook does.

    Returns:
        What stands for the modules that a kernel imports itself: it has their `__file__`.

    Raises:
        UnfitError: One of them must not be imported here.
    """
    folders = installed_folders()
    for name, value in _NO_THREADS.items():
        os.environ.setdefault(name, value)
    import_fit("ipykernel.kernelapp", folders, may_print=True)
    files, environment = _scout()
    os.environ.update(environment)
    for name in files:
        if name not in left_out:
            import_fit(name, folders, may_print=True)
    for name in [*_MORE, *names]:
        if name not in left_out:
            import_fit(name, folders)
    return {name: SimpleNamespace(__file__=file) for name, file in files.items()}


class LeftOut:
    """The modules that turned out not to be fit, remembered from one parent to the next.

    Each goes with the time when its file was changed, since another version may be fit.
    """

    def __init__(self) -> None:
        self._path = cache_folder() / "unfit.json"
        try:
            self._known = json.loads(self._path.read_text())
        except (OSError, ValueError):
            self._known = {}

    def __contains__(self, name: str) -> bool:
        known = self._known.get(sys.prefix, {}).get(name)
        return known is not None and known["changed"] == _version(name)

    def reasons(self) -> dict[str, str]:
        """Return why each of them was left out."""
        known = self._known.get(sys.prefix, {})
        return {name: each["why"] for name, each in known.items() if name in self}

    def add(self, error: UnfitError) -> None:
        """Leave a module out from now on."""
        known = {"changed": _version(error.module), "why": error.reason}
        self._known.setdefault(sys.prefix, {})[error.module] = known
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._path, self._known)
        except OSError:
            sys.exit(1)  # it would be found again and again


def _version(name: str) -> float:
    from importlib.util import find_spec

    spec = find_spec(name.partition(".")[0])
    try:
        return Path(str(spec and spec.origin)).stat().st_mtime
    except OSError:
        return 0.0


def _scout() -> tuple[dict[str, str | None], dict[str, str]]:
    """Have a child start a kernel; return its modules' files, and what it set in `os.environ`."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        _be_scout(writes)
    os.close(writes)
    with open(reads) as stream:  # noqa: PTH123 - not a path
        text = stream.read()
    os.waitpid(child, 0)
    found = json.loads(text) if text else {"files": {}, "environment": {}}
    return found["files"], found["environment"]


def _be_scout(writes: int) -> None:
    folder = tempfile.mkdtemp(prefix="nbexp-")
    try:
        before = dict(os.environ)
        app = _start_kernel(folder)
        app.shell.run_cell("1 + 1", silent=True)
        changed = {name: value for name, value in os.environ.items() if before.get(name) != value}
        files = {name: getattr(each, "__file__", None) for name, each in list(sys.modules.items())}
        found = {"files": files, "environment": changed}
        with open(writes, "w") as stream:
            json.dump(found, stream)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)


def _start_kernel(folder: str) -> Any:
    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance()
    app.init_code = lambda: None  # the user's own start-up files are for real kernels
    app.init_extensions = lambda: None
    options = ["--transport=ipc", f"--ip={folder}/k", "-f", f"{folder}/connection.json"]
    app.initialize([*options, "--HistoryManager.hist_file=:memory:"])
    return app


if __name__ == "__main__":
    main()
