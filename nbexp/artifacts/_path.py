"""Files and folders that exist already, copied in."""

from __future__ import annotations

import shutil
from pathlib import Path

from nbexp.artifacts._base import Details, Format
from nbexp.errors import ArtifactError


class FileOrFolder(Format):
    """A `pathlib.Path`: its content, in ``content.SUFFIX`` or the folder ``content``.

    The name of the original is not kept, only its suffixes: names of temporary files change from
    run to run, and the digest must not. Symbolic links are replaced by what they point to.
    """

    name = "path"

    def accepts(self, value: object) -> bool:
        return isinstance(value, Path)

    def write(self, value: Path, folder: Path) -> Details:
        source = value.expanduser()
        if not source.exists():
            raise ArtifactError(
                f"{value}: there is no such file or folder to save (seen from {Path.cwd()}). "
                "Give the path of one that exists; a text is saved as a str."
            )
        if folder.resolve().is_relative_to(source.resolve()):
            raise ArtifactError(
                f"{value}: this folder holds the artifacts themselves, so it can't be saved as one."
                " Save a folder beside them."
            )
        target = "content" if source.is_dir() else "content" + "".join(source.suffixes)
        _copy(source, folder / target, above=())
        return {"content": target}

    def read(self, folder: Path, details: Details) -> Path:
        return folder / str(details["content"])


def _copy(source: Path, target: Path, above: tuple[Path, ...]) -> None:
    real = source.resolve()
    if real in above:
        raise ArtifactError(
            f"{source}: this link leads back to {real}, which holds it. Remove the link first."
        )
    if real.is_dir():
        target.mkdir()
        for child in sorted(source.iterdir()):
            _copy(child, target / child.name, (*above, real))
    elif real.is_file():
        shutil.copy(real, target)
    else:
        raise ArtifactError(
            f"{source}: neither a file nor a folder (a broken link, a pipe, a device). Remove it, "
            "or save the other files one by one."
        )
