"""Text and bytes, as they are."""

from __future__ import annotations

from pathlib import Path

from nbexp.artifacts._base import Details, Format


class Text(Format):
    """A string, in ``data.txt`` as UTF-8."""

    name = "text"

    def accepts(self, value: object) -> bool:
        return type(value) is str

    def write(self, value: str, folder: Path) -> Details:
        # surrogatepass: a str may hold halves of pairs, such as names of files give.
        (folder / "data.txt").write_bytes(value.encode("utf-8", "surrogatepass"))
        return {}

    def read(self, folder: Path, _details: Details, /) -> str:
        return (folder / "data.txt").read_bytes().decode("utf-8", "surrogatepass")


class Bytes(Format):
    """Bytes, in ``data.bin``."""

    name = "bytes"

    def accepts(self, value: object) -> bool:
        return type(value) is bytes

    def write(self, value: bytes, folder: Path) -> Details:
        (folder / "data.bin").write_bytes(value)
        return {}

    def read(self, folder: Path, _details: Details, /) -> bytes:
        return (folder / "data.bin").read_bytes()
