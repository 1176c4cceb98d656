"""The folder of an artifact: written whole or not at all, described, read back."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbexp
from nbexp import files
from nbexp.artifacts import _tree
from nbexp.artifacts._base import Details, Format, UnfitError, type_name
from nbexp.artifacts._formats import BY_NAME, FORMATS, PICKLE
from nbexp.errors import ArtifactError, did_you_mean
from nbexp.runs import manifest

_DESCRIPTION = "artifact.json"
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", re.ASCII)
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Artifact:
    """One saved value.

    Attributes:
        name: Its name, which is also its folder's.
        path: Absolute path of its folder.
        format: Name of the format that it is kept in.
        digest: SHA-256 over its content, 64 hexadecimal digits; the same for the same content,
            whatever its name and whenever and wherever it was saved.
        size: Bytes of its data.
    """

    name: str
    path: Path
    format: str
    digest: str
    size: int


def save(parent: Path, name: str, value: Any, *, pickle: bool = False) -> Artifact:
    """Save a value as the folder ``parent/name``, in place of an older one.

    Args:
        parent: Folder to put it in; it is made where there is none.
        name: Letters, digits, ``_``, ``-`` and ``.``, which may not come first.
        value: A DataFrame or Series, numpy array or scalar, torch tensor or module (its weights),
            JSON data also with tuples, arrays and tensors among it, a str, bytes, or a
            `pathlib.Path` of a file or folder to copy.
        pickle: Whether a value of any other type may be pickled.

    Raises:
        ArtifactError: The name or value can't be kept.
    """
    _check_name(name)
    target = parent.absolute() / name
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{name}.{secrets.token_hex(4)}")
    beside.mkdir()
    try:
        _describe(beside, *_write(value, beside, pickle))
        saved = read(beside)
        _move(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return replace(saved, name=name, path=target)


def load(ref: str | Path, *, into: Any = None, pickle: bool = False) -> Any:
    """Load the value of an artifact.

    Args:
        ref: Path of the artifact's folder, which is what a linked parameter holds.
        into: A `torch.nn.Module` to load saved weights into; it is returned.
        pickle: Whether a pickle may be loaded. It can run any code: say so only for artifacts
            of your own.

    Returns:
        The value; for a module the state dict, unless `into` is given; for a saved file or
        folder the path of its copy.

    Raises:
        ArtifactError: There is no complete artifact, or it can't be loaded this way.
    """
    folder, description = _open(ref)
    kind = BY_NAME[description["format"]]
    if kind.runs_code and not pickle:
        raise ArtifactError(
            f"{folder}: this artifact is a pickle, and loading one can run any code. Where you "
            "trust it, call nbexp.load(ref, pickle=True)."
        )
    _check_files(folder, description)
    if not manifest.require(folder):
        _check_content(folder, description)
    try:
        value = kind.read(folder, description["details"])
    except ArtifactError:
        raise
    except Exception as error:
        raise _damaged(folder, f"{type(error).__name__}: {error}") from error
    return value if into is None else _load_into(into, value, folder, kind)


def read(path: Path) -> Artifact:
    """Return what is known of a saved artifact, without loading it.

    Raises:
        ArtifactError: There is no complete artifact at `path`.
    """
    folder, description = _open(path)
    return Artifact(
        name=folder.name,
        path=folder,
        format=description["format"],
        digest=description["digest"],
        size=sum(description["files"].values()),
    )


def scan(parent: Path) -> dict[str, Artifact]:
    """Return the complete artifacts in a folder by name, sorted; none where it does not exist."""
    return {folder.name: read(folder) for folder in _complete(parent)}


def hashes(artifact: Artifact) -> dict[str, str]:
    """Return the SHA-256 of each file of an artifact that was just saved, by path.

    Raises:
        ArtifactError: It was changed after it was saved.
    """
    folder, description = _open(artifact.path)
    _check_files(folder, description)
    described = (folder / _DESCRIPTION).stat()
    if "sha256" not in description:  # saved by an earlier nbexp
        return {}
    found = {}
    for name, sha256 in description["sha256"].items():
        seen = (folder / name).stat()
        is_older = max(seen.st_mtime_ns, seen.st_ctime_ns) < described.st_mtime_ns
        found[name] = sha256 if is_older else files.file_digest(folder / name)
        if found[name] != sha256:
            raise _damaged(folder, f"{name} was changed after nbexp.save")
    if extra := sorted({*_written(folder)} - found.keys()):
        raise _damaged(folder, f"{extra[0]} was added after nbexp.save")
    return found


def _complete(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    visible = (child for child in sorted(parent.iterdir()) if not child.name.startswith("."))
    return [child for child in visible if (child / _DESCRIPTION).is_file()]


def _check_name(name: str) -> None:
    if isinstance(name, str) and _NAME.fullmatch(name) and len(name) <= _LONGEST_NAME:
        return
    cleaned = re.sub(r"[^A-Za-z0-9_.-]+", "_", str(name)).lstrip(".")[:_LONGEST_NAME]
    raise ArtifactError(
        f"{name!r} can't be the name of an artifact: names are of letters (a to z), digits, '_', "
        f"'-' and '.', which may not come first. Try {cleaned or 'artifact'!r}."
    )


def _choose(value: Any, pickle: bool) -> Format:
    try:
        kind = next((kind for kind in FORMATS if kind.accepts(value)), None)
    except RecursionError as error:
        raise ArtifactError(
            f"This {type_name(value)} is nested too deeply to be saved, or holds itself."
        ) from error
    if kind is not None:
        return kind
    if pickle:
        return PICKLE
    problem = ""
    if isinstance(value, dict | list | tuple):
        problem = f", because it holds {_tree.culprit(value)}"
    raise ArtifactError(
        f"No format keeps this {type_name(value)}{problem}. Convert it to a DataFrame, a numpy "
        "array without objects, a dense tensor or plain data; or save it to a file and give its "
        "pathlib.Path; or, if only code that you trust will load it, call "
        "nbexp.save(name, value, pickle=True), and nbexp.load(ref, pickle=True) later."
    )


def _write(value: Any, folder: Path, pickle: bool) -> tuple[Format, Details]:
    kind = _choose(value, pickle)
    try:
        return kind, kind.write(value, folder)
    except UnfitError:
        if not pickle:
            raise
        for left in folder.iterdir():
            left.unlink()
        return PICKLE, PICKLE.write(value, folder)


def _describe(folder: Path, kind: Format, details: Details) -> None:
    written = {name: folder / name for name in _written(folder)}
    for path in written.values():
        manifest.protect(path)
    hashes = {name: files.file_digest(path) for name, path in written.items()}
    content = kind.fingerprint(folder, hashes)
    identity = {"format": kind.name, "details": details, "content": content}
    description = {
        "format": kind.name,
        "digest": files.digest(identity),
        "nbexp": nbexp.__version__,
        "details": details,
        "files": {name: path.stat().st_size for name, path in written.items()},
        "sha256": hashes,
    }
    files.write_json(folder / _DESCRIPTION, description, is_checked=True)
    manifest.protect(folder / _DESCRIPTION)


def _written(folder: Path) -> list[str]:
    """Return the files of an artifact by path, but for its description."""
    paths = (
        path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()
    )
    return [path for path in paths if path != _DESCRIPTION]


def _move(source: Path, target: Path) -> None:
    """Rename a folder, in place of an older artifact, also where others do so meanwhile."""
    while True:
        try:
            source.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            _remove(target)
        else:
            return


def _remove(target: Path) -> None:
    """Move an artifact away in one step and delete it; what is none stays."""
    old = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        target.rename(old)
    except FileNotFoundError:
        return
    if not (old / _DESCRIPTION).is_file():
        old.rename(target)
        raise ArtifactError(
            f"{target} exists and is not an artifact, so it is not replaced. "
            "Choose another name, or move it away."
        )
    shutil.rmtree(old, ignore_errors=True)


def _open(ref: str | Path) -> tuple[Path, dict[str, Any]]:
    """Return the folder of an artifact and its description, checked."""
    folder = _folder(ref)
    try:
        description = files.read_json(folder / _DESCRIPTION)
        kind = description["format"]
        _ = description["digest"], description["details"], description["files"].values()
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise _damaged(folder, f"its {_DESCRIPTION} can't be read: {error}") from error
    if kind not in BY_NAME:
        raise ArtifactError(
            f"{folder}: its format {kind!r}, written by nbexp {description.get('nbexp', '?')}, is "
            f"not known to this nbexp {nbexp.__version__}, which knows {', '.join(BY_NAME)}. "
            "Upgrade nbexp."
        )
    return folder, description


def _folder(ref: str | Path) -> Path:
    if not isinstance(ref, str | os.PathLike) or not str(ref):
        raise ArtifactError(
            f"An artifact is loaded by the path of its folder, but {ref!r} came. "
            "Is the parameter linked, such as model = '@train.model' in the pipeline?"
        )
    folder = Path(ref).expanduser().absolute()
    if (folder / _DESCRIPTION).is_file():
        return folder
    if folder.is_dir():
        reason = f"this folder has no {_DESCRIPTION}: it is no artifact, or not a complete one."
    elif folder.exists():
        reason = "this is a file, not the folder of an artifact."
    else:
        reason = "there is no such artifact."
    names = [each.name for each in _complete(folder.parent)]
    raise ArtifactError(f"{folder}: {reason} {did_you_mean(folder.name, names)}")


def _check_files(folder: Path, description: dict[str, Any]) -> None:
    """Compare the files' sizes with what was written: cheap, and finds what was cut off."""
    for name, size in description["files"].items():
        path = folder / name
        if not path.is_file():
            raise _damaged(folder, f"{name} is missing")
        if path.stat().st_size != size:
            raise _damaged(folder, f"{name} has {path.stat().st_size} bytes instead of {size}")


def _check_content(folder: Path, description: dict[str, Any]) -> None:
    """Compare the files' hashes with what was written, where no manifest watches over them."""
    hashes = description.get("sha256", {})  # one that was saved by an earlier nbexp has none
    for name, sha256 in hashes.items():
        if files.file_digest(folder / name) != sha256:
            raise _damaged(folder, f"{name} has another content")
    if hashes and (extra := sorted({*_written(folder)} - hashes.keys())):
        raise _damaged(folder, f"{extra[0]} was added")


def _damaged(folder: Path, reason: str) -> ArtifactError:
    return ArtifactError(
        f"{folder}: this artifact is damaged: {reason}. Run the stage that saved it again."
    )


def _load_into(into: Any, value: Any, folder: Path, kind: Format) -> Any:
    if kind.name not in ("module", "tree"):
        raise ArtifactError(
            f"{folder}: `into` takes the weights of a module, but this artifact is in the format "
            f"{kind.name!r}. Call nbexp.load(ref) without it."
        )
    if not hasattr(into, "load_state_dict"):
        raise ArtifactError(
            f"{folder}: `into` must be a torch.nn.Module, but is a {type_name(into)}. "
            "Make the model first, and give it."
        )
    try:
        into.load_state_dict(value)
    except Exception as error:
        raise ArtifactError(
            f"{folder}: these weights don't fit into this {type_name(into)}: {error}. "
            "Make the model with the same parameters as the one that was saved."
        ) from error
    return into
