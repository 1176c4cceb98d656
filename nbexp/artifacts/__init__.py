"""Typed save and load: one artifact is one folder, described by its ``artifact.json``."""

from nbexp.artifacts._data import read_tree, write_tree
from nbexp.artifacts._folder import Artifact, hashes, load, read, save, scan
from nbexp.artifacts._tree import culprit

__all__ = [
    "Artifact",
    "culprit",
    "hashes",
    "load",
    "read",
    "read_tree",
    "save",
    "scan",
    "write_tree",
]
