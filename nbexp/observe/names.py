"""Paths and names: what is installed, what comes and goes, what is secret, and hashes.

It runs in kernels too, so it needs nothing but Python's standard library.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import sysconfig
from collections.abc import Callable, Iterable

_SYSTEM = (
    "/proc/", "/sys/", "/dev/", "/run/", "/etc/", "/lib/", "/lib32/", "/lib64/", "/bin/", "/sbin/",
    "/usr/lib/", "/usr/lib32/", "/usr/lib64/", "/usr/libexec/", "/usr/bin/", "/usr/sbin/",
    "/usr/include/", "/usr/share/", "/usr/local/lib/", "/usr/local/bin/", "/usr/local/share/",
    "/var/lib/", "/var/cache/", "/var/run/", "/var/log/",
)  # fmt: skip
_PARTS = ("bin", "etc", "include", "lib", "share")  # of a folder that Python is installed in
_BY_THE_WAY = frozenset({
    "__pycache__", ".ipynb_checkpoints", ".git", ".DS_Store", "mlflow.db", "mlflow.db-journal",
    ".mlflow.db.lock", "mlartifacts", "mlruns", "runs",
})  # fmt: skip
_listdir = os.listdir


def installed_prefixes() -> tuple[str, ...]:
    """Return how the paths begin of what is installed, Python's own, the system's and nbexp's."""
    return _installed_prefixes(
        *(entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages")))
    )


@functools.cache
def _installed_prefixes(*on_path: str) -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    found = {paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")}
    found |= set(on_path)
    found |= {f"{prefix}/{part}" for prefix in {sys.prefix, sys.base_prefix} for part in _PARTS}
    found.add(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    found |= {os.path.realpath(folder) for folder in found}
    own = (os.path.realpath(sys.executable), f"{sys.prefix}/pyvenv.cfg")
    folders = sorted((f"{folder}{os.sep}" for folder in found if folder), key=len, reverse=True)
    return (*folders, *_SYSTEM, *own)


def value_digest(value: str | None) -> str | None:
    """Return a short hash of a variable's value; None where it isn't set."""
    if value is None:
        return None
    return hashlib.sha256(value.encode(errors="surrogateescape")).hexdigest()[:16]


def list_digest(folder: str) -> str:
    """Return a hash of the names in a folder."""
    return names_digest(name for name in _listdir(folder) if name not in _BY_THE_WAY)


def names_digest(names: Iterable[str]) -> str:
    """Return a hash of names, whatever their order."""
    text = "\0".join(sorted(names))
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def glob_digest(pattern: str) -> str:
    """Return a hash of the paths that a pattern finds, from where its first wildcard is."""
    import glob

    root = pattern
    while glob.has_magic(root):
        root = os.path.dirname(root)
    found = glob.glob(pattern, recursive=True, include_hidden=True)
    below = (each[len(root) :].strip(os.sep) for each in found)
    return names_digest(each for each in below if not is_by_the_way(each))


def is_by_the_way(path: str) -> bool:
    """Whether a path is one of those that come and go beside notebooks and code."""
    return any(part in _BY_THE_WAY for part in path.split(os.sep))


def masked(text: str) -> str:
    """Return a text without the secrets that this process had when this was called first."""
    return _mask()(text)


@functools.cache
def _mask() -> Callable[[str], str]:
    if not os.environ.get("NBEXP_SECRETS"):  # the mask takes time to import
        return str
    from nbexp.masks import own_mask

    return own_mask().text
