"""The program of a warm parent: import, look whether that was wise, and serve.

Its one argument is a JSON table: the socket's `path`, the number of the file that `listener`
listens on, and the modules to `import`.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import shutil
import socket
import sys
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

if __name__ == "__main__":
    sys.path.pop(0)  # this file's own folder

from nbexp.files import cache_folder, write_json
from nbexp.observe.beforehand import prepare_observation
from nbexp.warm.child import KERNEL_MODULE, become_kernel, file_of
from nbexp.warm.fork_safety import Fingerprint, ForkUnsafeError, import_fork_safe, installed_folders
from nbexp.warm.fork_server import ForkServer, KernelLaunch
from nbexp.warm.placeholders import CLASSES, Placeholders
from nbexp.warm.traces import Traces, forget_handlers

# Without it, pyarrow's allocator would keep a thread.
_NO_THREADS = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
# What the scout leaves out, and what notebooks use of nbexp.
_MORE = (
    "IPython.core.logger", "IPython.extensions.storemagic", "nbexp.notebook.hooks",
    "nbexp.notebook.gluing", "nbexp.notebook.saving", "nbexp.notebook.reporting",
    "nbexp.notebook.looping", "nbexp.notebook.checkpointing", "nbexp.notebook.messages",
    "nbexp.observe.hook", "nbexp.observe.readers",
)  # fmt: skip


def main() -> None:
    """Serve until nobody needs it; in a forked child, be the kernel."""
    if os.fork():
        os._exit(0)  # who started it need not wait for its end
    settings = json.loads(sys.argv[1])
    left_out, before = LeftOut(), dict(os.environ)
    command = [*sys.orig_argv]
    try:
        with _folder_of_its_own(Path(settings["path"]).parent):
            own, placeholders, traces = _import_all(settings["imports"], left_out, before)
    except ForkUnsafeError as error:
        left_out.add(error)
        os.execve(sys.executable, command, before)
    launch = _serve(settings, traces)
    if launch is not None:
        become_kernel(launch, _set_since(before), own, placeholders, traces)


@contextlib.contextmanager
def _folder_of_its_own(parent: Path) -> Iterator[None]:
    """Be in a folder that no other text names, so that it can be found where imports keep it."""
    folder = parent / f"imports-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(os.sep)
        folder.rmdir()


def _serve(settings: dict[str, Any], traces: Traces) -> KernelLaunch | None:
    """Serve as `ForkServer.serve` does."""
    listener = socket.socket(fileno=settings["listener"])
    listener.set_inheritable(False)
    freshness = Fingerprint(installed_folders())
    parent = ForkServer(Path(settings["path"]), listener, freshness, traces.refusal)
    prepare_observation()
    _spare_finalizers()
    gc.collect()
    gc.freeze()  # so that collections in the children leave these pages shared
    return parent.serve()


def _set_since(before: Mapping[str, str]) -> dict[str, tuple[str | None, str | None]]:
    """Return what imports have set in the environment: values before, and after."""
    return {
        name: (before.get(name), os.environ.get(name))
        for name in {*os.environ, *before}
        if before.get(name) != os.environ.get(name) and name not in _NO_THREADS
    }


def _spare_finalizers() -> None:
    """Spare the children what imported modules tidy up in memory when Python ends.

    Torch has hundreds of such finalizers, and each would have its own copy of what it frees.
    """
    for finalizer in list(getattr(weakref.finalize, "_registry", ())):
        finalizer.atexit = False


def _import_all(
    names: list[str], left_out: LeftOut, environment: Mapping[str, str]
) -> tuple[dict[str, SimpleNamespace], Placeholders, Traces]:
    """Import what a kernel imports when it starts, and then what a notebook does.

    Returns:
        What stands for the modules that a kernel imports itself: it has their `__file__`; and what
        stood for a kernel meanwhile, and what they keep.

    Raises:
        ForkUnsafeError: One of them must not be imported here.
    """
    folders = installed_folders()
    for name, value in _NO_THREADS.items():
        os.environ.setdefault(name, value)
    import_fork_safe("ipykernel.kernelapp", folders)
    found = _scout()
    os.environ.update(found["environment"])
    for name in found["files"]:
        if name not in left_out:
            import_fork_safe(name, folders)
    logging.shutdown()  # as a kernel does when it sets its own handlers
    forget_handlers()
    _take_command_line()
    placeholders, traces = Placeholders(found["classes"], found["config"]), Traces(environment)
    sys.path.insert(found["at"], "")
    for name in [*_MORE, *names]:
        if name not in left_out:
            import_fork_safe(name, folders, placeholders, traces)
    sys.path.remove("")
    traces.find()
    own = {name: SimpleNamespace(__file__=file) for name, file in found["files"].items()}
    return own, placeholders, traces


def _take_command_line() -> None:
    """Take on the command line of a kernel, before anything can ask for it."""
    arguments = ["-f", "kernel.json"]
    sys.orig_argv[-2:] = ["-m", KERNEL_MODULE, *arguments]
    sys.argv[:] = [file_of(KERNEL_MODULE), *arguments]


class LeftOut:
    """The modules that turned out not to be fit, remembered from one parent to the next.

    Each goes with the time when its file was changed, since another version may be fit, and with
    that of what found it out, since another version of nbexp may find it fit.
    """

    def __init__(self) -> None:
        self._path = cache_folder() / "unfit.json"
        self._rules = max(file.stat().st_mtime for file in Path(__file__).parent.glob("*.py"))
        try:
            self._known = json.loads(self._path.read_text())
        except (OSError, ValueError):
            self._known = {}

    def __contains__(self, name: str) -> bool:
        known = self._known.get(sys.prefix, {}).get(name)
        if known is None:
            return False
        now = {"changed": _version(name), "rules": self._rules}
        return bool(known.items() >= now.items())

    def reasons(self) -> dict[str, str]:
        """Return why each of them was left out."""
        known = self._known.get(sys.prefix, {})
        return {name: each["why"] for name, each in known.items() if name in self}

    def add(self, error: ForkUnsafeError) -> None:
        """Leave a module out from now on."""
        known = {"changed": _version(error.module), "rules": self._rules, "why": error.reason}
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


def _scout() -> dict[str, Any]:
    """Have a child start a kernel and tell of it.

    Returns:
        The `files` of its modules by their names, the `environment` that it set, its `config`, the
        names of its `classes`, and the place `at` which the working folder is in `sys.path`.
    """
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        _be_scout(writes)
    os.close(writes)
    with open(reads) as stream:  # noqa: PTH123 - not a path
        text = stream.read()
    os.waitpid(child, 0)
    nothing = {"files": {}, "environment": {}, "config": {}, "classes": CLASSES, "at": 0}
    found: dict[str, Any] = json.loads(text) if text else nothing
    return found


def _be_scout(writes: int) -> None:
    folder = tempfile.mkdtemp(prefix="nbexp-")
    try:
        before = dict(os.environ)
        app = _start_kernel(folder)
        app.shell.run_cell("1 + 1", silent=True)
        changed = {name: value for name, value in os.environ.items() if before.get(name) != value}
        files = {name: getattr(each, "__file__", None) for name, each in list(sys.modules.items())}
        own = {"kernel": app.kernel, "shell": app.shell, "stream": sys.stdout}
        classes = {
            name: f"{type(each).__module__}.{type(each).__name__}" for name, each in own.items()
        }
        at = sys.path.index("") if "" in sys.path else 0
        found = {"files": files, "environment": changed, "classes": classes, "at": at}
        with open(writes, "w") as stream:
            json.dump(found | {"config": _common(app.config)}, stream, default=str)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)


def _common(config: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the part of a scout's configuration that other kernels have as well."""
    own = {"IPKernelApp": ("transport", "ip", "connection_file"), "HistoryManager": ("hist_file",)}
    parts = {
        name: {key: value for key, value in part.items() if key not in own.get(name, ())}
        for name, part in config.items()
    }
    return {name: part for name, part in parts.items() if part}


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
