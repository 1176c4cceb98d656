"""Files written whole or not at all, JSON that keeps NaN and infinity, and content hashes.

Numbers that strict JSON can't hold are written as ``{"$float": "nan"}`` (``inf``, ``-inf``), so
that every file of a run can be read by any JSON reader. What people and other programs are shown
has them as texts: ``"nan"``, ``"inf"``, ``"-inf"``. Half a pair of surrogates, as in names of files
that are no UTF-8, is written as the escape that JSON has for it.

A table that results are taken from ends with ``"crc32"``, the checksum of the text before it: one
flipped bit can make another number of a number, and the file is JSON as before.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import math
import os
import re
import secrets
import shutil
import stat
import sys
import zlib
from pathlib import Path
from typing import Any, BinaryIO

_FLOAT = "$float"
_STEERING = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]")
_DEEPEST = 200  # lists and tables in each other
_LARGEST = 2**30  # bytes of a file that is read as a whole
_CHECKSUM = re.compile(rb',\s*"crc32": "([0-9a-f]{8})"\s*\}\s*$')
_CHECKSUM_BYTES = 64  # that it takes at the most
_COPIED_BYTES = 2**20  # larger files are linked, where their blocks can't be shared
_FICLONE = 0x40049409  # ioctl_ficlone(2)


class ChecksumError(ValueError):
    """A table has another checksum than it was written with."""


def to_json(value: Any, *, indent: int | None = None) -> str:
    """Return `value` as strict JSON, with numbers that are not finite tagged."""
    return _dumped(_tagged(value), indent)


def shown_json(value: Any, *, indent: int | None = None) -> str:
    """Return `value` as strict JSON for people and other programs; see `shown`.

    Characters that steer terminals or turn the direction of writing are escaped.
    """
    return _STEERING.sub(lambda m: f"\\u{ord(m[0]):04x}", _dumped(shown(value), indent))


def shown(value: Any) -> Any:
    """Return a JSON value with numbers that are not finite as texts: ``nan``, ``inf``, ``-inf``."""
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(float(value))
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    return value


def value_text(value: Any) -> str:
    """Return a value as a text: a text and a number as they are, all else as JSON."""
    plain = shown(value)
    return plain if isinstance(plain, str) else shown_json(value)


def fit_text(text: str) -> str:
    """Return a text with a question mark in the place of what UTF-8 can't hold."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _dumped(value: Any, indent: int | None) -> str:
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def from_json(text: str | bytes) -> Any:
    """Return the value written by `to_json`.

    Raises:
        ValueError: It is no JSON, or nested more than 200 deep.
    """
    try:
        value = json.loads(text, object_hook=_untagged)
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None
    if len(text) > 2 * _DEEPEST and _is_deep(value):
        raise ValueError("its values are nested too deeply")
    return value


def with_checksum(text: str) -> str:
    """Return the JSON text of a table that is not empty, with its checksum."""
    body = text.rstrip().removesuffix("}").rstrip()
    space = "\n " if "\n" in body else " "
    check = zlib.crc32(body.encode(errors="replace"))
    return f'{body},{space}"crc32": "{check:08x}"{text[len(body) :]}'


def from_checked_json(text: bytes) -> Any:
    """Return the value that was written, without its checksum; one without any isn't checked.

    Raises:
        ChecksumError: It is not what was written.
        ValueError: It is no JSON, or nested more than 200 deep.
    """
    value = from_json(text)
    start = max(len(text) - _CHECKSUM_BYTES, 0)
    found = _CHECKSUM.search(text[start:])
    if found is None or not isinstance(value, dict):
        return value
    if zlib.crc32(memoryview(text)[: start + found.start()]) != int(found[1], 16):
        raise ChecksumError("it is not what was written: its checksum differs")
    return {key: item for key, item in value.items() if key != "crc32"}


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [each for each in level if isinstance(each, dict | list)]
        if not level:
            return False
        level = [
            inner for each in level for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return any(isinstance(each, dict | list) for each in level)


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, ASCII."""
    return json.dumps(_tagged(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON value, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of a folder's relative paths and contents."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = sorted(p for p in path.rglob("*") if p.is_file())
    return digest({p.relative_to(path).as_posix(): file_digest(p) for p in files})


def write_atomic(path: Path, content: str | bytes, *, durable: bool = False) -> None:
    """Write a file beside its place and rename it there, so that a reader never sees half.

    Args:
        path: The file.
        content: What to write.
        durable: Whether it must survive a loss of power too, at the cost of some milliseconds.
    """
    data = content.encode(errors="replace") if isinstance(content, str) else content
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any, *, durable: bool = False, is_checked: bool = False) -> None:
    """Write a JSON file, whole or not at all.

    Args:
        path: The file.
        value: What to write.
        durable: Whether it must survive a loss of power too.
        is_checked: Whether the value, a table, gets a checksum that `read_json` looks at.
    """
    text = to_json(value, indent=1) + "\n"
    write_atomic(path, with_checksum(text) if is_checked else text, durable=durable)


def read_json(path: Path) -> Any:
    """Read a file that `write_json` wrote.

    Raises:
        OSError: The file can't be read.
        ValueError: It holds no JSON, or is not what was written.
    """
    return from_checked_json(read_bytes(path))


def open_file(path: Path, *, most: int | None = _LARGEST) -> BinaryIO:
    """Open a file of a run: not what waits for a writer, nor what no memory holds.

    Args:
        path: The file.
        most: Bytes that it may have; None where it is read in parts.

    Raises:
        OSError: It can't be read, is no file, or is larger.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    found = os.fstat(handle)
    if stat.S_ISREG(found.st_mode) and (most is None or found.st_size <= most):
        return open(handle, "rb")  # noqa: PTH123 - no path, but what has been opened
    os.close(handle)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no file", str(path))
    raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))


def read_bytes(path: Path) -> bytes:
    """Read a file of a run.

    Raises:
        OSError: As `open_file`.
    """
    with open_file(path) as file:
        return file.read()


def copy_file(source: str | Path, target: str | Path) -> None:
    """Copy a file with its times and mode, at no cost where the file system can share the blocks.

    Args:
        source: The file.
        target: Its other place; must not exist, but its folder must.
    """
    if _clone(source, target):
        shutil.copystat(source, target)
    else:
        shutil.copy2(source, target)


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """Have a file in two places; for files that never change.

    Where the file system can't share the blocks of two files (Btrfs and XFS can), one that is
    large is the same file in both places: a hard link. A small one is copied, so that nobody who
    changes one of them changes the other.
    """
    if _clone(source, target):
        shutil.copystat(source, target)
        return
    if Path(source).stat().st_size > _COPIED_BYTES:
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(source, target)


def _clone(source: str | Path, target: str | Path) -> bool:
    """Have a file share its blocks with a new one until either changes; False where none can."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        with Path(source).open("rb") as old, Path(target).open("xb") as new:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EEXIST, errno.EACCES):
            raise
        Path(target).unlink(missing_ok=True)
        return False
    return True


def replace_folder(source: Path, target: Path) -> None:
    """Rename a folder to a place beside it; what was there is moved away first, then deleted."""
    old = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    with contextlib.suppress(FileNotFoundError):
        target.rename(old)
    source.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def append_line(path: Path, value: Any) -> None:
    """Append one JSON line, in a single write; after a line that was cut off, on a new one.

    A table gets a checksum that `read_lines` looks at.

    Raises:
        OSError: It can't be written, or not all of it, such as on a disk that is full.
    """
    text = to_json(value)
    is_checked = isinstance(value, dict) and bool(value)
    line = ((with_checksum(text) if is_checked else text) + "\n").encode()
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            line = b"\n" + line
        if os.write(handle, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(handle)


def to_float(value: float) -> float:
    """Return a number as a float; an integer that is too large for one becomes infinity."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _tagged(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else {_FLOAT: repr(float(value))}
    if isinstance(value, dict):
        return {str(key): _tagged(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_tagged(item) for item in value]
    return value


def _untagged(table: dict[str, Any]) -> Any:
    if len(table) == 1 and isinstance(table.get(_FLOAT), str):
        return float(table[_FLOAT])
    return table


def cache_folder() -> Path:
    """Return the user's folder for what can be made again; it may not be there yet."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    if Path(named).is_absolute():
        return Path(named) / "nbexp"
    home = Path.home()
    return (home / "Library/Caches" if sys.platform == "darwin" else home / ".cache") / "nbexp"
