"""A kernel provisioner of jupyter_client: Python kernels come from a warm parent, others do not.

It is registered as ``nbexp-warm``. A kernel specification may name it (``metadata``,
``kernel_provisioner``), or ``JUPYTER_DEFAULT_PROVISIONER_NAME`` for all.
"""

from __future__ import annotations

import atexit
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_client.provisioning import LocalProvisioner
from traitlets import Bool, Float, List, Unicode

from nbexp.warm.client import (
    ForkServerKind,
    ForkServerLostError,
    Holds,
    KernelRequest,
    WarmProcess,
    interpreter,
    launch,
)

IMPORTS = "NBEXP_WARM_IMPORTS"
LINGER = "NBEXP_WARM_LINGER"
_LINGER_S = 30.0
_HOLDS = Holds()
atexit.register(_HOLDS.close)
_FILES = ("stdin", "stdout", "stderr")
_KNOWN = {"env", "cwd", "stdin", "stdout", "stderr", "kernel_id", "independent"}


class WarmProvisioner(LocalProvisioner):  # type: ignore[misc] # it is untyped
    """Forks IPython's kernels of this interpreter; starts every other kernel the ordinary way."""

    process: Any = None  # of either kind
    imports: Any = List(
        Unicode(),
        config=True,
        help="Modules to import before kernels are forked; also NBEXP_WARM_IMPORTS, with commas.",
    )
    linger_s: Any = Float(
        _LINGER_S,
        config=True,
        help="Seconds for which a parent waits for more kernels; also NBEXP_WARM_LINGER.",
    )

    holds: Any = Bool(
        False,
        config=True,
        help="Whether this process keeps the parent alive between one kernel and the next.",
    )

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Launch a kernel; where it can't be forked, as `LocalProvisioner` does."""
        environment = dict(os.environ if kwargs.get("env") is None else kwargs["env"])
        told = {name: environment.pop(name, None) for name in (IMPORTS, LINGER)}
        python = interpreter(cmd)
        if python is None or not _is_plain(kwargs):
            return await super().launch_kernel(cmd, **kwargs | {"env": environment})
        imports = self.imports if told[IMPORTS] is None else told[IMPORTS].split(",")
        environment["JPY_PARENT_PID"] = str(os.getpid())
        with Path(os.devnull).open() as nothing:
            request = KernelRequest(
                arguments=tuple(cmd[len(python) + 1 :]),
                environment=environment,
                folder=str(Path(kwargs.get("cwd") or ".").absolute()),
                files=_numbers(kwargs, nothing.fileno()),
                linger_s=float(told[LINGER] or self.linger_s),
            )
            kind = ForkServerKind.of(python, [name for name in imports if name], environment)
            try:
                self.process = await launch(kind, request)
            except ForkServerLostError as error:
                self.log.warning("No warm kernel, but an ordinary one: %s", error)
                return await super().launch_kernel(cmd, **kwargs | {"env": environment})
        if self.holds:
            _HOLDS.keep(kind)
        self.pid = self.pgid = self.process.pid
        self.cwd = kwargs.get("cwd", Path.cwd())
        return self.connection_info

    async def wait(self) -> int | None:
        """Wait until the kernel has ended."""
        if isinstance(self.process, WarmProcess):
            await self.process.until_ended()
        code: int | None = await super().wait()
        return code

    async def cleanup(self, restart: bool = False) -> None:
        """Let go of the kernel, which has ended."""
        if isinstance(self.process, WarmProcess):
            self.process.close()
            self.process = None
        await super().cleanup(restart)


def _is_plain(kwargs: Mapping[str, Any]) -> bool:
    """Whether nothing is asked for that only a child of this process can have."""
    if kwargs.keys() - _KNOWN or kwargs.get("independent"):
        return False
    return all(kwargs.get(name) not in (subprocess.PIPE, subprocess.STDOUT) for name in _FILES)


def _numbers(kwargs: Mapping[str, Any], nothing: int) -> tuple[int, ...]:
    """Return the numbers of the kernel's standard files."""
    numbers = []
    for name, default in zip(_FILES, (nothing, 1, 2), strict=True):
        file = kwargs.get(name)
        number = default if file is None else file if isinstance(file, int) else file.fileno()
        numbers.append(nothing if number == subprocess.DEVNULL else number)
    return tuple(numbers)
