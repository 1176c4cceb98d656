"""The manifest of what a variant left: its files with size, hash, and how each looked then.

A file that looks as it did (size, times, inode) is taken to be the same, as git does it. Of one
that looks different, such as in a project that was copied, the content decides, by its hash.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from nbexp.errors import ArtifactError
from nbexp.files import (
    copy_file,
    digest,
    file_digest,
    link_or_copy,
    read_bytes,
    read_json,
    write_json,
)
from nbexp.runs.variant_folder import ARTIFACTS, FIGURES, MANIFEST, NOTEBOOK

# What a file browser or Jupyter leaves in a folder that somebody has looked into.
_LEFT_BY_BROWSING = frozenset({".DS_Store", ".ipynb_checkpoints"})

Record = dict[str, Any]


def write(folder: Path, parts: Iterable[str], known: Mapping[str, str] | None = None) -> None:
    """Write the manifest of a variant.

    Args:
        folder: The variant's folder.
        parts: The files and folders that it left, relative to that.
        known: Hashes of files that need not be read again, by the same paths.
    """
    hashes = {**(known or {})}
    records = {
        name: {**_look(folder / name), "sha256": hashes.get(name) or content_hash(folder / name)}
        for part in parts
        for name in _files(folder, part)
    }
    write_json(folder / MANIFEST, {"files": records})


def parts_of(artifacts: Iterable[str], figures: Iterable[str]) -> list[str]:
    """Return the parts of a variant's folder that a manifest covers."""
    names = [f"{ARTIFACTS}/{name}" for name in artifacts]
    return [NOTEBOOK, *names, *(f"{FIGURES}/{name}" for name in figures)]


def damage(folder: Path, parts: Iterable[str]) -> str:
    """Return what is no longer as it was recorded, first thing first; nothing if all is whole.

    Args:
        folder: The variant's folder.
        parts: What to look at, such as ``artifacts/data``.
    """
    seen: dict[str, Record] = {}
    try:
        records = _read(folder)
        reasons = (_damage(folder, part, records, seen) for part in parts)
        reason = next((reason for reason in reasons if reason), "")
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        return f"its {MANIFEST} can't be read: {error}"
    if seen and not reason:
        records |= {name: {**records[name], **look} for name, look in seen.items()}
        with contextlib.suppress(OSError):  # else they are read again the next time
            write_json(folder / MANIFEST, {"files": records})
    return reason


def require(place: Path) -> bool:
    """Check what is to be read: an artifact, or an executed notebook, that a variant left.

    Returns:
        Whether it was checked; what lies anywhere else, or in the folder of a variant that runs,
        is not.

    Raises:
        ArtifactError: It was changed since.
    """
    found = locate(place)
    if found is None or not (found[0] / MANIFEST).is_file():
        return False
    folder, part = found
    if reason := damage(folder, [part]):
        raise ArtifactError(
            f"{folder} was changed after it had ended: {reason}. Run the pipeline again: what "
            f"{folder.name} left is computed anew. A notebook that changes what it is given must "
            "copy it first: it is for all that are given it."
        )
    return True


def given_by(value: Any) -> list[Path]:
    """Return what variants left, of which the paths are among values of parameters."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [place for item in value for place in given_by(item)]
    if not isinstance(value, str) or not value.startswith("/"):
        return []
    found = locate(Path(value))
    return [Path(value)] if found and (found[0] / MANIFEST).is_file() else []


def locate(place: Path) -> tuple[Path, str] | None:
    """Return the variant's folder in which an artifact or a notebook lies, and its name there."""
    if place.parent.name == ARTIFACTS:
        return place.parents[1], f"{ARTIFACTS}/{place.name}"
    return (place.parent, NOTEBOOK) if place.name == NOTEBOOK else None


def bring(source: Path, target: Path, parts: Iterable[str]) -> None:
    """Bring the files of a variant into another folder, with a manifest of its own.

    Artifacts are made read-only. They may share one file, where that is large: see `link_or_copy`.

    Raises:
        OSError: A file can't be read, or was changed meanwhile.
    """
    there = _read(source)
    here: dict[str, Record] = {}
    is_linked = False
    for name in (name for part in parts for name in _files(source, part)):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if name.startswith(f"{ARTIFACTS}/"):
            link_or_copy(source / name, target / name)
            protect(target / name)
        else:
            copy_file(source / name, target / name)
        look, copied = _look(source / name), _look(target / name)
        is_shared = look["look"] == copied["look"]
        if not _is_same(there[name], look, but_for_links=is_shared):
            raise OSError(f"{source / name} was changed meanwhile")
        here[name] = {**copied, "sha256": there[name]["sha256"]}
        there[name] |= look
        is_linked = is_linked or is_shared
    write_json(target / MANIFEST, {"files": here})
    if is_linked:
        with contextlib.suppress(OSError):
            write_json(source / MANIFEST, {"files": there})


def protect(path: Path) -> None:
    """Make a file read-only, so that nobody writes into it by mistake."""
    mode = path.stat().st_mode
    if mode & 0o222:
        path.chmod(mode & ~0o222)


def content_hash(path: Path) -> str:
    """Return the hash of a file; of an executed notebook, of its code and outputs alone.

    So one that was opened in Jupyter, and saved, or was given other text cells, is the same.
    """
    if path.name != NOTEBOOK:
        return file_digest(path)
    cells = json.loads(read_bytes(path))["cells"]
    return digest([_code(cell) for cell in cells if cell["cell_type"] == "code"])


def _code(cell: Mapping[str, Any]) -> list[Any]:
    outputs = [
        {key: _joined(value) for key, value in output.items() if key != "execution_count"}
        for output in cell.get("outputs", [])
    ]
    return [_joined(cell["source"]), outputs]


def _joined(value: Any) -> Any:
    """Return lines as one text, as a notebook may hold either."""
    if isinstance(value, Mapping):
        return {key: _joined(item) for key, item in value.items()}
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return value


def _read(folder: Path) -> dict[str, Record]:
    return dict(read_json(folder / MANIFEST)["files"])


def _damage(folder: Path, part: str, records: Mapping[str, Record], seen: dict[str, Record]) -> str:
    """Return what became of a part; note how files look now that have only been touched."""
    names = [name for name in records if name == part or name.startswith(f"{part}/")]
    if not names:
        return f"{part} is not in its {MANIFEST}"
    for name in names:
        if reason := _changed(folder / name, name, records[name], seen):
            return reason
    extra = next((name for name in _files(folder, part) if name not in records), None)
    return f"{extra} was added" if extra else ""


def _changed(path: Path, name: str, record: Record, seen: dict[str, Record]) -> str:
    try:
        look = _look(path)
    except OSError:
        return f"{name} is missing"
    if _is_same(record, look):
        return ""
    if name != NOTEBOOK and look["size"] != record["size"]:
        return f"{name} has {look['size']} bytes instead of {record['size']}"
    try:
        found = content_hash(path)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return f"{name} can't be read: {error}"
    if found != record["sha256"]:
        return f"{name} has another content"
    seen[name] = look
    return ""


def _look(path: Path) -> Record:
    seen = path.stat()
    # The time of change as well: nobody can set it back, as one can the time of modification.
    return {"size": seen.st_size, "look": [seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino]}


def _is_same(record: Record, look: Record, *, but_for_links: bool = False) -> bool:
    """Whether a file looks as recorded; a new link to it changes its time of change alone."""
    if record["size"] != look["size"]:
        return False
    (modified, changed, inode), (now_modified, now_changed, now_inode) = (
        record["look"],
        look["look"],
    )
    is_untouched = changed == now_changed or but_for_links
    return (modified, inode) == (now_modified, now_inode) and is_untouched


def _files(folder: Path, part: str) -> Iterator[str]:
    """Yield the files of a part: itself, or all in it, in order."""
    place = folder / part
    if not place.is_dir():
        yield part
        return
    with os.scandir(place) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        name = f"{part}/{entry.name}"
        if entry.is_dir() and entry.name not in _LEFT_BY_BROWSING:
            yield from _files(folder, name)
        elif entry.name not in _LEFT_BY_BROWSING:
            yield name
