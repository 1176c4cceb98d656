"""The kernels that are installed, and their command lines."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from nbexp.errors import UsageError, did_you_mean

# jupyter_client takes these names for the interpreter that it runs in itself.
_OURS = ("python", f"python{sys.version_info.major}", "python{}.{}".format(*sys.version_info))


def find_kernel(name: str) -> Any:
    """Return the specification of an installed kernel.

    Raises:
        UsageError: There is no kernel of that name.
    """
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    specs = KernelSpecManager()
    try:
        return specs.get_kernel_spec("python3" if name == "python" else name)
    except NoSuchKernel:
        installed = sorted(specs.find_kernel_specs())
        raise UsageError(
            f"The kernel {name!r} is not installed; installed are: {', '.join(installed)}. "
            f"{did_you_mean(name, installed)} Or install it, and check with "
            "`jupyter kernelspec list`."
        ) from None


def command(spec: Any) -> list[str]:
    """Return the command line of a kernel, its arguments not yet put in."""
    first, *rest = spec.argv
    return [sys.executable if first in _OURS else first, *rest]


def check_inline_kernel(name: str) -> None:
    """Check that the notebooks of a kernel can run in this process, with IPython's own.

    Raises:
        UsageError: It is not installed, or of another language or another Python.
    """
    spec = find_kernel(name)
    if spec.language.lower() != "python" or not any("ipykernel" in word for word in spec.argv):
        raise UsageError(
            f"inline, notebooks run in nbexp's own process, in IPython; the kernel {name!r} is "
            f"another one, of {spec.language}"
        )
    program = Path(command(spec)[0])
    if program.is_absolute() and program.parent.resolve() != Path(sys.executable).parent.resolve():
        raise UsageError(
            f"inline, notebooks run in nbexp's own process, of {sys.executable}; the kernel "
            f"{name!r} is of another Python, {program}"
        )
