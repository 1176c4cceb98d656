"""What disks, cables and half copies do to files: nothing that means to deceive."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random


def damage_files(folder: Path, rng: Random) -> str:
    """Damage one to three files in a folder; return what was done, in words."""
    return ", ".join(_damaged(folder, rng) for _ in range(rng.choice((1, 1, 1, 2, 3))))


def _damaged(folder: Path, rng: Random) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        return "nothing is left"
    path, other = rng.choice(files), rng.choice(files)
    path.chmod(0o644)
    name = path.relative_to(folder)
    size = path.stat().st_size
    match rng.randrange(8):
        case 0:
            path.unlink()
            return f"{name} deleted"
        case 1:
            with path.open("r+b") as file:
                file.truncate(rng.randrange(size + 1))
            return f"{name} cut"
        case 2 if path.read_bytes() != other.read_bytes():
            content = path.read_bytes()
            path.write_bytes(other.read_bytes())
            if rng.random() < 0.5:
                other.chmod(0o644)
                other.write_bytes(content)
            return f"{name} with the content of {other.relative_to(folder)}"
        case 3:
            _write(path, rng.randrange(size + 1), b"\0" * rng.choice((1, 512)))
            return f"{name} with zeros"
        case 4 if path.parent != folder:
            shutil.rmtree(path.parent)
            return f"{path.parent.relative_to(folder)} deleted"
    at = rng.randrange(max(size, 1))
    bit = 1 << rng.randrange(8)
    content = path.read_bytes()[at : at + 1]
    _write(path, at, bytes([content[0] ^ bit]) if content else b"x")
    return f"{name} with another bit at {at}"


def _write(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)
